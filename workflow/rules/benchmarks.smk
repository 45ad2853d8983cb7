# Measurements, made anew each time they are asked for: `snakemake benchmarks`. Not part of `all`.


rule benchmarks:
    input:
        [str(path) for path in model_files(STUDY.models[MAIN_MODEL].path).values()],
    log:
        LOGS / "benchmarks.log",
    localrule: True
    threads: lambda wildcards: workflow.cores
    params:
        config=SETTINGS,
        script=lambda wildcards: of_workflow("../benchmarks/bench.py"),
    shell:
        "python {params.script} --config {params.config} 2> {log}"
