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
# # Where and when latents settle
# Clean estimates of a few cases, and the step from which each place of the latent stays as it ends.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/latents_map"
model: str = "pocket"

# %%
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.latents.commitment import CLOSE

plots.style()
tables, stem = Path(tables), Path(stem)
examples = plots.load_examples(tables / "latents_strips", "latents_map")
settled = read_table(tables / "latents_settled_runs.parquet")
frames = read_table(tables / "latents.csv")
frames = frames[(frames["model"] == model) & (frames["quantity"] == "settled")]
frames = frames[frames["frame"] >= 0].groupby(["frame", "step"])["mean"].mean().unstack()
latest = max(1, int(settled["step"].max()))

# %% [markdown]
# A row a case: the given picture, the last frame of clean estimates, and the map of that frame.

# %%
columns = len(examples[0]["steps"]) + 1
figure = plt.figure(figsize=(plots.PAGE, 0.95 * len(examples) + 1.9), layout="constrained")
upper, lower = figure.subfigures(2, 1, height_ratios=(0.95 * len(examples), 1.9))
axes = upper.subplots(len(examples), columns, squeeze=False)
for row, example in zip(axes, examples, strict=True):
    steps = example["steps"]
    names = [f"step {step}" if step is not None else "given" for step in steps]
    names[-1] = "result"
    for n, (axis, name) in enumerate(zip(row, names, strict=False)):
        axis.imshow(plots.still(example, n), interpolation="nearest")
        if example is examples[0]:
            axis.set_title(name)
    mine = settled[settled["case"] == example["case"]].sort_values(["row", "column"])
    shape = int(mine["row"].max()) + 1, int(mine["column"].max()) + 1
    place = mine["step"].to_numpy().reshape(shape)
    drawn = row[-1].imshow(place, vmin=0, vmax=latest, cmap="viridis", interpolation="nearest")
    for axis in row:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    name = example["case"].split("/")[1].replace("_", " ")
    row[0].set_ylabel(textwrap.fill(name, 14), fontsize=6)
axes[0][-1].set_title("settled from")
upper.colorbar(drawn, ax=axes, fraction=0.02, pad=0.01, label="step")

# %% [markdown]
# All cases: the share of positions of each latent frame that are settled.

# %%
axis = lower.subplots()
picture = axis.imshow(frames.to_numpy(), vmin=0, vmax=1, cmap="viridis", aspect="auto")
axis.set_xlabel("denoising step")
axis.set_ylabel("latent frame")
lower.colorbar(picture, ax=axis, fraction=0.02, pad=0.01, label="share settled")

# %%
facts = {
    case: {"at once": float((rows["step"] == 0).mean()), "last": int(rows["step"].max())}
    for case, rows in settled.groupby("case", sort=False)
}
told = "; ".join(f"{case}: {row['at once']:.0%}, {row['last']}" for case, row in facts.items())
caption = f"""When places of the latent settle ({model} model, its own results). Above, a case a
row, spread over those of the study: the given picture, the last frame of clean estimates and of the
result, and of that latent frame the step from which each place is within {CLOSE:g} of the result
(over its size) and stays so; dark: early. Share of places that are so from the first step on, and
the step of the last one: {told}. Below, means over all cases: the share of places of each latent
frame that are settled at a step; the first one shows the given picture."""
inputs = [
    *("tables/latents_strips/examples.json", "tables/latents_settled_runs.parquet"),
    "tables/latents.csv",
]
plots.save_figure(figure, stem, caption, inputs, facts)
