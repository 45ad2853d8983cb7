# Figures are drawn from the tables in figures/tables, which come with the repository.
# A study fills them (rule publish); with `--config shipped=true` they are taken as they are.
from chain_of_steps.study.claims import load_claims, tables_of

NOISE_TABLES = ["noise.csv", "cka.csv", "sensitivity.csv", "noise_verdicts.csv"]
BEHAVIOUR_TABLES = ["memory.csv", "memory_noise.csv", "correction.csv", "correction_tests.csv"]
BEHAVIOUR_TABLES += ["behaviour_verdicts.csv"]
# experiment -> figure or table -> what its notebook reads
FIGURE_GROUPS = {
    "decision": {
        "figure1": ["examples"],
        "figure2": ["examples"],
        "s1_timeline": ["timeline.csv"],
    },
    "noise": {"figure3": NOISE_TABLES, "s2_noise": NOISE_TABLES},
    "behaviours": {
        "figure4": ["behaviour_examples", "memory.csv", "correction.csv"],
        "figure5": ["behaviour_examples", "perception.csv"],
        "s3_behaviours": BEHAVIOUR_TABLES,
        "s4_posterior": ["posterior.csv", "behaviour_verdicts.csv"],
    },
    "layers": {
        "figure6": ["token_maps_runs.parquet", "layer_swap.csv"],
        "s6_causal_map": ["layer_swap.csv", "layer_patching.csv"],
        "s7_ablation": ["layer_ablation.csv"],
        "s8_energy": ["token_energy.csv"],
    },
    "ensemble": {"s5_compute": ["compare.csv"]},
}
TABLE_GROUPS = {
    "ensemble": {"table1_ensemble": ["compare.csv", "published.csv"]},
    "bench": {"table2_bench": ["bench.csv", "published_bench.csv"]},
}
# tables that no figure reads, but that belong to an experiment
KEPT = {
    "decision": ["readouts.parquet"],
    "bench": ["bench_scores.csv"],
    "layers": [
        "token_channels_runs.parquet",
        *(f"layer_{analysis}_runs.parquet" for analysis in ("swap", "patching", "ablation")),
    ],
}

FIGURE_INPUTS = chosen(FIGURE_GROUPS)
TABLE_INPUTS = chosen(TABLE_GROUPS)
NOTEBOOK_INPUTS = FIGURE_INPUTS | TABLE_INPUTS
# figure or table -> experiment, which is its category in the report
CATEGORY = {
    name: experiment
    for groups in (FIGURE_GROUPS, TABLE_GROUPS)
    for experiment, group in groups.items()
    for name in group
}
CATEGORY["claims"] = "claims"
PAGES = [*TABLE_INPUTS, *(["claims"] if NOTEBOOK_INPUTS else [])]
PUBLISHED = sorted(
    {name for experiment in STUDY["experiments"] for name in KEPT.get(experiment, [])}
    | {name for names in NOTEBOOK_INPUTS.values() for name in names}
)
# claims of the paper: each names its experiment and the table that tests it
EXPECTED = "workflow/reference/expected.yaml"
try:
    CLAIM_TABLES = tables_of(load_claims(Path(EXPECTED)), STUDY["experiments"])
except UserError as error:
    raise WorkflowError(str(error)) from None
PUBLISHED = sorted({*PUBLISHED, *CLAIM_TABLES})
# A kernel asks for free ports and binds them later; another process may take one in between.
KERNEL_RETRIES = 2
RUN_NOTEBOOK = (
    "jupytext --quiet --to ipynb -o - {input.notebook}"
    " | papermill - {log.notebook} -k python3 --no-progress-bar --log-level ERROR"
    " -p tables {params.tables} -p stem {params.stem} -p model {params.model}"
)

if not SHIPPED:

    # numbers of the paper, copied beside ours and always labelled published
    rule published:
        input:
            "workflow/reference/{published}.csv",
        output:
            RESULTS / "tables/{published}.csv",
        log:
            f"logs/{STUDY['study']}/{{published}}.log",
        wildcard_constraints:
            published="published[a-z_]*",
        localrule: True
        shell:
            "cp {input} {output} 2> {log}"

    rule publish:
        input:
            RESULTS / "tables/{table}.{suffix}",
        output:
            TABLES / "{table}.{suffix}",
        log:
            f"logs/{STUDY['study']}/publish_{{table}}.{{suffix}}.log",
        wildcard_constraints:
            table=r"[a-z_]+",
            suffix="csv|parquet",
        localrule: True
        shell:
            "cp {input} {output} 2> {log}"

    rule publish_examples:
        input:
            RESULTS / "tables/{folder}",
        output:
            directory(TABLES / "{folder}"),
        log:
            f"logs/{STUDY['study']}/publish_{{folder}}.log",
        wildcard_constraints:
            folder="examples|behaviour_examples",
        localrule: True
        shell:
            "cp -r {input} {output} 2> {log}"


