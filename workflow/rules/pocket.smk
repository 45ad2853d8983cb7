# Training of pocket models. Not part of `all`: their weights come with the repository.

TRAIN, CARD = stage_of("train"), stage_of("card")
TRAINED = ROOT / "training"


for name, recipe in STUDY.train.items():

    rule:
        name:
            f"train_{name.replace('-', '_')}"
        output:
            model=directory(TRAINED / name),
            checkpoints=[directory(TRAINED / f"{name}-at-{n}") for n in recipe.checkpoints],
        log:
            TRAINED / f"{name}.log",
        threads: recipe.threads
        resources:
            gpu=gpus_of(TRAIN),
            mem_mb=memory_of(TRAIN),
            runtime=minutes_of(TRAIN),
        params:
            settings=digest_json(recipe.model_dump()),
            code=code_of(TRAIN),
            config=SETTINGS,
            name=name,
            # outlives a job that is stopped, which the next try goes on from
            state=TRAINED / ".state" / name,
        shell:
            "cos train --name {params.name} --config {params.config} --code {params.code}"
            " --out {output.model}"
            " --state {params.state} 2> {log}"


rule train_ladder:
    input:
        [TRAINED / name for name in STUDY.train],
    localrule: True


rule card:
    input:
        weights,
    output:
        TRAINED / "{model}.card.done",
    log:
        TRAINED / "{model}.card.log",
    threads: threads_of(CARD)
    resources:
        gpu=gpus_of(CARD),
        mem_mb=memory_of(CARD),
        runtime=minutes_of(CARD),
    params:
        settings=settings_of(CARD),
        code=code_of(CARD),
        content=content_of(CARD),
        config=SETTINGS,
        folder=lambda wildcards: STUDY.models[wildcards.model].path,
    shell:
        "cos card --config {params.config} --code {params.code} --model {wildcards.model} --out {params.folder} 2> {log}"
        " && touch {output}"


rule cards:
    input:
        expand(TRAINED / "{model}.card.done", model=MODELS),
    localrule: True
