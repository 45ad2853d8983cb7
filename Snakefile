# Every figure and table of a study:  snakemake --cores all
# Another study, laid over config.yaml:  snakemake --cores all --configfile config/smoke.yaml


report: "workflow/report/study.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/cases.smk"
include: "workflow/rules/trajectories.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/ensemble.smk"
include: "workflow/rules/perturb.smk"
include: "workflow/rules/behaviours.smk"
include: "workflow/rules/layers.smk"
include: "workflow/rules/vbvr.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/explorer.smk"
include: "workflow/rules/bench.smk"


onstart:
    begin()


rule all:
    default_target: True
    input:
        # the tables too: a fresh clone has the shipped figures, but shall make its own
        [] if SHIPPED else [RESULTS / "tables" / name for name in PUBLISHED],
        expand(FIGURES / "{name}.png", name=FIGURE_INPUTS),
        expand(FIGURES / "{name}.csv", name=TABLE_INPUTS),
        rules.all_videos.input if "videos" in STUDY["experiments"] else [],
        FIGURES / "claims.csv" if NOTEBOOK_INPUTS else [],
        FIGURES / "manifest.json" if NOTEBOOK_INPUTS else [],
        FIGURES / "cost.md" if NOTEBOOK_INPUTS and not SHIPPED else [],
        expand(RESULTS / "pages/{name}.html", name=PAGES),
    localrule: True
