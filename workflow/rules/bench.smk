# Measurements, made anew each time they are asked for: `snakemake bench`. Not part of `all`.


rule bench:
    input:
        sorted(Path(STUDY["models"][MAIN_MODEL]["path"]).rglob("*.safetensors")),
    log:
        f"logs/{STUDY['study']}/bench.log",
    localrule: True
    threads: lambda wildcards: workflow.cores
    params:
        config=SETTINGS,
        script="benchmarks/bench.py",
    shell:
        "python {params.script} --config {params.config} 2> {log}"
