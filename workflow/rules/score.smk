rule read:
    input:
        trajectory=RESULTS / "trajectories/{model}/{shard}.safetensors",
    output:
        RESULTS / "readouts/{model}/{shard}.parquet",
    log:
        f"logs/{STUDY['study']}/read_{{model}}_{{shard}}.log",
    threads: THREADS
    resources:
        gpu=GPUS,
    params:
        code=package_fingerprint("runs"),
        config=SETTINGS,
        cases=CASES,
    shell:
        "cos read --config {params.config} --model {wildcards.model} --cases {params.cases}"
        " --trajectory {input.trajectory} --out {output} 2> {log}"


rule readouts:
    input:
        expand(RESULTS / "readouts/{model}/{shard}.parquet", model=MODELS, shard=SHARDS),
    output:
        RESULTS / "tables/readouts.parquet",
    log:
        f"logs/{STUDY['study']}/readouts.log",
    localrule: True
    params:
        config=SETTINGS,
    shell:
        "cos join --config {params.config} --out {output} {input} 2> {log}"


rule timeline:
    input:
        readouts=RESULTS / "tables/readouts.parquet",
    output:
        RESULTS / "tables/timeline.csv",
    log:
        f"logs/{STUDY['study']}/timeline.log",
    localrule: True
    params:
        settings=settings("statistics"),
        code=package_fingerprint("experiments.decision.timeline"),
        config=SETTINGS,
        cases=CASES,
    shell:
        "cos timeline --config {params.config} --cases {params.cases}"
        " --readouts {input.readouts} --out {output} 2> {log}"


rule examples:
    input:
        readouts=RESULTS / "tables/readouts.parquet",
        trajectories=expand(
            RESULTS / "trajectories/{model}/{shard}.safetensors", model=MAIN_MODEL, shard=SHARDS
        ),
    output:
        directory(RESULTS / "tables/examples"),
    log:
        f"logs/{STUDY['study']}/examples.log",
    threads: THREADS
    resources:
        gpu=GPUS,
    params:
        code=package_fingerprint("experiments.decision.examples"),
        config=SETTINGS,
        cases=CASES,
        trajectories=RESULTS / "trajectories" / MAIN_MODEL,
    shell:
        "cos examples --config {params.config} --cases {params.cases}"
        " --trajectories {params.trajectories} --readouts {input.readouts} --out {output} 2> {log}"
