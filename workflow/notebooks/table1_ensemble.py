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
# # Table 1. What forward passes buy: steps, loops, votes and the training-free ensemble

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/table1_ensemble"
model: str = "pocket"

# %%
from pathlib import Path

import pandas as pd

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.ensemble.comparison import (
    CEILING,
    CHANCE,
    ENSEMBLE,
    LOOP,
    REFERENCE,
    SINGLE,
    VOTE,
)
from chain_of_steps.statistics.text import p_text, with_interval

tables, stem = Path(tables), Path(stem)
compared = read_table(tables / "compare.csv")
compared = compared[compared["model"] == model]
published = read_table(tables / "published.csv")

# %% [markdown]
# One row a method, all on the same cases, ordered by kind and then by price.


# %%
def rate(rows: pd.DataFrame, method: str) -> str:
    found = rows[rows["method"] == method]
    return "" if found.empty else with_interval(*found[["mean", "low", "high"]].iloc[0])


def name(method: str) -> str:
    return f"{SINGLE}, all steps" if method == SINGLE else method


def gain(row: pd.Series) -> str:
    if pd.isna(row["difference"]):
        return ""
    return with_interval(row["difference"], row["difference_low"], row["difference_high"], "+.2f")


KINDS = (SINGLE, LOOP, VOTE, CHANCE, ENSEMBLE, CEILING)
overall = compared[compared["part"] == "all"].set_index("method")
splits = {
    split: compared[(compared["part"] == "split") & (compared["split"] == split)]
    for split in ("in-domain", "out-of-domain")
}
shown = overall[overall["kind"].isin(KINDS)]
# what is no choice at all stands for the study's runs alone; with fewer steps it is in compare.csv
fewer = shown.index.str.endswith((" step", " steps")) & shown["kind"].isin([CHANCE, CEILING])
shown = shown[~fewer]
shown = shown.assign(order=shown["kind"].map(KINDS.index)).sort_values(["order", "nfe"])
table = pd.DataFrame(
    {
        "method": name(method),
        "NFE": f"{row['nfe']:.0f}",
        "right, in domain": rate(splits["in-domain"], method),
        "right, out of domain": rate(splits["out-of-domain"], method),
        "difference": gain(row),
        "from": name(row["against"]).removeprefix(f"{SINGLE}, ") if gain(row) else "",
        "dose": "" if pd.isna(row["dose"]) else f"{row['dose']:.2g}",
        "n": str(int(row["n"])),
    }
    for method, row in shown.iterrows()
)

# %% [markdown]
# The conclusion is written from the numbers, whichever way they go.


# %%
def said(method: str) -> str:
    row = overall.loc[method]
    return f"`{method}` {gain(row)}, {p_text(row['p'])}"


averaged = shown[(shown["kind"] == ENSEMBLE) & shown["dose"].notna()].sort_values("dose")
changing = averaged[averaged["changed"] > 0]
paper = overall.loc["ensemble"]
dose = f"""`ensemble`, the paper's, changes the latent by {paper["dose"]:.2g} of its size and the
    answer of {paper["changed"]:.0f} of {paper["n"]:.0f} cases (95 % upper limit of that share
    {paper["changed_high"]:.2f})"""
if len(changing):
    first = changing.iloc[0]
    dose += f"""; the least dose that changes any answer is {first["dose"]:.2g}, of
    `{changing.index[0]}`, in {first["changed"]:.0f} cases"""
else:
    dose += "; none of the larger doses changes any answer either"
loops = [said(method) for method in shown.index[shown["kind"] == LOOP]]
references = overall[overall["kind"] == REFERENCE]
values = ", ".join(f"{row.Index} {row.mean:.2f}" for row in references.itertuples())
quoted = "; ".join(f"{row.model} {row.value:.3f}" for row in published.itertuples())
note = f"""Table 1 ({model} model, its own results). Share of cases whose accepted answer in the
final video is right, by method, with 95 % intervals over cases within task; every method runs on
the same n cases, the first of each task and split. NFE: forward passes for one returned answer, all
runs counted. Difference: of both splits together, paired by case, from the single run named beside
it, which has as many passes or, where none has, the most below that; for runs of fewer steps it is
the full run. Loop: passes at one noise level, whose setting was chosen on the development pool.
Majority and vote: self-consistency (Wang et al. 2022, arXiv 2203.11171), of whole runs or at an
early step, after which all runs but the chosen one stop. Oracle: knows the truth. Dose: relative
change of the latent by averaging, |dx| / |x|. {"; ".join(loops)}; {said("ensemble")}. {dose}.
Videos that no model made are right in: {values}. Published overall scores, of other models on
another benchmark, are not to be compared with these: {quoted}."""
plots.save_table(table, stem, note, ["tables/compare.csv", "tables/published.csv"])
