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
# # Figure 7. Where steps are needed
# Need is the number of inferences that a puzzle asks for, known from its making; reach is the need
# at which half of the runs are right at step 0.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure7"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table

plots.style()
tables, stem = Path(tables), Path(stem)
front, needs = read_table(tables / "front.csv"), read_table(tables / "needs.csv")
order, few = read_table(tables / "front_order.csv"), read_table(tables / "few_steps.csv")
facts_of = read_table(tables / "models.csv").set_index("model").astype({"blocks": "Int64"})
RULE = "accepted"
FAR = 6  # needs in units of the reach, beyond which there is little to see


def depth(name):
    """What a model is called here: by its number of blocks, where that is known."""
    count = facts_of.loc[name, "blocks"]
    return name if pd.isna(count) else f"{count} block{'s' if count != 1 else ''}"


facts_of["depth"] = [depth(name) for name in facts_of.index]

# %% [markdown]
# (a) The front: share of tiles that are decided, by the hops that they take and the noise level.

# %%
shown = front[(front["rule"] == RULE) & (front["task"] == "chain")]
shown = shown.assign(weighted=shown["mean"] * shown["n"])
keys = ["model", "depth", "step"]
cells = shown.groupby(keys)[["weighted", "n"]].sum()
cells = (cells["weighted"] / cells["n"]).rename("share").reset_index()
sigmas = shown.groupby("step")["sigma"].first()
# of each depth the main model, else the one that was trained longest
first = facts_of.assign(main=facts_of.index == model)
first = first.sort_values(["main", "trained"], ascending=False, kind="stable")
first = first[first.index.isin(cells["model"])].drop_duplicates("depth").sort_values("blocks")
models = list(first.index)
# %%
figure = plt.figure(figsize=(plots.PAGE, 5.4))
upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1.3))
axes = upper.subplots(1, max(1, len(models)), sharey=True, squeeze=False)[0]
for axis, name in zip(axes, models, strict=False):
    grid = cells[cells["model"] == name].pivot(index="depth", columns="step", values="share")
    picture = axis.pcolormesh(
        np.arange(grid.shape[1] + 1),
        np.arange(grid.index.min(), grid.index.max() + 2) - 0.5,
        grid.to_numpy(),
        cmap="viridis",
        vmin=0,
        vmax=1,
    )
    axis.set_title(depth(name), fontsize=7)
    places = [0, grid.shape[1] // 2, grid.shape[1] - 1]
    axis.set_xticks([p + 0.5 for p in places], [f"{sigmas[grid.columns[p]]:.2f}" for p in places])
    axis.set_xlabel("σ")
axes[0].yaxis.set_major_locator(MaxNLocator(integer=True))
axes[0].set_ylabel("(a) hops to the tile")
if models:
    upper.colorbar(picture, ax=list(axes), label="share decided", pad=0.01, aspect=30)

# %% [markdown]
# (b) right answers by number of steps; (c) gain from step 0 to the end by need in units of the
# reach, a point for each need of each puzzle and model; (d) which order the tiles are decided in.

# %%
left, middle, right = lower.subplots(1, 3)
mine = few[(few["model"] == model) & (few["rule"] == RULE) & (few["task"] == "all")]
looks = {"within reach": ("blue", "o"), "beyond reach": ("orange", "s"), "no need": ("grey", "^")}
for band, (colour, mark) in looks.items():
    rows = mine[mine["band"] == band].sort_values("count")
    if len(rows):
        bars = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
        style = {"color": plots.COLOURS[colour], "marker": mark, "ms": 3, "lw": 1}
        label = f"{band}, {rows['cases'].max()} cases"
        left.errorbar(rows["count"], rows["mean"], yerr=bars, label=label, **style)
left.set_xscale("log", base=2)
left.set_xticks(sorted(mine["count"].unique()), [f"{n}" for n in sorted(mine["count"].unique())])
left.set_xlabel("denoising steps of the run")
left.set_ylabel("(b) share right")
left.set_ylim(-0.03, 1.03)
left.legend(fontsize=6, loc="lower center", bbox_to_anchor=(0.45, 1), handletextpad=0.3)

# %%
known = needs[(needs["rule"] == RULE) & (needs["need"] > 0) & needs["reach"].notna()]
known = known.assign(ratio=known["need"] / known["reach"])
known = known.assign(depth=known["model"].map(facts_of["depth"]))
order_of = facts_of.sort_values("blocks")["depth"].unique()
for colour, name in zip(plots.COLOURS.values(), order_of, strict=False):
    rows = known[known["depth"] == name]
    middle.scatter(
        rows["ratio"], rows["mean"], s=1.5 * rows["cases"], color=colour, lw=0, alpha=0.7
    )
    middle.scatter([], [], s=10, color=colour, label=name)
far = known["ratio"] > FAR
binned = known.assign(bin=pd.cut(known["ratio"], [0, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 10]))
weighted = binned.assign(w=binned["mean"] * binned["n"], x=binned["ratio"] * binned["n"])
sums = weighted.groupby("bin", observed=True)[["w", "x", "n"]].sum()
middle.plot(sums["x"] / sums["n"], sums["w"] / sums["n"], color="0.2", lw=1.2)
middle.axvline(1, color="0.7", lw=0.7, ls=":")
middle.axhline(0, color="0.7", lw=0.7)
middle.set_xlim(0, FAR)
middle.set_xlabel("need / reach")
middle.set_ylabel("(c) gain from step 0 to the end")
middle.legend(
    fontsize=6,
    loc="lower center",
    bbox_to_anchor=(0.45, 1),
    ncols=2,
    handletextpad=0.1,
    columnspacing=0.5,
)

# %%
asked = order[order["model"] == model]
asked = asked[asked["split"] == "in-domain"]
for n, row in enumerate(asked.itertuples()):
    colour = plots.COLOURS["blue" if row.coefficient == "depth" else "orange"]
    bars = [[row.mean - row.low], [row.high - row.mean]]
    right.errorbar([row.mean], [n], xerr=bars, fmt="o", ms=3, lw=1, color=colour)
names = {"depth": "a hop", "frame": "a latent frame"}
labels = [f"{names[row.coefficient]}\n({row.rule})" for row in asked.itertuples()]
right.set_yticks(range(len(asked)), labels, fontsize=6)
right.invert_yaxis()
right.axvline(0, color="0.7", lw=0.7)
right.set_xlabel("(d) steps later, for each")
lower.subplots_adjust(wspace=0.5, bottom=0.16, top=0.8)

# %%
reaches = known[known["model"] == model].groupby("task")["reach"].first()
facts = {
    "reach": reaches.round(3).to_dict(),
    "order": {
        f"{row.rule}, {row.coefficient}": [row.mean, row.low, row.high]
        for row in asked.itertuples()
    },
    "steps": {
        f"{row.band}, {row.count}": [row.mean, row.low, row.high]
        for row in mine.itertuples(index=False)
    },
}
cases = shown.groupby("model")["cases"].max().min() if len(shown) else 0
text = ", ".join(f"{plots.title(task)} {reach:.1f}" for task, reach in reaches.items())
drawn = int(asked["puzzles"].max()) if len(asked) else 0
inside = int(shown.loc[shown["split"] == "in-domain", "depth"].max()) if len(shown) else 0
deep = shown.loc[shown["depth"] > inside].groupby("model")["cases"].max().max()
deep = "" if pd.isna(deep) else f", and {deep} in all beyond {inside} hops, which are out of domain"
free = mine[mine["band"] == "no need"].sort_values("count")
lit = "" if free.empty else "; no need: chains whose way is shown"
if len(free) and free["mean"].iloc[0] == 1:
    lit += ", which are all right after one step and could only lose"
caption = f"""Figure 7 (own results of models trained here; the main one is {model}). (a) Share
of tiles of arrow chains that are accepted from a noise level on to the end of the run, by the
hops that the tile takes; a panel a depth, at least {cases} cases for the first hop{deep}; the
levels are spread evenly over the steps. (b) Share of runs that end right against their number of
steps, for needs within and beyond the reach{lit}. The reach is that of the same runs of one
step, so those beyond it start low by their choice. (c) Share right at the end minus at step 0
against need in units of the reach of the same model and puzzle, a point for each need (area:
cases), and their mean (line); {int(far.sum())} points beyond {FAR} lie outside, and puzzles
whose reach is not crossed are left out. (d) How many steps later a tile is decided for each hop
and for each latent frame, the other held fixed, over the drawings of {drawn} puzzles in domain,
of runs that end with every tile decided. Bars: 95 % intervals over cases. Reach of {model} by
accepted answers: {text}."""
plots.save_figure(
    figure,
    stem,
    caption,
    [f"tables/{name}.csv" for name in ("front", "needs", "front_order", "few_steps", "models")],
    facts,
)
