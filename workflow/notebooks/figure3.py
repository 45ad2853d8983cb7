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
from matplotlib.colors import ListedColormap

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.cases.references import REFERENCES
from chain_of_steps.experiments.noise.propagation import ESTIMATE
from chain_of_steps.experiments.noise.sentences import (
    ideal_sentence,
    main_sentences,
    sensitivity_sentences,
)
from chain_of_steps.experiments.noise.tables import IDEAL
from chain_of_steps.experiments.noise.verdicts import PAPER_PEAK

plots.style()
tables, stem = Path(tables), Path(stem)
names = ["noise", "cka", "sensitivity", "noise_verdicts"]
noise, cka, sensitivity, verdicts = (read_table(tables / f"{name}.csv") for name in names)
cka = cka[(cka["site"] == ESTIMATE) & (cka["model"] == model)]
sigmas = [*cka.groupby("step")["sigma"].first(), 0.0]
n_steps = len(sigmas) - 1
mine = noise[noise["model"] == model]
score = mine[mine["quantity"] == "score"]
sweep = score[score["part"] == "sweep"]
at_steps = sweep[(sweep["kind"] == "step") & sweep["index"].notna()].sort_values("index")
clean, mode = sweep[sweep["kind"] == "clean"].iloc[0], at_steps["mode"].iloc[0]
# all frames: in the controls where all cases have some of them
frames = score[(score["kind"] == "frame") & (score["mode"] == mode) & score["index"].notna()]
at_frames = frames[frames["part"] == frames["part"].value_counts().idxmax()].sort_values("index")
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
titles = {"(a) noise at step": blue, "noise at latent frame": orange}
places = rows[0].subgridspec(1, 2, wspace=0.12)
for place, mask, (title, colour) in zip(places, masks, titles.items(), strict=True):
    axis = figure.add_subplot(place)
    axis.pcolormesh(mask, cmap=ListedColormap(["white", colour]), edgecolors="0.75", lw=0.4)
    axis.invert_yaxis()
    axis.set_title(title, loc="left", pad=3, color=colour)
    axis.set_xlabel("denoising step →", labelpad=2)
    axis.set_ylabel("← latent frame" if colour is blue else "", labelpad=2)
    axis.set_xticks([])
    axis.set_yticks([])

# %% [markdown]
# (b) The score of the final video against the disturbed step or frame.

# %%
places = rows[1].subgridspec(1, 2, width_ratios=[1.7, 1], wspace=0.08)
left, right = (figure.add_subplot(place) for place in places)
right.sharey(left)
snr = plots.log_snr(at_steps["sigma"].to_numpy())


def bars(table) -> list:
    return [table["mean"] - table["low"], table["high"] - table["mean"]]


dots = {"fmt": "o", "ms": 3, "lw": 1.2}
left.errorbar(snr, at_steps["mean"], yerr=bars(at_steps), color=blue, **dots)
right.errorbar(at_frames["index"], at_frames["mean"], yerr=bars(at_frames), color=orange, **dots)
references = noise[(noise["part"] == "reference") & (noise["quantity"] == "score")]
marks = references.set_index("kind")["mean"][list(REFERENCES)].to_dict()
for axis in (left, right):
    for value in marks.values():
        axis.axhline(value, color="0.5", lw=0.7, ls=":", zorder=0)
    axis.axhspan(clean["low"], clean["high"], color="0.85", lw=0, zorder=0)
    axis.axhline(clean["mean"], color="0.35", lw=1, zorder=1)
plots.margin_labels(right, {**marks, "clean": clean["mean"]}, gap=0.075)
plots.label_levels(left, sigmas).set_xlabel("disturbed step", fontsize=7, labelpad=2)
left.set_xlim(snr.min() - 1, snr.max() + 1)
left.set_ylim(-0.04, 1.06)
name_panel(left, "b")
left.set_ylabel("score of the final video")
left.set_xlabel("σ (log-SNR)")
right.set_xlabel("disturbed latent frame")
right.set_xticks(at_frames["index"])
right.set_xlim(at_frames["index"].min() - 0.5, at_frames["index"].max() + 0.5)
right.tick_params(labelleft=False)

# %% [markdown]
# (c) How far an injection spreads, and how much of it is left at the end. One line a disturbed
# step; nothing is drawn for the steps between, which were not disturbed.

# %%
flow = cka[(cka["kind"] == "step") & (cka["part"] == "sweep") & (cka["mode"] == mode)]
normalised = flow[flow["quantity"] == "normalised"]
shown = "normalised" if len(normalised) else "tiles_dissimilarity"
flow = flow[flow["quantity"] == shown]
words = {
    "normalised": "0: another seed, 1: another case",
    "tiles_dissimilarity": "1 − CKA where candidates differ",
}
places = rows[2].subgridspec(1, 2, width_ratios=[1.7, 1], wspace=0.32)
spread, left_over = (figure.add_subplot(place) for place in places)
injected = sorted(flow["injected"].dropna().unique())
shades = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(injected)))
for step, shade in zip(injected, shades, strict=True):
    here = flow[flow["injected"] == step].assign(snr=lambda t: plots.log_snr(t["sigma"]))
    plots.band(spread, here, shade, f"{step:.0f}", x="snr", marker="o", ms=1.5)
