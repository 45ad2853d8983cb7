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
mine = rows[rows["model"] == model]

# %%
panels = {
    "distance": "distance to the result",
    "settled": "share of positions that stay near",
    "motion": "change from frame to frame",
}
figure, axes = plt.subplots(1, 3, figsize=(plots.PAGE, 2.2), layout="constrained")
for axis, (quantity, label) in zip(axes, panels.items(), strict=True):
    for split, curve in mine[(mine["quantity"] == quantity) & (mine["frame"] == ALL)].groupby(
        "split"
    ):
        curve = curve.sort_values("step")
        (line,) = axis.plot(curve["step"], curve["mean"], label=split)
        axis.fill_between(
            curve["step"], curve["low"], curve["high"], color=line.get_color(), alpha=0.2, lw=0
        )
    axis.set_ylim(bottom=0)
    axis.set_xlabel("step")
    axis.set_ylabel(label)
axes[0].legend(frameon=False)

# %%
facts = {}
whole = mine[mine["frame"] == ALL].sort_values("step")
for split, part in whole[whole["quantity"] == "settled"].groupby("split"):
    middle = part.iloc[len(part) // 2]
    share = with_interval(middle["mean"], middle["low"], middle["high"])
    facts[f"settled, {split}"] = f"{share} at step {middle['step']}"
n = whole["n"].min() if len(whole) else 0
said = "; ".join(f"{name}: {value}" for name, value in facts.items())
caption = f"""Latents without a reader ({model} model, its own results). Left, how far the clean
estimate of each step is from the result; middle, the share of the latent's positions that are
within {CLOSE:g} of it and stay so; right, how much changes from one latent frame to the next; all
over the result's own size, latent frames after the first. An estimate also comes nearer as pictures
become sharp, so a large distance is no open answer by itself. Bands: 95 % intervals over cases;
n = {n} at least. {said}."""
plots.save_figure(figure, stem, caption, ["tables/latents.csv"], facts)
