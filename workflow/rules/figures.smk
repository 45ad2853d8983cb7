# Figures are drawn from the tables in figures/tables, which come with the repository.
# A study fills them (rule publish); with `--config shipped=true` they are taken as they are.
from chain_of_steps.study.claims import load_claims, tables_of

# figure or table -> what its notebook reads
FIGURE_INPUTS = {name: read for row in CHOSEN for name, read in row.figures.items()}
TABLE_INPUTS = {name: read for row in CHOSEN for name, read in row.tables.items()}
NOTEBOOK_INPUTS = FIGURE_INPUTS | TABLE_INPUTS
# figure or table -> experiment, which is its category in the report
CATEGORY = {name: row.name for row in EXPERIMENTS for name in [*row.figures, *row.tables]}
CATEGORY["claims"] = "claims"
PAGES = [*TABLE_INPUTS, *(["claims"] if NOTEBOOK_INPUTS else [])]
PUBLISHED = {name for row in CHOSEN for name in row.keeps}
PUBLISHED |= {name for names in NOTEBOOK_INPUTS.values() for name in names}
CLAIMS, MANIFEST, COST = stage_of("claims"), stage_of("manifest"), stage_of("cost")
# claims of the paper: each names its experiment and the table that tests it
EXPECTED = "workflow/paper/expected.yaml"
try:
    KNOWN = [row.name for row in EXPERIMENTS]
    CLAIM_TABLES = tables_of(load_claims(Path(EXPECTED), KNOWN), STUDY.experiments)
except UserError as error:
    raise WorkflowError(str(error)) from None
PUBLISHED = sorted({*PUBLISHED, *CLAIM_TABLES})
FOLDERS = [name for name in PUBLISHED if not Path(name).suffix]
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
            "workflow/paper/{published}.csv",
        output:
            RESULTS / "tables/{published}.csv",
        log:
            LOGS / "{published}.log",
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
            LOGS / "publish_{table}.{suffix}.log",
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
            LOGS / "publish_{folder}.log",
        wildcard_constraints:
            folder="|".join(["-", *FOLDERS]),
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
        code=lambda wildcards: code_of_notebook(wildcards.figure),
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
        code=lambda wildcards: code_of_notebook(wildcards.table),
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
        LOGS / "claims.log",
    localrule: True
    params:
        settings=settings_of(CLAIMS),
        code=code_of(CLAIMS),
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
        LOGS / "manifest.log",
    localrule: True
    params:
        settings=settings_of(MANIFEST),
        code=code_of(MANIFEST),
        config=SETTINGS,
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
        LOGS / "cost.log",
    localrule: True
    params:
        settings=settings_of(COST),
        code=code_of(COST),
        config=SETTINGS,
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
        LOGS / "page_{page}.log",
    wildcard_constraints:
        page="|".join(["-", *PAGES]),
    localrule: True
    shell:
        "(cat {input.head} && python -m mistune -p table -f {input.text}) > {output} 2> {log}"
