# A page to look at runs, written to results/<study>/explorer: `snakemake explorer`.
# Not part of `all`: it takes minutes and some 200 MB, and no number comes from it.

from chain_of_steps.explorer.publish import PARTS

EXPLORE, EXPLORE_PAGE = stage_of("explore"), stage_of("explore-page")
EXPLORER = RESULTS / "explorer"
PUZZLES = STUDY.cases.source == "puzzles"
MAPS = [RESULTS / "tables/token_maps_runs.parquet"] if "layers" in STUDY.experiments else []
SCORES = [RESULTS / "tables/vbvr_scores.csv"] if "vbvr" in STUDY.experiments else []


rule explore:
    input:
        weights=weights,
        trajectory=RESULTS / "trajectories/{model}/{shard}.safetensors",
        readouts=[RESULTS / "readouts/{model}/{shard}.parquet"] if PUZZLES else [],
        maps=MAPS,
        scores=SCORES,
        provenance=checked(EXPLORE, EXPLORER / "{model}/{shard}"),
    output:
        directory(EXPLORER / "{model}/{shard}"),
    log:
        LOGS / "explore_{model}_{shard}.log",
    threads: threads_of(EXPLORE)
    resources:
        gpu=gpus_of(EXPLORE),
        mem_mb=memory_of(EXPLORE),
        runtime=minutes_of(EXPLORE),
    params:
        settings=settings_of(EXPLORE),
        code=code_of(EXPLORE),
        content=content_of(EXPLORE),
        config=SETTINGS,
        cases=RESULTS / "cases",
        tables=lambda wildcards, input: " ".join(
            f"--{name} {input[name]}" for name in ("readouts", "maps", "scores") if input[name]
        ),
    shell:
        "cos explore --config {params.config} --code {params.code} --model {wildcards.model} --cases {params.cases}"
        " --trajectory {input.trajectory} {params.tables} --out {output} > {log} 2>&1"


rule explorer:
    input:
        shards=expand(EXPLORER / "{model}/{shard}", model=MAIN_MODEL, shard=SHARDS),
        provenance=checked(EXPLORE_PAGE, EXPLORER / PARTS[0]),
    output:
        page=EXPLORER / PARTS[0],
        parts=[EXPLORER / name for name in PARTS[1:]],
    log:
        LOGS / "explorer.log",
    localrule: True
    params:
        settings=settings_of(EXPLORE_PAGE),
        code=code_of(EXPLORE_PAGE),
        config=SETTINGS,
    shell:
        "cos explore-page --config {params.config} --code {params.code} --out {output.page}"
        " {input.shards} 2> {log}"
