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
from matplotlib.colors import ListedColormap, PowerNorm

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.cases.references import REFERENCES
from chain_of_steps.experiments.noise.propagation import ESTIMATE
from chain_of_steps.experiments.noise.sentences import main_sentences, sensitivity_sentences
from chain_of_steps.experiments.noise.tables import MEASURES
from chain_of_steps.experiments.noise.verdicts import PAPER_PEAK

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
figure = plt.figure(figsize=(plots.COLUMN, 7.0))
rows = figure.add_gridspec(3, 1, height_ratios=[0.5, 1.6, 1.9], hspace=0.62)


def name_panel(axis: plt.Axes, letter: str) -> None:
    """The panel's letter, left of the axis above it, out of the way of its labels."""
    place = {"xytext": (-32, 14), "textcoords": "offset points", "annotation_clip": False}
    axis.annotate(f"({letter})", (0, 1), xycoords="axes fraction", **place)


# %% [markdown]
# (a) The two settings: what noise replaces on the plane of steps and latent frames.

# %%
frames = int(at_frames["index"].max()) + 1
columns = min(n_steps, 13)
masks = np.zeros((2, frames, columns))
masks[0, :, columns // 3] = 1
masks[1, frames // 2] = 1
titles = {"(a) noise at step": blue, "noise at frame": orange}
places = rows[0].subgridspec(1, 2, wspace=0.12)
for place, mask, (title, colour) in zip(places, masks, titles.items(), strict=True):
    axis = figure.add_subplot(place)
    axis.pcolormesh(mask, cmap=ListedColormap(["white", colour]), edgecolors="0.75", lw=0.4)
    axis.invert_yaxis()
    axis.set_title(title, loc="left", pad=3, color=colour)
    axis.set_xlabel("denoising step →", labelpad=2)
    axis.set_ylabel("← frame" if colour is blue else "", labelpad=2)
    axis.set_xticks([])
    axis.set_yticks([])

# %% [markdown]
# (b) The score of the final video against the disturbed step or frame.

# %%
places = rows[1].subgridspec(1, 2, width_ratios=[1.7, 1], wspace=0.08)
left, right = (figure.add_subplot(place) for place in places)
right.sharey(left)
plots.band(left, at_steps.rename(columns={"index": "step"}), blue, marker="o", ms=2.5)
bars = [at_frames["mean"] - at_frames["low"], at_frames["high"] - at_frames["mean"]]
right.errorbar(
    at_frames["index"], at_frames["mean"], yerr=bars, color=orange, fmt="o", ms=3, lw=1.2
)
references = noise[(noise["part"] == "reference") & (noise["quantity"] == "score")]
marks = references.set_index("kind")["mean"][list(REFERENCES)].to_dict()
for axis in (left, right):
    for value in marks.values():
        axis.axhline(value, color="0.5", lw=0.7, ls=":", zorder=0)
    axis.axhspan(clean["low"], clean["high"], color="0.85", lw=0, zorder=0)
    axis.axhline(clean["mean"], color="0.35", lw=1, zorder=1)
plots.margin_labels(right, {**marks, "clean": clean["mean"]}, gap=0.075)
left.set_xlim(-1, n_steps)
plots.label_steps(left, sigmas).set_xlabel("σ", fontsize=7, labelpad=2)
left.set_ylim(-0.04, 1.06)
name_panel(left, "b")
left.set_ylabel("score of the final video")
left.set_xlabel("disturbed step")
right.set_xlabel("disturbed frame")
right.set_xticks(at_frames["index"])
right.set_xlim(at_frames["index"].min() - 0.5, at_frames["index"].max() + 0.5)
right.tick_params(labelleft=False)

# %% [markdown]
# (c) How far an injection spreads, and how much of it is left at the end.

# %%
flow = cka[(cka["kind"] == "step") & (cka["part"] == "sweep") & (cka["model"] == model)]
places = rows[2].subgridspec(1, 2, width_ratios=[2.2, 1], wspace=0.2)
heat, curve = (figure.add_subplot(place) for place in places)
curve.sharey(heat)
plane = flow.pivot_table(index="injected", columns="step", values="mean")
edges = np.array([*plane.index, n_steps]) - 0.5
norm = PowerNorm(0.5, vmin=0)  # most of the plane lies near 0
mesh = heat.pcolormesh(
    np.arange(n_steps + 1) - 0.5, edges, plane, cmap="viridis", norm=norm, rasterized=True
)
heat.set_xlim(-0.5, n_steps)
heat.set_ylim(n_steps - 0.5, -0.5)
heat.set_xlabel("observed step")
heat.set_ylabel("injection step")
name_panel(heat, "c")
plots.label_steps(heat, sigmas).set_xlabel("σ", fontsize=7, labelpad=2)
bar = figure.colorbar(mesh, cax=heat.inset_axes([0.07, 0.14, 0.38, 0.05]), orientation="horizontal")
bar.ax.set_title("1 − CKA", fontsize=7, pad=2)
bar.ax.tick_params(labelsize=6, length=2)
ticks = [tick for tick in (0, 0.1, 0.5) if tick <= norm.vmax]
bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
bar.outline.set_visible(False)

# %%
mine = sensitivity[(sensitivity["model"] == model) & (sensitivity["mode"] == mode)]
found = verdicts[(verdicts["claim"] == "peak_in_the_middle") & (verdicts["model"] == model)]
seeds = cka[(cka["kind"] == "other seed") & (cka["step"] == n_steps - 1) & (cka["model"] == model)]
measures = {"dissimilarity": (red, "--"), "answer_changed": ("0.25", "-")}
top = curve.twiny()
for axis, (measure, (colour, line)) in zip((curve, top), measures.items(), strict=True):
    here = mine[mine["quantity"] == measure].sort_values("step")
    axis.plot(here["mean"], here["step"], color=colour, ls=line, lw=1.2)
    axis.fill_betweenx(here["step"], here["low"], here["high"], color=colour, alpha=0.2, lw=0)
    for peak in found[found["control"] == f"mode {mode}, {MEASURES[measure]}"].itertuples():
        at = here.loc[here["step"] == peak.mean, "mean"]
        bar = [[peak.mean - peak.low], [peak.high - peak.mean]]
        axis.errorbar(at, [peak.mean], yerr=bar, color=colour, fmt="D", ms=3, lw=1)
    axis.set_xlim(left=0)
    axis.tick_params(axis="x", labelcolor=colour, labelsize=6)
for row in seeds.itertuples():
    curve.axvline(row.mean, color=red, lw=0.8, ls=":")
curve.axhspan(*(share * n_steps for share in PAPER_PEAK), color="0.92", lw=0, zorder=0)
middle = (0.97, sum(PAPER_PEAK) / 2 * n_steps)
style = {"ha": "right", "va": "center", "fontsize": 6, "color": "0.4"}
curve.annotate("(P)", middle, xycoords=("axes fraction", "data"), **style)
curve.tick_params(labelleft=False)
curve.set_xlabel("1 − CKA at the end", color=red)
top.set_xlim(0, 1)
top.set_title("answers changed", fontsize=7, pad=4)
top.spines[["top"]].set_visible(True)

# %%
n_frames = len(at_frames)
end = seeds["mean"].iloc[0] if len(seeds) else np.nan
repeat = cka[(cka["kind"] == "repeat") & (cka["model"] == model)]["mean"].max()
early = mine[(mine["quantity"] == "dissimilarity") & (mine["step"] == mine["step"].min())].iloc[0]
facts = {
    "clean": {key: clean[key] for key in ("n", "mean", "low", "high")},
    "verdicts": verdicts[verdicts["model"] == model].to_dict("records"),
    "floors": {"other seed": end, "repeat": repeat},
}
sentences = [
    *main_sentences(noise, verdicts, model),
    *sensitivity_sentences(verdicts, sensitivity, model, mode, n_steps),
]
caption = f"""Figure 3 ({model} model, its own results). (a) Noise at Step: before one step, all
frames become N(0, I); Noise at Frame: one latent frame does, before every step (mode {mode}).
(b) Score of the final video, {len(at_steps)} steps (in means each stands for the steps nearest to
it) and {n_frames} frames; grey: the same runs
undisturbed; dotted: the same reader on the ground truth, a cut to its final frame (jump), another
case's video and a held first frame (static). (c) 1 − CKA between the clean estimates of the
perturbed and the clean run, and what is left of it at the end (red, dashed; dotted: two seeds of
one case, {end:.3f}) with the share of changed answers (grey); diamonds: peaks; (P): the
paper's peak, published for another model. The same run in
another batch layout differs by at most {repeat:.0e}; injecting at step {early["step"]:.0f} leaves
{early["mean"]:.3f}. Bands and bars: 95 % bootstrap intervals over cases, within task where it has
five or more, n = {int(clean["n"])} runs. {" ".join(sentences)} Controls: Supplement S2."""
inputs = [f"tables/{name}.csv" for name in names]
plots.save_figure(figure, stem, caption, inputs, facts)
