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
PAGES = [*TABLE_INPUTS, *(["claims"] if NOTEBOOK_INPUTS else [])]  # of text
PUBLISHED = {name for row in CHOSEN for name in row.keeps}
PUBLISHED |= {name for names in NOTEBOOK_INPUTS.values() for name in names}
CLAIMS, MANIFEST, COST = stage_of("claims"), stage_of("manifest"), stage_of("cost")
# claims of the paper: each names its experiment and the table that tests it
EXPECTED = of_workflow("paper/expected.yaml")
try:
    KNOWN = [row.name for row in EXPERIMENTS]
    CLAIM_TABLES = tables_of(load_claims(Path(EXPECTED), KNOWN), STUDY.experiments)
except UserError as error:
    raise WorkflowError(str(error)) from None
# what their runs are of, so that everything can be recomputed
PUBLISHED = sorted({*PUBLISHED, *CLAIM_TABLES, *(["cases.csv"] if CLAIM_TABLES else [])})
if SHIPPED and NOTEBOOK_INPUTS and workflow.is_main_process:
    try:
        refuse_other_tables(FIGURES, RESOLVED)
    except UserError as error:
        raise WorkflowError(str(error)) from None
FOLDERS = [name for name in PUBLISHED if not Path(name).suffix]
# A kernel asks for free ports and binds them later; another process may take one in between.
KERNEL_RETRIES = 2
RUN_NOTEBOOK = (
    "jupytext --quiet --to ipynb -o - {input.notebook}"
    " | papermill - {log.notebook} -k python3 --no-progress-bar --log-level ERROR"
    " -p tables {params.tables} -p stem {params.stem} -p model {params.model}"
    " && printf %s {params.drawn} > {params.record}"
)

if not SHIPPED:

    # numbers of the paper, copied beside ours and always labelled published
    rule published:
        input:
            table=paper,
            provenance=copied(paper, RESULTS / "tables/{published}.csv"),
        output:
            RESULTS / "tables/{published}.csv",
        log:
            LOGS / "{published}.log",
        wildcard_constraints:
            published="published[a-z_]*",
        localrule: True
        shell:
            "cp {input.table} {output} 2> {log}"

    rule case_table:
        input:
            table=RESULTS / "cases/cases.csv",
            provenance=copied(RESULTS / "cases/cases.csv", RESULTS / "tables/cases.csv"),
        output:
            RESULTS / "tables/cases.csv",
        log:
            LOGS / "case_table.log",
        localrule: True
        shell:
            "cp {input.table} {output} 2> {log}"

    rule publish:
        input:
            table=RESULTS / "tables/{table}.{suffix}",
            provenance=copied(RESULTS / "tables/{table}.{suffix}", TABLES / "{table}.{suffix}"),
        output:
            TABLES / "{table}.{suffix}",
        log:
            LOGS / "publish_{table}.{suffix}.log",
        wildcard_constraints:
            table=r"[a-z_]+",
            suffix="csv|parquet",
        localrule: True
        shell:
            "cp {input.table} {output} 2> {log}"

    rule publish_examples:
        input:
            table=RESULTS / "tables/{folder}",
            provenance=copied(RESULTS / "tables/{folder}", TABLES / "{folder}"),
        output:
            directory(TABLES / "{folder}"),
        log:
            LOGS / "publish_{folder}.log",
        wildcard_constraints:
            folder="|".join(["-", *FOLDERS]),
        localrule: True
        shell:
            "cp -r {input.table} {output} 2> {log}"


rule figure:
    input:
        notebook=lambda wildcards: notebook_of(wildcards.figure),
        tables=lambda wildcards: [TABLES / name for name in FIGURE_INPUTS[wildcards.figure]],
        provenance=lambda wildcards: drawn_by(wildcards.figure),
    output:
        png=FIGURES / "{figure}.png",
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
        drawn=lambda wildcards: drawing_of(wildcards.figure),
        record=lambda wildcards: record_of(wildcards.figure),
        tables=TABLES,
        stem=lambda wildcards: FIGURES / wildcards.figure,
        model=MAIN_MODEL,
    shell:
        RUN_NOTEBOOK


rule table:
    input:
        notebook=lambda wildcards: notebook_of(wildcards.table),
        tables=lambda wildcards: [TABLES / name for name in TABLE_INPUTS[wildcards.table]],
        provenance=lambda wildcards: drawn_by(wildcards.table),
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
        drawn=lambda wildcards: drawing_of(wildcards.table),
        record=lambda wildcards: record_of(wildcards.table),
        tables=TABLES,
        stem=lambda wildcards: FIGURES / wildcards.table,
        model=MAIN_MODEL,
    shell:
        RUN_NOTEBOOK


