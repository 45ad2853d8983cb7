# Videos of every condition in the layout of VBVR-Bench, and their scores by its own scorer.

BENCH = STUDY["bench"]
VIDEOS = RESULTS / "videos"
# condition -> the models that it is sampled with
CONDITION_MODELS = {
    "clean": MODELS,  # `steps` are written with them
    "noise": [MAIN_MODEL] if "noise" in BENCH["conditions"] else [],
    "ensemble": [MAIN_MODEL] if "ensemble" in BENCH["conditions"] else [],
}


rule videos:
    input:
        trajectory=RESULTS / "trajectories/{model}/{shard}.safetensors",
    output:
        RESULTS / "videos/{model}/clean-{shard}.csv",
    log:
        f"logs/{STUDY['study']}/videos_{{model}}_{{shard}}.log",
    threads: THREADS
    resources:
        gpu=GPUS,
    params:
        settings=settings("bench", "video"),
        code=package_fingerprint("experiments.videos.writing"),
        config=SETTINGS,
        cases=CASES,
        folder=subpath(output[0], parent=True),
    shell:
        "cos videos --config {params.config} --model {wildcards.model} --cases {params.cases}"
        " --trajectory {input.trajectory} --folder {params.folder} --out {output} 2> {log}"


rule noise_videos:
    input:
        trajectory=RESULTS / "trajectories/{model}/{shard}.safetensors",
    output:
        index=RESULTS / "videos/{model}/noise-{shard}.csv",
        table=RESULTS / "videos/{model}/noise-{shard}.parquet",
        flow=RESULTS / "videos/{model}/noise-{shard}.flow.parquet",
    log:
        f"logs/{STUDY['study']}/noise_videos_{{model}}_{{shard}}.log",
    threads: THREADS
    resources:
        gpu=GPUS,
    params:
        settings=settings("perturbation", "video"),
        code=package_fingerprint("experiments.noise.perturbation", "experiments.videos.writing"),
        config=SETTINGS,
        cases=CASES,
        folder=subpath(output[0], parent=True),
    shell:
        "cos perturb --config {params.config} --model {wildcards.model} --cases {params.cases}"
        " --trajectory {input.trajectory} --out {output.table} --flow {output.flow}"
        " --videos {params.folder} --video-index {output.index} > {log} 2>&1"


rule ensemble_videos:
    input:
        cases=CASES / "cases.csv",
        model=model_files,
    output:
        index=RESULTS / "videos/{model}/ensemble-{shard}.csv",
        table=RESULTS / "videos/{model}/ensemble-{shard}.parquet",
    log:
        f"logs/{STUDY['study']}/ensemble_videos_{{model}}_{{shard}}.log",
    threads: THREADS
    resources:
        gpu=GPUS,
    params:
        settings=settings("models", "sampler", "video", "seeds", "execution", "ensemble"),
        code=package_fingerprint("experiments.ensemble.ensembles", "experiments.videos.writing"),
        config=SETTINGS,
        cases=CASES,
        folder=subpath(output[0], parent=True),
    shell:
        "cos ensemble --config {params.config} --model {wildcards.model} --cases {params.cases}"
        " --shard {wildcards.shard} --out {output.table}"
        " --videos {params.folder} --video-index {output.index} > {log} 2>&1"


rule reference_videos:
    input:
        CASES / "cases.csv",
    output:
        RESULTS / "videos/none/reference-{shard}.csv",
    log:
        f"logs/{STUDY['study']}/reference_videos_{{shard}}.log",
    localrule: True
    params:
        settings=settings("video", "execution"),
        code=package_fingerprint("experiments.vbvr.scores"),
        config=SETTINGS,
        cases=CASES,
        folder=subpath(output[0], parent=True),
    shell:
        "cos bench-references --config {params.config} --cases {params.cases}"
        " --shard {wildcards.shard} --folder {params.folder} --out {output} 2> {log}"


# One environment for all studies: the scorer pins an OpenCV of its own.
rule scorer:
    output:
        directory("results/scorer"),
    log:
        "logs/scorer.log",
    localrule: True
    params:
        pins=digest_json(pins()),
        config=SETTINGS,
    shell:
        "cos scorer --config {params.config} --out {output} 2> {log}"


rule score:
    input:
        index=RESULTS / "videos/{model}/{condition}-{shard}.csv",
        scorer="results/scorer",
    output:
        RESULTS / "scores/{model}/{condition}-{shard}.csv",
    log:
        f"logs/{STUDY['study']}/score_{{model}}_{{condition}}_{{shard}}.log",
    wildcard_constraints:
        condition="clean|noise|ensemble|reference",
    params:
        timeout=BENCH["timeout"],
        code=package_fingerprint("experiments.vbvr.scorer", "experiments.vbvr.worker"),
        config=SETTINGS,
        cases=CASES,
        folder=subpath(input.index, parent=True),
    shell:
        "cos score --config {params.config} --cases {params.cases} --folder {params.folder}"
        " --index {input.index} --scorer {input.scorer} --out {output} > {log} 2>&1"


rule all_videos:
    input:
        [
            RESULTS / f"videos/{model}/{condition}-{shard}.csv"
            for condition, models in CONDITION_MODELS.items()
            for model in models
            for shard in SHARDS
        ],
    localrule: True


rule bench_scores:
    input:
        [
            RESULTS / f"scores/{model}/{condition}-{shard}.csv"
            for condition, models in (CONDITION_MODELS | {"reference": ["none"]}).items()
            for model in models
            for shard in SHARDS
        ],
    output:
        RESULTS / "tables/bench_scores.csv",
    log:
        f"logs/{STUDY['study']}/bench_scores.log",
    localrule: True
    params:
        config=SETTINGS,
    shell:
        "cos join --config {params.config} --out {output} {input} 2> {log}"


rule bench_summary:
    input:
        RESULTS / "tables/bench_scores.csv",
    output:
        RESULTS / "tables/bench.csv",
    log:
        f"logs/{STUDY['study']}/bench_summary.log",
    localrule: True
    params:
        settings=settings("statistics"),
        code=package_fingerprint("experiments.vbvr.scores"),
        config=SETTINGS,
        cases=CASES,
    shell:
        "cos bench-summary --config {params.config} --cases {params.cases} --out {output}"
        " {input} 2> {log}"
