# Figures are drawn from the tables in figures/tables, which come with the repository.
# A study fills them (rule publish); with `--config shipped=true` they are taken as they are.

FIGURE_INPUTS = {
    "figure1": ["examples"],
    "figure2": ["examples"],
    "s1_timeline": ["timeline.csv"],
}
PUBLISHED = ["readouts.parquet", *sorted({name for names in FIGURE_INPUTS.values() for name in names})]

if not SHIPPED:

    rule publish:
        input:
            RESULTS / "tables/{table}.{suffix}",
        output:
            TABLES / "{table}.{suffix}",
        wildcard_constraints:
            table=r"[a-z_]+",
            suffix="csv|parquet",
        log:
            f"logs/{STUDY['study']}/publish_{{table}}.{{suffix}}.log",
        shell:
            "cp {input} {output} 2> {log}"

    rule publish_examples:
        input:
            RESULTS / "tables/examples",
        output:
            directory(TABLES / "examples"),
        log:
            f"logs/{STUDY['study']}/publish_examples.log",
        shell:
            "cp -r {input} {output} 2> {log}"


rule figure:
    input:
        notebook="workflow/notebooks/{figure}.py",
        tables=lambda wildcards: [TABLES / name for name in FIGURE_INPUTS[wildcards.figure]],
    output:
        png=FIGURES / "{figure}.png",
        pdf=FIGURES / "{figure}.pdf",
        caption=FIGURES / "{figure}.md",
        facts=FIGURES / "{figure}.json",
    params:
        code=package_fingerprint("plots"),
        tables=TABLES,
        stem=lambda wildcards: FIGURES / wildcards.figure,
        model=MAIN_MODEL,
    log:
        notebook=RESULTS / "notebooks/{figure}.ipynb",
    wildcard_constraints:
        figure="|".join(FIGURE_INPUTS),
    shell:
        "jupytext --quiet --to ipynb -o - {input.notebook}"
        " | papermill - {log.notebook} -k python3 --no-progress-bar"
        " -p tables {params.tables} -p stem {params.stem} -p model {params.model}"


rule manifest:
    input:
        figures=expand(FIGURES / "{figure}.png", figure=FIGURE_INPUTS),
        tables=[TABLES / name for name in PUBLISHED],
    output:
        FIGURES / "manifest.json",
    params:
        config=SETTINGS,
        code=package_fingerprint("experiments.manifest"),
    log:
        f"logs/{STUDY['study']}/manifest.log",
    shell:
        "cos manifest --config {params.config} --out {output} --notebooks workflow/notebooks"
        " {input.figures} 2> {log}"
