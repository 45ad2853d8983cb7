# The training-free ensemble, its controls, and rivals at equal compute (paper, section 6).


rule ensemble:
    input:
        cases=CASES / "cases.csv",
        model=model_files,
    output:
        RESULTS / "ensemble/{model}/{shard}.parquet",
    log:
        f"logs/{STUDY['study']}/ensemble_{{model}}_{{shard}}.log",
    threads: THREADS
    resources:
        gpu=GPUS,
    params:
        settings=settings("models", "sampler", "video", "seeds", "execution", "ensemble"),
        code=package_fingerprint("experiments.ensemble.ensembles"),
        config=SETTINGS,
        cases=CASES,
    shell:
        "cos ensemble --config {params.config} --model {wildcards.model} --cases {params.cases}"
        " --shard {wildcards.shard} --out {output} > {log} 2>&1"


rule ensembles:
    input:
        expand(RESULTS / "ensemble/{model}/{shard}.parquet", model=MODELS, shard=SHARDS),
    output:
        RESULTS / "tables/ensemble.csv",
    log:
        f"logs/{STUDY['study']}/ensembles.log",
    localrule: True
    params:
        config=SETTINGS,
    shell:
        "cos join --config {params.config} --out {output} {input} 2> {log}"


rule compare:
    input:
        readouts=RESULTS / "tables/readouts.parquet",
        ensembles=RESULTS / "tables/ensemble.csv",
    output:
        RESULTS / "tables/compare.csv",
    log:
        f"logs/{STUDY['study']}/compare.log",
    localrule: True
    params:
        settings=settings("statistics", "ensemble", "seeds"),
        code=package_fingerprint("experiments.ensemble.ensembles", "cases.references"),
        config=SETTINGS,
        cases=CASES,
    shell:
        "cos compare --config {params.config} --cases {params.cases} --readouts {input.readouts}"
        " --ensembles {input.ensembles} --out {output} 2> {log}"