rule figure:
    input:
        notebook="workflow/notebooks/{figure}.py",
        tables=lambda wildcards: [TABLES / name for name in FIGURE_INPUTS[wildcards.figure]],
    output:
        png=report(
            FIGURES / "{figure}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: CATEGORY[wildcards.figure],
            labels={"figure": "{figure}"},
        ),
        pdf=FIGURES / "{figure}.pdf",
        caption=FIGURES / "{figure}.md",
        facts=FIGURES / "{figure}.json",
    log:
        notebook=RESULTS / "notebooks/{figure}.ipynb",
    wildcard_constraints:
        figure="|".join(["-", *FIGURE_INPUTS]),
    retries: KERNEL_RETRIES
    localrule: True
    params:
        code=package_fingerprint("plots"),
        tables=TABLES,
        stem=lambda wildcards: FIGURES / wildcards.figure,
        model=MAIN_MODEL,
    shell:
        RUN_NOTEBOOK


rule table:
    input:
        notebook="workflow/notebooks/{table}.py",
        tables=lambda wildcards: [TABLES / name for name in TABLE_INPUTS[wildcards.table]],
    output:
        csv=FIGURES / "{table}.csv",
        md=FIGURES / "{table}.md",
        tex=FIGURES / "{table}.tex",
        facts=FIGURES / "{table}.json",
    log:
        notebook=RESULTS / "notebooks/{table}.ipynb",
    wildcard_constraints:
        table="|".join(["-", *TABLE_INPUTS]),
    retries: KERNEL_RETRIES
    localrule: True
    params:
        code=package_fingerprint("plots"),
        tables=TABLES,
        stem=lambda wildcards: FIGURES / wildcards.table,
        model=MAIN_MODEL,
    shell:
        RUN_NOTEBOOK


rule claims:
    input:
        expected=EXPECTED,
        tables=[TABLES / name for name in CLAIM_TABLES],
    output:
        table=FIGURES / "claims.csv",
        page=FIGURES / "claims.md",
        facts=FIGURES / "claims.json",
    log:
        f"logs/{STUDY['study']}/claims.log",
    localrule: True
    params:
        settings=settings("models", "experiments", "sampler"),
        code=package_fingerprint("study.claims"),
        config=SETTINGS,
        tables=TABLES,
    shell:
        "cos claims --config {params.config} --expected {input.expected}"
        " --tables {params.tables} --out {output.table} 2> {log}"


rule manifest:
    input:
        facts=expand(FIGURES / "{name}.json", name=NOTEBOOK_INPUTS),
        claims=FIGURES / "claims.json",
        tables=[TABLES / name for name in PUBLISHED],
    output:
        FIGURES / "manifest.json",
    log:
        f"logs/{STUDY['study']}/manifest.log",
    localrule: True
    params:
        config=SETTINGS,
        code=package_fingerprint("study.manifest"),
    shell:
        "cos manifest --config {params.config} --out {output} --notebooks workflow/notebooks"
        " --claims {input.claims} {input.facts} 2> {log}"


# How long and how much disk, of the machine that made the tables.
rule cost:
    input:
        [TABLES / name for name in PUBLISHED],
    output:
        FIGURES / "cost.md",
    log:
        f"logs/{STUDY['study']}/cost.log",
    localrule: True
    params:
        config=SETTINGS,
        code=package_fingerprint("study.cost"),
    shell:
        "cos cost --config {params.config} --out {output} 2> {log}"


# Markdown is no page for a browser: what is not a picture becomes one for the report.
rule page:
    input:
        head="workflow/report/head.html",
        text=FIGURES / "{page}.md",
    output:
        report(
            RESULTS / "pages/{page}.html",
            caption="../report/page.rst",
            category=lambda wildcards: CATEGORY[wildcards.page],
            labels={"figure": "{page}"},
        ),
    log:
        f"logs/{STUDY['study']}/page_{{page}}.log",
    wildcard_constraints:
        page="|".join(["-", *PAGES]),
    localrule: True
    shell:
        "(cat {input.head} && python -m mistune -p table -f {input.text}) > {output} 2> {log}"