rule claims:
    input:
        expected=EXPECTED,
        tables=[TABLES / name for name in CLAIM_TABLES],
        provenance=checked(CLAIMS, FIGURES / "claims.csv"),
    output:
        table=FIGURES / "claims.csv",
        page=FIGURES / "claims.md",
        facts=FIGURES / "claims.json",
        verdicts=FIGURES / "verdicts.json",
    log:
        LOGS / "claims.log",
    localrule: True
    params:
        settings=settings_of(CLAIMS),
        code=code_of(CLAIMS),
        config=SETTINGS,
        tables=TABLES,
    shell:
        "cos claims --config {params.config} --code {params.code} --expected {input.expected}"
        " --tables {params.tables} --out {output.table} 2> {log}"


rule manifest:
    input:
        facts=expand(FIGURES / "{name}.json", name=NOTEBOOK_INPUTS),
        claims=FIGURES / "claims.json",
        tables=[TABLES / name for name in PUBLISHED],
        provenance=checked(MANIFEST, FIGURES / "manifest.json"),
    output:
        FIGURES / "manifest.json",
    log:
        LOGS / "manifest.log",
    localrule: True
    params:
        settings=settings_of(MANIFEST),
        code=code_of(MANIFEST),
        config=SETTINGS,
        notebooks=lambda wildcards: Path(notebook_of(next(iter(NOTEBOOK_INPUTS)))).parent,
    shell:
        "cos manifest --config {params.config} --code {params.code} --out {output} --notebooks {params.notebooks}"
        " --claims {input.claims} {input.facts} 2> {log}"


# How long and how much disk, of the machine that made the tables.
rule cost:
    input:
        tables=[TABLES / name for name in PUBLISHED],
        provenance=checked(COST, FIGURES / "cost.md"),
    output:
        FIGURES / "cost.md",
    log:
        LOGS / "cost.log",
    localrule: True
    params:
        settings=settings_of(COST),
        code=code_of(COST),
        config=SETTINGS,
        results=RESULTS,
    shell:
        "cos cost --config {params.config} --code {params.code} --results {params.results}"
        " --out {output} 2> {log}"


# The study at one look: what opens its report, and one page as PDF.
rule summary:
    input:
        script=of_workflow("scripts/summary.py"),
        claims=FIGURES / "claims.csv",
        pictures=[
            FIGURES / f"{name}.png" for name in ("figure1", "figure7") if name in FIGURE_INPUTS
        ],
        cost=[] if SHIPPED else FIGURES / "cost.md",
    output:
        front=RESULTS / "pages/front.html",
        pdf=FIGURES / "summary.pdf",
    log:
        LOGS / "summary.log",
    localrule: True
    params:
        figures=FIGURES,
    shell:
        "PYTHONPATH=$CHAIN_OF_STEPS_PACKAGE python -P {input.script} {params.figures} {output.front} {output.pdf} 2> {log}"


# The folder of figures as an RO-Crate: what each file is, and what it came from. Not part of `all`.
rule crate:
    input:
        script=of_workflow("scripts/crate.py"),
        manifest=FIGURES / "manifest.json",
        verdicts=FIGURES / "verdicts.json",
        cost=[] if SHIPPED else FIGURES / "cost.md",
    output:
        FIGURES / "ro-crate-metadata.json",
    log:
        LOGS / "crate.log",
    localrule: True
    params:
        figures=FIGURES,
    shell:
        "PYTHONPATH=$CHAIN_OF_STEPS_PACKAGE python -P {input.script} {params.figures} 2> {log}"


# The report shows a picture without a word for who cannot see it: on a page of ours it has its caption.
rule picture_page:
    input:
        script=of_workflow("scripts/picture.py"),
        head=of_workflow("report/head.html"),
        png=FIGURES / "{figure}.png",
        caption=FIGURES / "{figure}.md",
    output:
        report(
            RESULTS / "pages/{figure}.html",
            caption="../report/figure.rst",
            category=lambda wildcards: CATEGORY[wildcards.figure],
            labels={"figure": "{figure}"},
        ),
    log:
        LOGS / "picture_page_{figure}.log",
    wildcard_constraints:
        figure="|".join(["-", *FIGURE_INPUTS]),
    localrule: True
    params:
        notebook=lambda wildcards: notebook_of(wildcards.figure),
        tables=lambda wildcards: [TABLES / name for name in FIGURE_INPUTS[wildcards.figure]],
        pdf=lambda wildcards: FIGURES / f"{wildcards.figure}.pdf",
    shell:
        "python -P {input.script} {input.head} {input.png} {input.caption} > {output} 2> {log}"


# Markdown is no page for a browser: what is not a picture becomes one for the report.
rule page:
    input:
        head=of_workflow("report/head.html"),
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
