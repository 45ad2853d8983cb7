# Training of the pocket reasoner. Not part of `all`: its weights come with the repository.

TRAIN, CARD = stage_of("train"), stage_of("card")


rule train_pocket:
    output:
        model=directory("results/training/pocket"),
        early=directory("results/training/pocket-early"),
    log:
        "logs/train_pocket.log",
    threads: STUDY.train.threads
    resources:
        gpu=gpus_of(TRAIN),
        mem_mb=memory_of(TRAIN),
        runtime=minutes_of(TRAIN),
    params:
        settings=settings_of(TRAIN),
        code=code_of(TRAIN),
        config=SETTINGS,
    shell:
        "cos train --config {params.config} --out {output.model} --early {output.early} 2> {log}"


rule card:
    input:
        weights,
    output:
        "results/training/{model}.card.done",
    log:
        "logs/card_{model}.log",
    threads: threads_of(CARD)
    resources:
        gpu=gpus_of(CARD),
        mem_mb=memory_of(CARD),
        runtime=minutes_of(CARD),
    params:
        settings=settings_of(CARD),
        code=code_of(CARD),
        config=SETTINGS,
        folder=lambda wildcards: STUDY.models[wildcards.model].path,
    shell:
        "cos card --config {params.config} --model {wildcards.model} --out {params.folder} 2> {log}"
        " && touch {output}"


rule cards:
    input:
        expand("results/training/{model}.card.done", model=MODELS),
    localrule: True
