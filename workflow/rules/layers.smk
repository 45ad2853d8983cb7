# Inside one step: token energy, layer swaps, patching of mazes, layer ablation. Main model only.

# analysis -> tables of a job; the first one is summarised
LAYER_TABLES = {
    "energy": ["token_energy", "token_maps", "token_channels"],
    "swap": ["layer_swap"],
    "patching": ["layer_patching"],
    "ablation": ["layer_ablation"],
}

for analysis, tables in LAYER_TABLES.items():

    rule:
        name:
            f"layers_{analysis}"
        input:
            cases=CASES / "cases.csv",
            model=model_files,
        output:
            expand(RESULTS / "layers/{{model}}/{{job}}/{table}.parquet", table=tables),
        log:
            f"logs/{STUDY['study']}/layers_{analysis}_{{model}}_{{job}}.log",
        wildcard_constraints:
            job=r"\d+",
        threads: THREADS
        resources:
            gpu=GPUS,
        params:
            settings=settings("models", "sampler", "video", "seeds", "execution", "layers"),
            code=package_fingerprint("experiments.layers.analyses"),
            config=SETTINGS,
            cases=CASES,
            analysis=analysis,
            folder=subpath(output[0], parent=True),
        shell:
            "cos layers --config {params.config} --analysis {params.analysis}"
            " --model {wildcards.model} --cases {params.cases} --job {wildcards.job}"
            " --out {params.folder} > {log} 2>&1"

    rule:
        name:
            f"layer_summary_{analysis}"
        input:
            RESULTS / f"tables/{tables[0]}_runs.parquet",
        output:
            RESULTS / f"tables/{tables[0]}.csv",
        log:
            f"logs/{STUDY['study']}/layer_summary_{analysis}.log",
        localrule: True
        params:
            settings=settings("statistics"),
            code=package_fingerprint("experiments.layers.analyses"),
            config=SETTINGS,
            analysis=analysis,
        shell:
            "cos layer-summary --config {params.config} --analysis {params.analysis}"
            " --table {input} --out {output} 2> {log}"


rule layer_runs:
    input:
        expand(
            RESULTS / "layers/{model}/{job}/{{table}}.parquet",
            model=MAIN_MODEL,
            job=range(STUDY["layers"]["jobs"]),
        ),
    output:
        RESULTS / "tables/{table}_runs.parquet",
    log:
        f"logs/{STUDY['study']}/{{table}}_runs.log",
    wildcard_constraints:
        table="|".join(table for tables in LAYER_TABLES.values() for table in tables),
    localrule: True
    params:
        config=SETTINGS,
    shell:
        "cos join --config {params.config} --out {output} {input} 2> {log}"
