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
# What hidden states of the clean run do in a perturbed one, and the reverse, by layer and step.

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
from chain_of_steps.experiments.layers.sentences import estimate_sentence
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
swap = read_table(tables / "layer_swap.csv")
patching = read_table(tables / "layer_patching.csv")
patching = patching[(patching["model"] == model) & (patching["look"] == "final")]
swap = swap[swap["model"] == model]

# %% [markdown]
# One line a layer. With all tokens the layers are one number, so that is one line.

# %%
parts = {
    "all": "all tokens",
    "picture": "picture (latent frame 0)",
    "video": "video (later latent frames)",
    "update": "update of the block",
}
directions = {"denoising": "share of the score restored", "noising": "share destroyed"}
n_layers = int(patching["layer"].max()) + 1 if len(patching) else 0
MOVES = 0.1  # a direction in which no mean reaches that is no row: a sentence says it
effects = patching.groupby("direction")["mean"].max().reindex(list(directions)).fillna(0)
drawn = [d for d in directions if plots.shows([0, effects[d]], MOVES)] or list(directions)
shades = plt.get_cmap("viridis")(np.linspace(0, 0.85, n_layers))
figure, axes = plt.subplots(
    len(drawn),
    len(parts),
    figsize=(plots.PAGE, 0.6 + 1.8 * len(drawn)),
    sharey=True,
    squeeze=False,
    layout="constrained",
)
levels = np.array(sorted(patching["sigma"].unique()))
for row, direction in zip(axes, drawn, strict=True):
    for axis, (part, title) in zip(row, parts.items(), strict=True):
        here = patching[(patching["direction"] == direction) & (patching["part"] == part)]
        here = here.assign(snr=plots.log_snr(here["sigma"].to_numpy()))
        one = part == "all"
        for layer in (0,) if one else range(n_layers):
            rows = here[here["layer"] == layer].sort_values("snr")
            beside = rows["snr"] + (0 if one else 0.12 * (layer - (n_layers - 1) / 2))
            bars = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
            colour, name = ("0.3", "any") if one else (shades[layer], str(layer))
            style = {"color": colour, "fmt": "o", "ms": 2.5, "lw": 0.8}
            axis.errorbar(beside, rows["mean"], yerr=bars, label=name, **style)
        axis.set_xticks(plots.log_snr(levels), [f"{level:.2f}" for level in levels], rotation=90)
        axis.set_ylim(-0.05, 1.05)
        if direction == drawn[0]:
            axis.set_title(title)
        if direction == drawn[-1]:
            axis.set_xlabel("σ (log-SNR)")
    row[0].set_ylabel(directions[direction])
if n_layers:
    axes[0][1].legend(title="layer", title_fontsize=6, fontsize=6, handlelength=1)

# %%
facts = {"mazes": {d: int(g["n"].max()) for d, g in patching.groupby("direction")}}


def largest(direction: str) -> str:
    """The part, layer and step that restore or destroy most, all tokens left aside."""
    rows = patching[(patching["direction"] == direction) & (patching["part"] != "all")]
    if rows.empty:
        return "not measured"
    row = rows.loc[rows["mean"].idxmax()]
    return (
        f"{with_interval(row['mean'], row['low'], row['high'])} ({row['part']}, step"
        f" {int(row['step'])}, layer {int(row['layer'])}, dose {row['dose']:.3f})"
    )


left = [directions[d] for d in directions if d not in drawn]
left = f"Not drawn, as no mean reaches {MOVES}: {' and '.join(left)}." if left else ""
n_steps = int(patching["steps"].max()) if len(patching) else 0
caption = f"""Supplement S6 ({model} model, its own results). Mazes whose latent was replaced by
noise before the first step shown, of {n_steps}; share of the lost score that
states of the clean run restore in the perturbed run when they are put in after one block at one
step, or that states of the perturbed run destroy in the clean one; 0: the patch changes nothing.
All tokens: the same at every layer, as both runs have one prompt. Dose: |Δx|/|x| of the latent
behind the step. Largest effects of the other parts: restored {largest("denoising")}, destroyed
{largest("noising")}. n = {facts["mazes"].get("denoising", 0)} mazes that lost at least 0.2; bars
are 95 % intervals by case. {left} {estimate_sentence(swap)} What swaps at one or many steps do to
the result is Figure 6b."""
plots.save_figure(
    figure, stem, caption, ["tables/layer_swap.csv", "tables/layer_patching.csv"], facts
)
