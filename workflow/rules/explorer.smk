# A page to look at runs, written to results/<study>/explorer: `snakemake explorer`.
# Not part of `all`: it takes minutes and some 200 MB, and no number comes from it.

from chain_of_steps.explorer.publish import PARTS

EXPLORER = RESULTS / "explorer"
PUZZLES = STUDY["cases"]["source"] == "puzzles"
MAPS = [RESULTS / "tables/token_maps_runs.parquet"] if "layers" in STUDY["experiments"] else []


rule explore:
    input:
        trajectory=RESULTS / "trajectories/{model}/{shard}.safetensors",
        readouts=[RESULTS / "readouts/{model}/{shard}.parquet"] if PUZZLES else [],
        maps=MAPS,
    output:
        directory(EXPLORER / "{model}/{shard}"),
    log:
        f"logs/{STUDY['study']}/explore_{{model}}_{{shard}}.log",
    threads: THREADS
    params:
        settings=settings("explorer", "seeds"),
        code=package_fingerprint("explorer.data"),
        config=SETTINGS,
        cases=CASES,
        tables=lambda wildcards, input: " ".join(
            f"--{name} {input[name]}" for name in ("readouts", "maps") if input[name]
        ),
    shell:
        "cos explore --config {params.config} --model {wildcards.model} --cases {params.cases}"
        " --trajectory {input.trajectory} {params.tables} --out {output} > {log} 2>&1"


rule explorer:
    input:
        expand(EXPLORER / "{model}/{shard}", model=MAIN_MODEL, shard=SHARDS),
    output:
        [EXPLORER / name for name in PARTS],
    log:
        f"logs/{STUDY['study']}/explorer.log",
    localrule: True
    params:
        code=package_fingerprint("explorer", "explorer.publish", "plots"),
        config=SETTINGS,
    shell:
        "cos explore-page --config {params.config} --out {output[0]} {input} 2> {log}"
