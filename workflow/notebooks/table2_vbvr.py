# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Table 2. VBVR-Bench

# %% tags=["parameters"]
tables: str = "results/vbvr-wan2.2/figures/tables"
stem: str = "results/vbvr-wan2.2/figures/table2_vbvr"
model: str = "vbvr-wan2.2"

# %%
from pathlib import Path

import pandas as pd

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.vbvr.worker import EVALKIT_HEAD, LACKING
from chain_of_steps.statistics.text import interval_text, p_cell, with_interval

tables, stem = Path(tables), Path(stem)
scores = read_table(tables / "vbvr.csv")
published = read_table(tables / "published_vbvr.csv")
HEAD, PRO = "as EvalKit's HEAD", "by VBVR-Pro-Bench"
SPLITS = (("in-domain", "ID"), ("out-of-domain", "OOD"))

# %% [markdown]
# One row a run: references, then the runs of each model, then what others published.


# %%
def mean_of(rows: pd.DataFrame) -> str:
    return f"{rows['mean'].iloc[0]:.3f}" if len(rows) and rows["n"].iloc[0] else ""


lines = []
for (who, label), rows in scores.groupby(["model", "label"], sort=False):
    whole = rows[rows["part"] == "all"].iloc[0]
    line = {
        "run": label,
        "model": "none (reference)" if whole["condition"] == "reference" else who,
        "overall": mean_of(rows[rows["part"] == "all"]),
        "95 % interval": interval_text(whole["low"], whole["high"], ".3f") if whole["n"] else "",
        HEAD: f"{whole['head']:.3f}" if whole["n"] else "",
        PRO: f"{whole['pro']:.3f}" if whole["pro_n"] else "",
        "videos": str(int(whole["videos"])),
        "without a score": str(int(whole["missing"])),
        "against single run": "",
        "p": "",
    }
    if pd.notna(whole["difference"]):
        gain = (whole[name] for name in ("difference", "difference_low", "difference_high"))
        line["against single run"] = with_interval(*gain, "+.3f")
        line["p"] = p_cell(whole["p"])
    for split, short in SPLITS:
        mine = rows[rows["split"] == split]
        line[short] = mean_of(mine[mine["part"] == "split"])
        for family in sorted(scores["family"].dropna().unique()):
            line[f"{short} {family}"] = mean_of(mine[mine["family"] == family])
    lines.append(line)
for row in published.itertuples(index=False):
    values = dict(zip(published.columns, row, strict=True))
    line = {"run": f"{values['model']} (published)", "model": values["source"]}
    columns = (("overall", "overall"), *SPLITS)
    for column, short in columns if values["bench"] == "VBVR-Bench" else (("overall", PRO),):
        line[short] = "" if pd.isna(values[column]) else f"{values[column]:.3f}"
    lines.append(line)
table = pd.DataFrame(lines).fillna("")

# %%
whole = scores[scores["part"] == "all"]
ours = whole[whole["condition"] != "reference"]
missing, videos = int(whole["missing"].sum()), int(whole["videos"].sum())
cases = int(whole.loc[whole["condition"] == "reference", "videos"].iloc[0])
complete = "every video has a score"
if missing:
    complete = f"{missing} of {videos} videos have no score and are left out of the means"
full = "all of the bench" if cases == 500 else "a part of the bench's 500"
seeds = ours[ours["condition"] == "clean"]["videos"].max() // cases
scorer, by_pro = whole["scorer"].iloc[0], ""
lacking = " and ".join(task.split("_")[0] for task in LACKING)
if whole["pro_n"].sum():
    by_pro = f""" By VBVR-Pro-Bench: means by the rules of {whole["pro_scorer"].iloc[0]}, of
{int(whole["pro_n"].sum())} of {videos} videos. The samples are that one's, so that what
VBVR-Bench's rules say of them compares with no published score."""
note = f"""Table 2 ({model} model, its own results; rows marked published are other people's
numbers). Mean task_specific score in [0, 1] of VBVR-Bench's own scorer, as {scorer} has it, plain
means over samples, 95 % bootstrap intervals over tasks, n = {cases} cases ({full}), {seeds} seeds
a case; {complete}. Column "{HEAD}": the same videos by VBVR-EvalKit at commit {EVALKIT_HEAD}, where
{lacking} lack an import, and count as zero where they come to need it; which of the two made the
published scores is not known.{by_pro} VBVR-Pro-Bench has other rules and other samples of the same
tasks: its scores compare with its own alone. Against the single run: paired difference and
sign-flip test by task. References need no model: ground truth, its first frame held, first and
final frame, another case's ground truth."""
plots.save_table(table, stem, note, ["tables/vbvr.csv", "tables/published_vbvr.csv"])
