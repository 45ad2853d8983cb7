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
# # Figure 8. What a step hands on
# Something is put into stored runs at a noise level, and they go on from there.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure8"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
ends = read_table(tables / "handover_runs.parquet")
tiles = read_table(tables / "handover_tiles_runs.parquet")
jacobian = read_table(tables / "jacobian_runs.parquet")
ends, tiles, jacobian = (t[t["model"] == model] for t in (ends, tiles, jacobian))
wrong = tiles[(tiles["intervention"] == "transplant") & (tiles["way"] == "wrong")]
FAR = {"next tile": (1, 1), "2 to 4 further": (2, 4), "farther": (5, 99)}  # hops
MOVES = 0.05  # what changes by less with the level is no panel: a sentence says it
shown = [wrong[wrong["distance"].between(*far)].groupby("sigma") for far in FAR.values()]
shown = [rows[["follows_next", "follows"]].mean() for rows in shown]
drawn = any(plots.shows(rows[column], MOVES) for rows in shown for column in rows)


# %%
def shares(rows: pd.DataFrame, column: str, by: list[str]) -> pd.DataFrame:
    """Share of rows by noise level, with 95 % intervals clustered by case."""
    rows = rows.assign(value=rows[column].astype(float))
    return mean_or_rate_ci(rows, [*by, "sigma"], "value", "case")


def lines(axis, table: pd.DataFrame, colour: str, label: str, **style) -> None:
    plots.band(axis, table, plots.COLOURS[colour], label, x="sigma", **style)


if drawn:
    figure, axes = plt.subplots(2, 2, figsize=(plots.PAGE, 4.6), sharex=True)
else:
    figure, axes = plt.subplots(1, 3, figsize=(plots.PAGE, 2.5), sharex=True)
axes = list(axes.flat)
for axis in axes:
    axis.set_xlim(1.0, 0.25)
    axis.set_xlabel("noise level σ at which it is put in" if drawn else "noise level σ")

# %% [markdown]
# (a) Hand-over: from a level on the model is given the picture of another case of the task.

# %%
swaps = ends[(ends["intervention"] == "swap_picture") & (ends["before"] >= 0)]
axis = axes[0]
swapped = {"follows the new": ("right", "blue"), "keeps the old answer": ("kept", "orange")}
for label, (column, colour) in swapped.items():
    lines(axis, shares(swaps, column, []), colour, label)
neither = swaps.assign(neither=~(swaps["right"] | swaps["kept"]))
lines(axis, shares(neither, "neither", []), "grey", "neither")
axis.set_ylabel("(a) share of runs, picture swapped")
axis.set_ylim(-0.03, 1.03)
axis.legend(fontsize=6, loc="center right")

# %% [markdown]
# (b) Injected answers: one candidate's video under the noise of the level. (The right one is the
# control.)

# %%
axis = axes[1]
put = ends[ends["intervention"] == "inject"]
words = {"right": "right answer", "direct": "direct mistake", "indirect": "indirect mistake"}
for (answer, label), colour in zip(words.items(), ("grey", "orange", "purple"), strict=True):
    mine = put[put["put"] == answer]
    if len(mine):
        lines(axis, shares(mine, "right", []), colour, label)
axis.set_ylabel("(b) share of runs that end right")
axis.set_ylim(-0.03, 1.03)
axis.legend(fontsize=6, loc="center right", bbox_to_anchor=(1, 0.6))

# %% [markdown]
# (c) Transplant: the first tiles of a wrong way are put in; do tiles behind them follow?

# %%
for (label, far), colour in zip(FAR.items(), ("blue", "green", "purple"), strict=True):
    mine = wrong[wrong["distance"].between(*far)]
    if drawn and len(mine):
        lines(axes[2], shares(mine, "follows_next", []), colour, f"{label}, one pass later")
        lines(axes[2], shares(mine, "follows", []), colour, f"{label}, at the end", ls="--")
if drawn:
    axes[2].set_ylabel("(c) share of tiles that follow")
    axes[2].set_ylim(-0.03, 1.03)
    axes[2].legend(fontsize=6, loc="upper right")

# %% [markdown]
# The last panel: the derivative of the clean estimate by the latent, from a tile to the next and
# back.

# %%
axis, letter = axes[-1], "d" if drawn else "c"
pairs = jacobian[(jacobian["source"] == "tile") & (jacobian["target"] == "tile")]
for distance, label, colour in (
    (1, "to the next tile", "blue"),
    (-1, "to the one before", "orange"),
):
    mine = pairs[pairs["distance"] == distance].assign(value=lambda t: t["gain"])
    if len(mine):
        lines(axis, mean_or_rate_ci(mine, ["sigma"], "value", "case"), colour, label)
axis.set_ylabel(f"({letter}) gain of the derivative")
axis.legend(fontsize=6, loc="upper right")
figure.tight_layout()

# %%
counts = {
    "swaps": swaps["case"].nunique(),
    "injected": put["case"].nunique(),
    "transplants": wrong["case"].nunique(),
    "derivatives": pairs["case"].nunique(),
}
few = put.loc[put["put"] == "indirect", "case"].nunique()
indirect = f", {few} with an indirect one" if few != counts["injected"] else ""
both = swaps[["right", "kept"]].any(axis=1).groupby(swaps["sigma"]).mean()
lost = both.index[both == 0]
broken = ""
if len(lost):
    levels = " and ".join(f"{level:.2f}" for level in sorted(lost, reverse=True))
    broken = f"; at σ {levels} no run ends with either answer, so what is lost is not handed over"
    broken += " but spoilt"
put_in = """The first tiles of a way that turns wrong are put in, of puzzles whose answer is a
way"""
if drawn:
    put_in = f"(c) {put_in}; n = {counts['transplants']}."
elif len(wrong):
    found = mean_or_rate_ci(wrong.assign(v=wrong["follows"].astype(float), m=0), ["m"], "v", "case")
    share = with_interval(*found.loc[0, ["mean", "low", "high"]])
    put_in = f"""{put_in}: of the tiles behind them {share} follow at the end, about the
    same at every level (n = {counts["transplants"]}, not drawn)."""
else:
    put_in = ""
caption = f"""Figure 8 ({model} model, its own results). What a step hands on to the next, by
what is put into stored runs at a noise level (x axes run from noise to the result). (a) The
picture that the model is given is that of another case from the level on; n = {counts["swaps"]}
cases{broken}. (b) A candidate's video takes the place of the clean estimate: the right one
(control), a direct mistake (the wrong thing itself) or an indirect one (each part agrees with
the one before it); n = {counts["injected"]}{indirect}. {put_in} ({letter}) Length of the change
of a tile's clean estimate for a change of unit length on a neighbouring tile of the right way; n
= {counts["derivatives"]}. An exact score would have the same both ways, and none for one right
answer. Bands: 95 % intervals over cases."""
inputs = ["handover_runs.parquet", "handover_tiles_runs.parquet", "jacobian_runs.parquet"]
plots.save_figure(figure, stem, caption, [f"tables/{name}" for name in inputs], counts)
