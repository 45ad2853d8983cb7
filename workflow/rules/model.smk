# Training of the pocket reasoner. Not part of `all`: its weights come with the repository.


rule train_pocket:
    output:
        directory("results/training/pocket"),
        directory("results/training/pocket-early"),
    params:
        settings=settings("train"),
        code=package_fingerprint("training"),
        config=SETTINGS,
    log:
        "logs/train_pocket.log",
    threads: STUDY["train"]["threads"]
    shell:
        "cos train --config {params.config} --out {output[0]} --early {output[1]} 2> {log}"


rule card:
    input:
        model_files,
    output:
        "results/training/{model}.card.done",
    params:
        settings=settings("card", "sampler", "video"),
        code=package_fingerprint("experiments.card"),
        config=SETTINGS,
        folder=lambda wildcards: STUDY["models"][wildcards.model]["path"],
    log:
        "logs/card_{model}.log",
    threads: THREADS
    shell:
        "cos card --config {params.config} --model {wildcards.model} --out {params.folder} 2> {log}"
        " && touch {output}"


rule cards:
    input:
        expand("results/training/{model}.card.done", model=MODELS),
