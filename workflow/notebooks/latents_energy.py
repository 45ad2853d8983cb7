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
# # Token energy of any cases
# By layer, latent frame and step: the half of Figure 6a that needs no puzzle.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/latents_energy"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogLocator, MaxNLocator

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.latents.commitment import ALL
from chain_of_steps.experiments.layers.energy import shown_steps

plots.style()
tables, stem = Path(tables), Path(stem)
energy = read_table(tables / "latents_energy.csv")
energy = energy[energy["model"] == model]
steps = shown_steps(int(energy["step"].max()) + 1)
sigmas = energy.groupby("step")["sigma"].first()
wide = LogLocator(subs=(1, 2, 5))  # 1, 2, 5, 10, 20 ..
kinds = {"energy": "all channels", "energy_rest": "without the massive channels"}

# %%
maps = energy[energy["step"].isin(steps) & (energy["frame"] != ALL)]
scales = {
    kind: LogNorm(rows["mean"].min(), rows["mean"].max()) for kind, rows in maps.groupby("quantity")
}
figure = plt.figure(figsize=(plots.PAGE, 5.0), layout="constrained")
parts = figure.subfigures(2, 1)
for part, (kind, title) in zip(parts, kinds.items(), strict=True):
    axes = part.subplots(1, len(steps) + 1, width_ratios=[1] * len(steps) + [1.5])
    for axis, step in zip(axes, steps, strict=False):
        here = maps[(maps["quantity"] == kind) & (maps["step"] == step)]
        cells = here.pivot(index="layer", columns="frame", values="mean")
        drawn = axis.pcolormesh(
            cells.columns, cells.index, cells, norm=scales[kind], cmap="viridis", rasterized=True
        )
        axis.set_title(f"step {step}, σ {sigmas[step]:.2f}")
        axis.set_xlabel("latent frame")
        for one in (axis.xaxis, axis.yaxis):
            one.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylabel(f"{title}\nlayer")
    bar = part.colorbar(drawn, ax=axes[:-1], fraction=0.03, pad=0.01, ticks=wide, format="{x:g}")
    bar.minorticks_off()
    shades = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(steps)))
    for step, shade in zip(steps, shades, strict=True):
        rows = energy[(energy["quantity"] == kind) & (energy["step"] == step)]
        rows = rows[rows["frame"] == ALL]
        plots.band(axes[-1], rows, shade, f"step {step}", x="layer", marker=".", ms=3)
    axes[-1].set_yscale("log")
    axes[-1].yaxis.set_major_locator(wide)
    axes[-1].yaxis.set_major_formatter("{x:g}")
    axes[-1].minorticks_off()
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[-1].set_xlabel("layer")
    axes[-1].set_ylabel("energy, later frames")
    beside = {"loc": "lower right", "bbox_to_anchor": (1.05, 1), "ncols": len(steps)}
    axes[-1].legend(**beside, fontsize=6, handlelength=1, columnspacing=0.8)

# %%
late = energy[(energy["frame"] == ALL) & (energy["quantity"] == "energy")]
facts = {}
for step in steps:
    rows = late[late["step"] == step].sort_values("layer")
    peak = rows.loc[rows["mean"].idxmax()]
    facts[f"step {step}"] = {"layer": int(peak["layer"]), "energy": float(peak["mean"])}
most = ", ".join(f"{name}: layer {value['layer']}" for name, value in facts.items())
n = int(energy["n"].max())
caption = f"""Token energy by layer and latent frame ({model} model, its own results): mean L2 norm
of the hidden states after each block, conditional pass, at the first, the middle and the last step;
below, without the channels of largest mean square. The first latent frame shows the given picture.
Right: the mean of all later frames by layer. It is largest at {most}. n = {n} cases, spread over
those of the study; bands: 95 % intervals over cases, where there are two."""
plots.save_figure(figure, stem, caption, ["tables/latents_energy.csv"], facts)
