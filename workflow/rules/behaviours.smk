# Working memory, self-correction, perception before action, the ideal denoiser. Main model, and
# for self-correction all of them.

BEHAVIOURS = ["memory", "perception", "posterior"]
BEHAVIOUR_SUMMARIES = [
    *("memory", "memory_noise", "correction", "correction_tests"),
    *("perception", "posterior", "behaviour_verdicts"),
]


rule behaviours:
    input:
        trajectory=RESULTS / "trajectories/{model}/{shard}.safetensors",
        readouts=RESULTS / "readouts/{model}/{shard}.parquet",
    output:
        expand(RESULTS / "behaviours/{{model}}/{{shard}}/{table}.parquet", table=BEHAVIOURS),
    log:
        f"logs/{STUDY['study']}/behaviours_{{model}}_{{shard}}.log",
    threads: THREADS
    params:
        settings=settings("behaviours", "seeds"),
        code=package_fingerprint(
            *(f"experiments.behaviours.{name}" for name in BEHAVIOURS),
        ),
        config=SETTINGS,
        cases=CASES,
        folder=subpath(output[0], parent=True),
    shell:
        "cos behaviours --config {params.config} --model {wildcards.model} --cases {params.cases}"
        " --trajectory {input.trajectory} --readouts {input.readouts} --out {params.folder}"
        " > {log} 2>&1"


rule behaviour_runs:
    input:
        expand(
            RESULTS / "behaviours/{model}/{shard}/{{table}}.parquet",
            model=MAIN_MODEL,
            shard=SHARDS,
        ),
    output:
        RESULTS / "tables/{table}_runs.parquet",
    log:
        f"logs/{STUDY['study']}/{{table}}_runs.log",
    wildcard_constraints:
        table="|".join(BEHAVIOURS),
    localrule: True
    params:
        config=SETTINGS,
    shell:
        "cos join --config {params.config} --out {output} {input} 2> {log}"


rule behaviour_summary:
    input:
        expand(RESULTS / "tables/{table}_runs.parquet", table=BEHAVIOURS),
        RESULTS / "tables/perturbation.csv",
        RESULTS / "tables/readouts.parquet",
    output:
        expand(RESULTS / "tables/{table}.csv", table=BEHAVIOUR_SUMMARIES),
    log:
        f"logs/{STUDY['study']}/behaviour_summary.log",
    localrule: True
    params:
        settings=settings("statistics"),
        code=package_fingerprint("experiments.behaviours"),
        config=SETTINGS,
        cases=CASES,
        tables=RESULTS / "tables",
    shell:
        "cos behaviour-summary --config {params.config} --cases {params.cases}"
        " --tables {params.tables} --out {params.tables} 2> {log}"


rule behaviour_examples:
    input:
        perception=RESULTS / "tables/perception_runs.parquet",
        readouts=RESULTS / "tables/readouts.parquet",
        trajectories=expand(
            RESULTS / "trajectories/{model}/{shard}.safetensors", model=MAIN_MODEL, shard=SHARDS
        ),
    output:
        directory(RESULTS / "tables/behaviour_examples"),
    log:
        f"logs/{STUDY['study']}/behaviour_examples.log",
    threads: THREADS
    params:
        code=package_fingerprint("experiments.behaviours.examples"),
        config=SETTINGS,
        cases=CASES,
        trajectories=RESULTS / "trajectories" / MAIN_MODEL,
    shell:
        "cos behaviour-examples --config {params.config} --cases {params.cases}"
        " --trajectories {params.trajectories} --readouts {input.readouts}"
        " --perception {input.perception} --out {output} 2> {log}"
