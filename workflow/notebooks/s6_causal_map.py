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
# # Supplement S6. The causal map
# Every (layer, step) at which hidden states of another run were put in, on two tasks.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/s6_causal_map"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
swap = read_table(tables / "layer_swap.csv")
patching = read_table(tables / "layer_patching.csv")
swap = swap[(swap["model"] == model) & (swap["span"] == "one") & (swap["donor"] == "twin")]
swap = swap[(swap["direction"] == "both") & swap["quantity"].isin(["flipped", "moved"])]
patching = patching[patching["model"] == model]

# %%
parts = {
    "all": "all tokens",
    "picture": "picture (frame 0)",
    "video": "video (frames 1 on)",
    "update": "update of the block",
}
rows = [
    ("flips, estimate", swap[(swap["quantity"] == "flipped") & (swap["look"] == "estimate")]),
    ("way to twin, estimate", swap[(swap["quantity"] == "moved") & (swap["look"] == "estimate")]),
    ("maze restored, final", patching[
        (patching["direction"] == "denoising") & (patching["look"] == "final")
    ]),
    ("maze destroyed, final", patching[
        (patching["direction"] == "noising") & (patching["look"] == "final")
    ]),
]  # fmt: skip
figure, axes = plt.subplots(
    len(rows), len(parts), figsize=(plots.PAGE, 7.6), squeeze=False, layout="constrained"
)
for i, (title, table) in enumerate(rows):
    for axis, (part, name) in zip(axes[i], parts.items(), strict=True):
        here = table[table["part"] == part]
        grid = here.pivot(index="layer", columns="step", values="mean")
        sigmas = here.groupby("step")["sigma"].first()
        drawn = axis.imshow(grid, vmin=0, vmax=1, cmap="viridis", aspect="auto", origin="lower")
        some = np.unique(np.linspace(0, len(sigmas) - 1, min(3, len(sigmas))).round().astype(int))
        labels = [f"{sigmas.index[n]}\n{sigmas.iloc[n]:.2f}" for n in some]
        axis.set_xticks(some, labels)
        axis.set_yticks(range(len(grid)), grid.index)
        axis.spines[:].set_visible(False)
        axis.tick_params(length=2)
        if i == 0:
            axis.set_title(name)
        if part == "all":
            axis.set_ylabel(f"{title}\nlayer")
figure.supxlabel("step (below it, σ)", fontsize=8)
figure.colorbar(drawn, ax=axes, fraction=0.02, pad=0.01, label="share, 0 to 1")

# %% [markdown]
# The final answers of the swap runs, where they were taken.

# %%
final = swap[(swap["look"] == "final") & (swap["quantity"] == "flipped")]
most = final.loc[final["mean"].idxmax()]
facts = {
    "most flips of a final answer": {
        "part": most["part"], "step": int(most["step"]), "layer": int(most["layer"]),
        "mean": most["mean"], "low": most["low"], "high": most["high"], "n": int(most["n"]),
    },
    "mazes": {
        d: int(g["n"].max()) for d, g in patching[patching["look"] == "final"].groupby("direction")
    },
}  # fmt: skip
n, mazes = int(swap["n"].max()), facts["mazes"].get("denoising", 0)
caption = f"""Supplement S6 ({model} model, its own results). One colour scale for all maps; columns
say what was put in after one block (rows of a map) at one step (columns, sigma below). First row:
identify task, share of runs whose clean estimate of that step reads as the twin's answer; second:
how far that estimate has moved from the run's own to the twin's (projection). n = {n} runs of
{int(swap["steps"].max())} steps. Final videos flip in at most
{with_interval(most["mean"], most["low"], most["high"])} of runs ({most["part"]}, step
{int(most["step"])}, layer {int(most["layer"])}). Third and fourth: mazes
whose latent was replaced by noise before the first step shown, of {int(patching["steps"].max())};
share of the lost score that states of the clean run restore in the perturbed run, or that states of
the perturbed run destroy in the clean one. n = {mazes} mazes that lost at least 0.2. Intervals
(95 %, clustered by case) of all maps are in the tables. All tokens: the same at
every layer, as both runs have one prompt."""
plots.save_figure(
    figure, stem, caption, ["tables/layer_swap.csv", "tables/layer_patching.csv"], facts
)
