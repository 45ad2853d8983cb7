# Training of the pocket reasoner. Not part of `all`: its weights come with the repository.


rule train_pocket:
    output:
        model=directory("results/training/pocket"),
        early=directory("results/training/pocket-early"),
    log:
        "logs/train_pocket.log",
    threads: STUDY["train"]["threads"]
    params:
        settings=settings("train"),
        code=package_fingerprint("pocket.training"),
        config=SETTINGS,
    shell:
        "cos train --config {params.config} --out {output.model} --early {output.early}" " 2> {log}"


rule card:
    input:
        model_files,
    output:
        "results/training/{model}.card.done",
    log:
        "logs/card_{model}.log",
    threads: THREADS
    resources:
        gpu=GPUS,
    params:
        settings=settings("card", "sampler", "video"),
        code=package_fingerprint("pocket.card"),
        config=SETTINGS,
        folder=lambda wildcards: STUDY["models"][wildcards.model]["path"],
    shell:
        "cos card --config {params.config} --model {wildcards.model} --out {params.folder} 2> {log}"
        " && touch {output}"


rule cards:
    input:
        expand("results/training/{model}.card.done", model=MODELS),
    localrule: True
