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
# # Figure 3. Noise at a step, noise at a frame, and how far it spreads
# Section 3.2: if reasoning runs along the steps, noise at one step must do more harm than noise at
# one frame.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure3"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.noise import main_sentences, sensitivity_sentences
from chain_of_steps.experiments.propagation import ESTIMATE
from chain_of_steps.experiments.references import REFERENCES

plots.style()
tables, stem = Path(tables), Path(stem)
names = ["noise", "cka", "sensitivity", "noise_verdicts"]
noise, cka, sensitivity, verdicts = (read_table(tables / f"{name}.csv") for name in names)
cka = cka[(cka["quantity"] == "dissimilarity") & (cka["site"] == ESTIMATE)]
sigmas = [*cka.groupby("step")["sigma"].first(), 0.0]
n_steps = len(sigmas) - 1
sweep = noise[(noise["part"] == "sweep") & (noise["model"] == model)]
score = sweep[sweep["quantity"] == "score"]
at_steps, at_frames = (
    score[(score["kind"] == kind) & score["index"].notna()].sort_values("index")
    for kind in ("step", "frame")
)
clean = score[score["kind"] == "clean"].iloc[0]
mode = at_steps["mode"].iloc[0]
blue, orange, red = (plots.COLOURS[name] for name in ("blue", "orange", "red"))

# %%
figure = plt.figure(figsize=(plots.COLUMN, 7.2))
rows = figure.add_gridspec(3, 1, height_ratios=[0.75, 1.75, 2.2], hspace=0.55)

# %% [markdown]
# (a) The two settings: what is replaced by noise on the plane of steps and latent frames.

# %%
frames = int(at_frames["index"].max()) + 1
columns = min(n_steps, 12)
masks = np.zeros((2, frames, columns))
masks[0, :, columns // 3] = 1
masks[1, frames // 2] = 1
for place, mask, title, colour in zip(
    rows[0].subgridspec(1, 2, wspace=0.15),
    masks,
    ("(a) noise at step", "noise at frame"),
    (blue, orange),
    strict=True,
):
    axis = figure.add_subplot(place)
    axis.pcolormesh(mask, cmap=plots.two_tone(colour), edgecolors="0.75", lw=0.4)
    axis.invert_yaxis()
    axis.set_aspect("equal")
    axis.set_title(title, color=colour)
    axis.set_xlabel("denoising step →", labelpad=2)
    axis.set_xticks([])
    axis.set_yticks([])
    if colour is blue:
        axis.set_ylabel("← frame")

# %% [markdown]
# (b) The score of the final video against the disturbed step or frame.

# %%
left, right = (figure.add_subplot(p) for p in rows[1].subgridspec(1, 2, wspace=0.12))
right.sharey(left)
plots.band(left, at_steps.rename(columns={"index": "step"}), blue, marker="o", ms=2.5)
bars = [at_frames["mean"] - at_frames["low"], at_frames["high"] - at_frames["mean"]]
right.errorbar(
    at_frames["index"], at_frames["mean"], yerr=bars, color=orange, fmt="o-", ms=3, lw=1.2
)
for axis in (left, right):
    axis.axhspan(clean["low"], clean["high"], color="0.85", lw=0)
    axis.axhline(clean["mean"], color="0.35", lw=1)
references = noise[(noise["part"] == "reference") & (noise["quantity"] == "score")]
marks = {"clean": clean["mean"]}
for name in REFERENCES:
    marks[name] = references.loc[references["kind"] == name, "mean"].iloc[0]
    for axis in (left, right):
        axis.axhline(marks[name], color="0.45", lw=0.7, ls=":")
plots.margin_labels(right, marks, gap=0.065)
left.set_xlim(-1, n_steps)
plots.label_steps(left, sigmas)
left.set_ylim(-0.04, 1.06)
left.set_title("(b)  σ", pad=14, loc="left")
left.set_ylabel("score of the final video")
left.set_xlabel("disturbed step")
right.set_xlabel("disturbed latent frame")
right.set_xticks(at_frames["index"])
right.set_xlim(at_frames["index"].min() - 0.5, at_frames["index"].max() + 0.5)
right.tick_params(labelleft=False)

# %% [markdown]
# (c) How far an injection spreads, and how much of it is left at the end.

# %%
flow = cka[(cka["kind"] == "step") & (cka["part"] == "sweep") & (cka["model"] == model)]
heat, curve = (
    figure.add_subplot(p) for p in rows[2].subgridspec(1, 2, width_ratios=[2.3, 1], wspace=0.1)
)
curve.sharey(heat)
plane = flow.pivot_table(index="injected", columns="step", values="mean")
injected = plane.index.to_numpy()
edges = np.array([*injected, n_steps]) - 0.5
mesh = heat.pcolormesh(
    np.arange(plane.columns.min(), n_steps + 1) - 0.5, edges, plane, cmap="viridis", vmin=0
)
heat.invert_yaxis()
heat.set_xlabel("observed step")
heat.set_ylabel("injection step")
heat.set_title("(c)  σ", pad=14, loc="left")
plots.label_steps(heat, sigmas)
bar = figure.colorbar(mesh, cax=heat.inset_axes([0.08, 0.13, 0.4, 0.045]), orientation="horizontal")
bar.ax.set_title("1 − CKA", fontsize=7, pad=2)
bar.ax.tick_params(labelsize=6)
bar.outline.set_visible(False)

mine = sensitivity[(sensitivity["model"] == model) & (sensitivity["mode"] == mode)]
floor = cka[(cka["kind"] == "other seed") & (cka["step"] == n_steps - 1)]
for measure, colour, line in (("dissimilarity", red, "--"), ("answer_changed", "0.3", "-")):
    rows_ = mine[mine["quantity"] == measure].sort_values("step")
    curve.plot(rows_["mean"], rows_["step"], color=colour, ls=line, lw=1.2)
    curve.fill_betweenx(rows_["step"], rows_["low"], rows_["high"], color=colour, alpha=0.2, lw=0)
for row in floor.itertuples():
    curve.axvline(row.mean, color=red, lw=0.8, ls=":")
published = verdicts[verdicts["claim"] == "peak_in_the_middle"]
