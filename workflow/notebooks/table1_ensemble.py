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
# # Table 1. The training-free ensemble against the same compute spent otherwise

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/table1_ensemble"
model: str = "pocket"

# %%
from pathlib import Path

import pandas as pd

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.text import interval_text, p_cell, with_interval
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED, judge

tables, stem = Path(tables), Path(stem)
compared = read_table(tables / "compare.csv")
compared = compared[compared["quantity"] == "score"]
published = read_table(tables / "published.csv")

# %% [markdown]
# One row a method: overall with interval and paired test, then in domain and out of domain, each
# with its five families, as in the paper.


# %%
def cell(rows: pd.DataFrame) -> str:
    return f"{rows['mean'].iloc[0]:.3f}" if len(rows) else ""


def gain(row: pd.Series) -> str:
    difference = (row[name] for name in ("difference", "difference_low", "difference_high"))
    return with_interval(*difference, "+.3f")


everything = compared[compared["part"] == "all"].set_index("method")
overall = everything[everything["model"] == model]
lines = []
for method, row in everything.iterrows():
    line = {
        "method": method,
        "model": row["model"] if row["nfe"] > 0 else "none (reference)",
        "overall": f"{row['mean']:.3f}",
        "95 % interval": interval_text(row["low"], row["high"], ".3f"),
        "n": str(int(row["n"])),
        "NFE": f"{row['nfe']:.0f}" if row["nfe"] > 0 else "",
        "against single run": "",
        "p": "",
    }
    if row["nfe"] > 0 and pd.notna(row["difference"]):
        line["against single run"] = gain(row)
        line["p"] = p_cell(row["p"])
    for split, short in (("in-domain", "ID"), ("out-of-domain", "OOD")):
        mine = compared[(compared["method"] == method) & (compared["split"] == split)]
        mine = mine[mine["model"] == row["model"]]
        line[short] = cell(mine[mine["part"] == "split"])
        for family in sorted(compared["family"].dropna().unique()):
            chosen = mine[(mine["part"] == "family") & (mine["family"] == family)]
            line[f"{short} {family}"] = cell(chosen)
    lines.append(line)
for row in published.itertuples():
    name, value = f"{row.model} (published)", f"{row.value:.3f}"
    lines.append({"method": name, "model": row.source, "overall": value})
table = pd.DataFrame(lines).fillna("")

# %% [markdown]
# The conclusion is written from the numbers, whichever way they go.


# %%
def verdict(method: str, row: pd.Series) -> str:
    words = {
        HOLDS: "better than the single run by",
        REVERSED: "worse than the single run by",
        UNDECIDED: "not distinguishable from the single run,",
    }[judge(row["difference_low"], row["difference_high"], p=row["p"])]
    return f"`{method}` is {words} {gain(row)}, n = {row['n']:.0f}"


def others() -> str:
    found = everything[(everything["model"] != model) & (everything.index == "ensemble")]
    return "".join(
        f"; with {row['model']}, {verdict('ensemble', row)}" for _, row in found.iterrows()
    )


rivals = overall[(overall["nfe"] > 0) & ~overall.index.str.startswith(("single run", "oracle"))]
best = rivals[~rivals.index.str.contains("ensemble|first latents")]["mean"].idxmax()
paper, vote = overall.loc["ensemble"], "ensemble, all go on, vote"
majority = overall[overall.index.str.startswith("majority")].iloc[0]
spread = (  # differences that are all equal have none to plan with
    f"{paper['detectable']:.3f} with the ensemble's spread of differences, "
    if paper["detectable"] > 0
    else ""
)
note = f"""Table 1 ({model} model, its own results; rows marked published are the paper's, on
another model and another benchmark). Mean score in [0, 1] of the final video, 95 % bootstrap
intervals over cases, within task where it has at least five; the ensemble and all that is read from
plain runs cover every case of the study, n = {paper["n"]:.0f}, the controls every so many of each
task, n in their row. Against
the single run: paired difference on the same cases and sign-flip test. NFE: transformer passes for
one case, all runs counted. {verdict("ensemble", paper)}{others()};
{verdict(vote, overall.loc[vote])}. Best among the ways to choose from plain runs, at
{overall.loc[best, "nfe"]:.0f} NFE: {verdict(best, overall.loc[best])}. `ensemble` changes the score
of {paper["changed"]:.0f} of {paper["n"]:.0f} cases (95 % upper limit of that share
{paper["changed_high"]:.3f}). Smallest true difference that n cases find with probability 0.8:
{spread}{majority["detectable"]:.3f} with that of the majority vote."""
plots.save_table(table, stem, note, ["tables/compare.csv", "tables/published.csv"])
