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
# # Figure 6. Inside one step
# (a) Token energy, layer by layer and frame by frame. (b) Is it the layer at which hidden states
# are swapped that changes the answer, or how much is swapped?

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure6"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.layers.sentences import PARTS, flips_by_dose, swap_sentences
from chain_of_steps.experiments.layers.swap import FORKED, first_middle_last

plots.style()
tables, stem = Path(tables), Path(stem)
maps = read_table(tables / "token_maps_runs.parquet")
swap = read_table(tables / "layer_swap.csv")
maps = maps[(maps["model"] == model) & (maps["branch"] == "cond") & (maps["step"] == 0)]
swap = swap[swap["model"] == model]

# %% [markdown]
# The first, the middle and the last layer and latent frame of one case: a cell is the board of
# tokens.


# %%
def energy_picture(case, column: str, gap: int = 1) -> np.ndarray:
    """Rows of layers by columns of frames, each a map of tokens, with gaps of nan."""
    shape = [int(case[axis].max()) + 1 for axis in ("layer", "frame", "row", "column")]
    values = case.sort_values(["layer", "frame", "row", "column"])[column].to_numpy()
    padded = np.pad(
        values.reshape(shape), [(0, 0), (0, 0), (0, gap), (0, gap)], constant_values=np.nan
    )
    layers, frames, height, width = padded.shape
    return padded.transpose(0, 2, 1, 3).reshape(layers * height, frames * width)


wanted = [t for t in ("identify", "maze") if t in set(maps["task"])]
tasks = wanted or list(maps["task"].unique()[:2])
cases = {task: maps.loc[maps["task"] == task, "case"].min() for task in tasks}
shown = maps[maps["case"].isin(cases.values())]
all_layers = int(shown["layer"].max()) + 1
kept = sorted(first_middle_last(all_layers))
shown = shown[shown["layer"].isin(kept)].assign(layer=lambda t: t["layer"].map(kept.index))
frames = sorted(first_middle_last(int(shown["frame"].max()) + 1))
shown = shown[shown["frame"].isin(frames)].assign(frame=lambda t: t["frame"].map(frames.index))
n_layers, n_frames = len(kept), len(frames)
scale = LogNorm(shown["energy_rest"].min(), shown["energy"].max())
kinds = {"energy": "all channels", "energy_rest": "without the massive channels"}

# %%
figure = plt.figure(figsize=(plots.PAGE, 7.0), layout="constrained")
upper, lower = figure.subfigures(2, 1, height_ratios=(4.2, 2.8))
axes = upper.subplots(len(kinds), len(tasks), squeeze=False)
for i, (column, title) in enumerate(kinds.items()):
    for axis, (task, name) in zip(axes[i], cases.items(), strict=True):
        picture = energy_picture(shown[shown["case"] == name], column)
        drawn = axis.imshow(picture, norm=scale, cmap="viridis", interpolation="nearest")
        height, width = picture.shape[0] / n_layers, picture.shape[1] / n_frames
        axis.set_xticks((np.arange(n_frames) + 0.45) * width, frames)
        axis.set_yticks((np.arange(n_layers) + 0.45) * height, kept)
        axis.tick_params(length=0, pad=2)
        axis.spines[:].set_visible(False)
        if i == 0:
            axis.set_title(plots.title(task))
        else:
            axis.set_xlabel("latent frame")
        if task == tasks[0]:
            axis.set_ylabel(f"{title}\nlayer")
bar = upper.colorbar(drawn, ax=axes, fraction=0.03, pad=0.01, label="token energy (L2 norm)")
ticks = [t for t in (5, 10, 20, 30, 50, 100, 200, 500) if scale.vmin <= t <= scale.vmax]
bar.set_ticks(ticks, labels=[str(t) for t in ticks])
bar.minorticks_off()
upper.text(0.005, 0.97, "(a)", fontsize=9, weight="bold")