spread.axhline(0, color="0.5", lw=0.8, ls=":")
if shown == "normalised":
    spread.axhline(1, color="0.5", lw=0.8, ls=":")
plots.label_levels(spread, sigmas).set_xlabel("observed step", fontsize=7, labelpad=2)
spread.set_xlabel("σ (log-SNR)")
spread.set_ylabel(words[shown])
spread.legend(title="disturbed step", title_fontsize=6, fontsize=6, handlelength=1)
name_panel(spread, "c")

# %%
end = flow[flow["step"] == n_steps - 1].sort_values("injected")
changed = sensitivity[(sensitivity["model"] == model) & (sensitivity["mode"] == mode)]
changed = changed[changed["quantity"] == "answer_changed"].sort_values("step")
ideal = mine[(mine["part"] == IDEAL) & (mine["kind"] == "step") & (mine["mode"] == mode)]
ideal = ideal[(ideal["quantity"] == "answer_changed") & ideal["index"].notna()]
beside = np.arange(len(injected))
left_over.errorbar(
    beside, changed["mean"], yerr=bars(changed), color="0.25", label="answers changed", **dots
)
left_over.errorbar(
    beside + 0.15, end["mean"], yerr=bars(end), color=red, mfc="white", label="1 − CKA", **dots
)
if len(ideal):
    at = [injected.index(step) for step in ideal["index"]]
    style = {"color": plots.COLOURS["green"], "marker": "_", "ms": 8, "ls": ""}
    left_over.plot(at, ideal["mean"], label="answers, exact", **style)
left_over.set_xticks(beside, [f"{step:.0f}" for step in injected])
left_over.set_xlabel("disturbed step")
left_over.set_title("left at the end", fontsize=7, pad=4)
left_over.legend(
    fontsize=6, handlelength=1, loc="upper center", bbox_to_anchor=(0.5, -0.24), borderpad=0
)

# %%
n_frames = len(at_frames)
repeat = cka[(cka["kind"] == "repeat") & (cka["quantity"] == "dissimilarity")]["mean"].max()
whole = {
    kind: cka.loc[
        (cka["kind"] == kind) & (cka["step"] == n_steps - 1) & (cka["quantity"] == quantity), "mean"
    ].squeeze()
    for kind, quantity in (("other seed", "dissimilarity"), ("other case", "dissimilarity"))
}
tiles = {
    kind: cka.loc[
        (cka["kind"] == kind)
        & (cka["step"] == n_steps - 1)
        & (cka["quantity"] == "tiles_dissimilarity"),
        "mean",
    ].squeeze()
    for kind in whole
}


def ends_apart(found: dict) -> str:
    """What two seeds and two cases differ by at the end, or that this was not measured."""
    if any(np.size(value) == 0 for value in found.values()):
        return "not measured"
    return f"{found['other seed']:.3f} between seeds, {found['other case']:.3f} between cases"


facts = {
    "clean": {key: clean[key] for key in ("n", "mean", "low", "high")},
    "verdicts": verdicts[verdicts["model"] == model].to_dict("records"),
    "ends": {
        f"step {row.injected:.0f}": {"mean": row.mean, "low": row.low, "high": row.high}
        for row in end.itertuples()
    },
}
sentences = [
    *main_sentences(noise, verdicts, model),
    ideal_sentence(noise, model),
    *sensitivity_sentences(verdicts, sensitivity, model, mode, n_steps),
]
first = at_steps["index"].min()
seed = " Step 0 is left out: there noise is another seed." if first > 0 else ""
caption = f"""Figure 3 ({model} model, its own results). (a) Noise at Step: before one step, all
latent frames become N(0, I); Noise at Frame: one latent frame does, before every step (mode
{mode}). (b) Score of the final video after noise at {len(at_steps)} steps (n =
{int(at_steps["n"].max())} runs; in means each stands for the steps nearest to it) and at {n_frames}
latent frames (n = {int(at_frames["n"].max())}); grey: the same runs undisturbed (n =
{int(clean["n"])}); dotted: the same reader on the ground truth, a cut to its final frame (jump),
another case's video and a held first frame (static).{seed} At low σ the network is given noise at a
level it was never trained on. (c) 1 − CKA between the clean estimates of the perturbed and the
clean run, on the positions of the latent where the candidates of the puzzle differ, scaled so that
0 is another seed of the case and 1 another case (n = {int(flow["n"].max())} runs of puzzles with
enough such positions); right: the same at the end, with the share of changed answers (grey) and
that of an exact denoiser among several right answers (green). On these positions two ends differ by
{ends_apart(tiles)}; on the whole latent, most of which the picture gives, by {ends_apart(whole)}.
The published peak, steps {PAPER_PEAK[0]:.0%} to {PAPER_PEAK[1]:.0%} of the run, is another model's.
The same run in another batch layout differs by at most {repeat:.0e}. Bars and bands: 95 % bootstrap
intervals over cases, within task where it has five or more. {" ".join(sentences)} Controls:
Supplement S2."""
inputs = [f"tables/{name}.csv" for name in names]
plots.save_figure(figure, stem, caption, inputs, facts)
