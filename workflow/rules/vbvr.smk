# Which videos are written and scored: a condition is sampled with its own models. The rules that
# write and score them are those of the stages.

# condition -> the models that it is sampled with
CONDITION_MODELS = {
    "clean": MODELS,  # `steps` are written with them
    "noise": [MAIN_MODEL] if "noise" in STUDY.vbvr.conditions else [],
    "ensemble": [MAIN_MODEL] if "ensemble" in STUDY.vbvr.conditions else [],
}


# One environment for all studies: the scorer pins an OpenCV of its own.
rule scorer:
    input:
        provenance=checked(stage_of("scorer"), ROOT / "scorer"),
    output:
        directory(ROOT / "scorer"),
    log:
        ROOT / "scorer.log",
    localrule: True
    params:
        code=code_of(stage_of("scorer")),
        config=SETTINGS,
    shell:
        "cos scorer --config {params.config} --code {params.code} --out {output} 2> {log}"


rule all_videos:
    input:
        [
            RESULTS / f"videos/{model}/{condition}-{shard}.csv"
            for condition, models in CONDITION_MODELS.items()
            for model in models
            for shard in SHARDS
        ],
    localrule: True


rule vbvr_scores:
    input:
        provenance=checked(stage_of("join"), RESULTS / "tables/vbvr_scores.csv"),
        tables=[
            RESULTS / f"scores/{model}/{condition}-{shard}.csv"
            for condition, models in (CONDITION_MODELS | {"reference": ["none"]}).items()
            for model in models
            for shard in SHARDS
        ],
    output:
        RESULTS / "tables/vbvr_scores.csv",
    log:
        LOGS / "vbvr_scores.log",
    localrule: True
    params:
        code=code_of(stage_of("join")),
        config=SETTINGS,
    shell:
        "cos join --config {params.config} --code {params.code} --out {output} {input.tables}"
        " 2> {log}"