# %% [markdown]
# Left and middle: by the number of first steps that are swapped, one line a layer; grey, all
# tokens. Right: the same flips by dose. If the layer did not matter, they would lie on one line.

# %%
flips = flips_by_dose(swap)
layers = sorted(first_middle_last(all_layers))
palette = [plots.COLOURS[name] for name in ("blue", "orange", "green")]
colours = dict(zip(layers, palette, strict=False))
counts = sorted(flips["swapped"].unique()) or [0]
shapes = {"picture": "o", "video": "s"}
axes = lower.subplots(1, 3, sharey=True)
control = flips[(flips["part"] == "all") & (flips["layer"] == 0)].sort_values("swapped")
for axis, (part, title) in zip(axes, PARTS.items(), strict=False):
    axis.plot(range(len(control)), control["mean"], color="0.5", ls=":", lw=1.2, label="all tokens")
    for n, (layer, colour) in enumerate(colours.items()):
        here = flips[(flips["part"] == part) & (flips["layer"] == layer)].sort_values("swapped")
        bars = [here["mean"] - here["low"], here["high"] - here["mean"]]
        # or equal rates would hide each other
        beside = np.array([counts.index(k) for k in here["swapped"]]) + 0.12 * (n - 1)
        style = {"color": colour, "marker": shapes[part], "ms": 3.5, "lw": 0.9, "elinewidth": 0.7}
        axis.errorbar(beside, here["mean"], yerr=bars, label=f"layer {layer}", **style)
    axis.set_title(title)
    axis.set_xticks(range(len(counts)), [str(k) for k in counts])
    axis.set_xlabel(f"first steps swapped, of {counts[-1]}")
    axis.set_ylim(-0.04, 1.04)
axes[0].set_ylabel("share of runs that flip")
axes[0].legend(fontsize=6, loc="upper left", handlelength=1.4)
axes[-1].plot(control["dose"], control["mean"], color="0.5", ls=":", lw=1.2)
for part in FORKED:
    for layer, colour in colours.items():
        here = flips[(flips["part"] == part) & (flips["layer"] == layer)]
        style = {"color": colour, "marker": shapes[part], "s": 14, "lw": 0.8}
        axes[-1].scatter(here["dose"], here["mean"], **style)
if len(flips):
    axes[-1].set_xscale("log")
axes[-1].set_title("by dose")
axes[-1].set_xlabel("|Δx|/|x| when the swap is over")
lower.text(0.005, 0.95, "(b)", fontsize=9, weight="bold")

# %%
facts = {
    f"{row.part}/{row.swapped} steps/layer {row.layer}": {
        "flips": row.mean,
        "low": row.low,
        "high": row.high,
        "n": int(row.n),
        "dose": row.dose,
    }
    for row in flips.itertuples()
}


first, n = maps["sigma"].iloc[0], int(flips["n"].max()) if len(flips) else 0
caption = f"""Figure 6 ({model} model, its own results). (a) Token energy (L2 norm of the hidden
state after each block, conditional pass) at step 0 (sigma {first:.2f}) for the first case of a
task, {", ".join(cases.values())}: rows are the first, the middle and the last layer, columns the
first, the middle and the last latent frame, a cell is the board of tokens; below, the same without
the channels of largest mean square. The paper's maps are those of all channels; the two need not
agree, and S8 tests both. All cells share one logarithmic colour scale. (b) Identify task: share of
runs whose answer flips to that of the twin run, which has the other set of objects and the same
prompt and noise, when hidden states after one block are replaced by the twin's, at the first steps
of {counts[-1]}, up to all of them. {" ".join(swap_sentences(swap))} n = {n} runs in both directions
whose unpatched ends are right; bars are 95 % intervals, bootstrap clustered by case, Wilson's over
cases where all runs agree."""
plots.save_figure(
    figure, stem, caption, ["tables/token_maps_runs.parquet", "tables/layer_swap.csv"], facts
)
