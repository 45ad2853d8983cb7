rule sample:
    input:
        cases=CASES / "cases.csv",
        model=model_files,
    output:
        RESULTS / "trajectories/{model}/{shard}.safetensors",
    log:
        f"logs/{STUDY['study']}/sample_{{model}}_{{shard}}.log",
    priority: 2  # most others wait for it
    threads: THREADS
    resources:
        gpu=GPUS,
    params:
        settings=settings("models", "sampler", "video", "seeds", "execution"),
        code=package_fingerprint("runs"),
        config=SETTINGS,
        cases=CASES,
    shell:
        "cos sample --config {params.config} --model {wildcards.model} --cases {params.cases}"
        " --shard {wildcards.shard} --out {output} > {log} 2>&1"
