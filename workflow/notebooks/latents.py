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
# # What latents show without a reader
# Of any cases: when clean estimates are near the result, what moves in them, and what the prompt
# says at each step.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/latents"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.latents.commitment import ALL, CLOSE
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
rows = read_table(tables / "latents.csv")
mine = rows[(rows["model"] == model) & (rows["frame"] == ALL)]
sigmas = [*mine.groupby("step")["sigma"].first(), 0.0]

# %%
panels = {
    "distance": "distance to the result",
    "settled": "share of positions settled",
    "motion": "change from frame to frame",
    "gap": "|conditional − unconditional|",
}
guided = (mine["quantity"] == "gap").any()
if not guided:
    del panels["gap"]
size = (2, 2) if guided else (1, 3)
figure, axes = plt.subplots(
    *size, figsize=(plots.PAGE, 0.6 + 1.9 * size[0]), squeeze=False, layout="constrained"
)
colours = dict(zip(sorted(mine["split"].unique()), plots.COLOURS.values(), strict=False))
for axis, letter, (quantity, label) in zip(axes.flat, "abcd", panels.items(), strict=False):
    for split, curve in mine[mine["quantity"] == quantity].groupby("split"):
        plots.band(axis, curve, colours[split], split)
    if quantity == "settled":
        axis.set_ylim(top=1.02)
    else:
        axis.set_ylim(bottom=0)
    axis.set_ylabel(f"({letter}) {label}")
    plots.label_steps(axis, sigmas)
axes[0][0].legend()
figure.supxlabel("σ (denoising step above each panel)", fontsize=8)

# %%
facts = {}
for split, part in mine[mine["quantity"] == "settled"].groupby("split"):
    middle = part.sort_values("step").iloc[len(part) // 2]
    share = with_interval(middle["mean"], middle["low"], middle["high"])
    facts[f"settled, {split}"] = f"{share} at step {middle['step']}"
n = int(mine.loc[mine["quantity"] == "settled", "n"].min()) if len(mine) else 0
said = "; ".join(f"{name}: {value}" for name, value in facts.items())
gap = """The model has no guidance, so it has no unconditional pass that one could compare."""
if guided:
    cases = mine[mine["quantity"] == "gap"].groupby("split")["n"].max()
    gap = f"""(d) Difference between the velocities of the conditional and the unconditional pass,
    over the size of the first: how much the prompt says at a step; n =
    {", ".join(f"{n} ({split})" for split, n in cases.items())}."""
caption = f"""Latents without a reader ({model} model, its own results). (a) How far the clean
estimate of each step is from the result; (b) the share of the latent's positions that are within
{CLOSE:g} of it and stay so; (c) how much changes from one latent frame to the next; these over the
result's own size. {gap} All of latent frames after the first. An estimate also comes nearer as
pictures become sharp, so a large distance is no open answer by itself. Bands: 95 % intervals over
cases, where there are two; n = {n} in each split at least. {said}."""
plots.save_figure(figure, stem, caption, ["tables/latents.csv"], facts)
