# Noise at steps and at frames of the main model: Figure 3 and Supplement S2.


rule references:
    input:
        CASES / "cases.csv",
    output:
        RESULTS / "tables/references.csv",
    log:
        f"logs/{STUDY['study']}/references.log",
    localrule: True
    params:
        code=package_fingerprint("cases.references"),
        config=SETTINGS,
        cases=CASES,
    shell:
        "cos references --config {params.config} --cases {params.cases} --out {output} 2> {log}"


rule perturb:
    input:
        trajectory=RESULTS / "trajectories/{model}/{shard}.safetensors",
    output:
        table=RESULTS / "perturbation/{model}/{shard}.parquet",
        flow=RESULTS / "perturbation/{model}/{shard}.flow.parquet",
    log:
        f"logs/{STUDY['study']}/perturb_{{model}}_{{shard}}.log",
    priority: 1  # the longest jobs: shorter ones fill the cores at the end
    threads: THREADS
    resources:
        gpu=GPUS,
    params:
        settings=settings("perturbation"),
        code=package_fingerprint("experiments.noise.perturbation"),
        config=SETTINGS,
        cases=CASES,
    shell:
        "cos perturb --config {params.config} --model {wildcards.model} --cases {params.cases}"
        " --trajectory {input.trajectory} --out {output.table} --flow {output.flow}"
        " > {log} 2>&1"


rule perturbation:
    input:
        expand(RESULTS / "perturbation/{model}/{shard}.parquet", model=MAIN_MODEL, shard=SHARDS),
    output:
        RESULTS / "tables/perturbation.csv",
    log:
        f"logs/{STUDY['study']}/perturbation.log",
    localrule: True
    params:
        config=SETTINGS,
    shell:
        "cos join --config {params.config} --out {output} {input} 2> {log}"


rule noise:
    input:
        table=RESULTS / "tables/perturbation.csv",
        references=RESULTS / "tables/references.csv",
        flows=expand(
            RESULTS / "perturbation/{model}/{shard}.flow.parquet", model=MAIN_MODEL, shard=SHARDS
        ),
    output:
        expand(
            RESULTS / "tables/{name}.csv", name=["noise", "cka", "sensitivity", "noise_verdicts"]
        ),
    log:
        f"logs/{STUDY['study']}/noise.log",
    localrule: True
    params:
        settings=settings("statistics"),
        code=package_fingerprint("experiments.noise.tables"),
        config=SETTINGS,
        tables=RESULTS / "tables",
    shell:
        "cos noise --config {params.config} --perturbation {input.table}"
        " --references {input.references} --out {params.tables} {input.flows} 2> {log}"
