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
# (a) Token energy, layer by layer and frame by frame. (b) At which layer does a swap of hidden
# states change the answer?

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

plots.style()
tables, stem = Path(tables), Path(stem)
maps = read_table(tables / "token_maps_runs.parquet")
swap = read_table(tables / "layer_swap.csv")
maps = maps[(maps["model"] == model) & (maps["branch"] == "cond") & (maps["step"] == 0)]
swap = swap[(swap["model"] == model) & (swap["step"] == 0) & (swap["direction"] == "both")]

# %% [markdown]
# One picture a case: rows are layers, columns latent frames, a cell is the board of tokens.


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


wanted = [t for t in ("identify", "move", "maze", "odd") if t in set(maps["task"])]
tasks = wanted or list(maps["task"].unique()[:4])
cases = {task: maps.loc[maps["task"] == task, "case"].min() for task in tasks}
shown = maps[maps["case"].isin(cases.values())]
n_layers, n_frames = int(shown["layer"].max()) + 1, int(shown["frame"].max()) + 1
scale = LogNorm(shown["energy_rest"].min(), shown["energy"].max())
kinds = {"energy": "all channels", "energy_rest": "without the massive channels"}

# %%
figure = plt.figure(figsize=(plots.PAGE, 7.7), layout="constrained")
upper, lower = figure.subfigures(2, 1, height_ratios=(5.3, 2.4))
axes = upper.subplots(len(kinds), len(tasks), squeeze=False)
for i, (column, title) in enumerate(kinds.items()):
    for axis, (task, name) in zip(axes[i], cases.items(), strict=True):
        picture = energy_picture(shown[shown["case"] == name], column)
        drawn = axis.imshow(picture, norm=scale, cmap="viridis", interpolation="nearest")
        height, width = picture.shape[0] / n_layers, picture.shape[1] / n_frames
        axis.set_xticks((np.arange(n_frames) + 0.45) * width, range(n_frames))
        axis.set_yticks((np.arange(n_layers) + 0.45) * height, range(n_layers))
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

# %%
panels = {
    "step 0, its clean estimate": ("one", "estimate"),
    "step 0, final video": ("one", "final"),
    "every step, final video": ("every", "final"),
}
lines = {
    "all tokens": ("twin", "all", "black", "-"),
    "picture (frame 0)": ("twin", "picture", plots.COLOURS["blue"], "-"),
    "video (frames 1 on)": ("twin", "video", plots.COLOURS["orange"], "-"),
    "update of the block": ("twin", "update", plots.COLOURS["green"], "-"),
    "all, unrelated donor": ("unrelated", "all", "0.5", ":"),
}
flips = swap[swap["quantity"] == "flipped"]
axes = lower.subplots(1, len(panels), sharey=True)
for axis, (title, (span, look)) in zip(axes, panels.items(), strict=True):
    here = flips[(flips["span"] == span) & (flips["look"] == look)]
    for n, (label, (donor, part, colour, dashes)) in enumerate(lines.items()):
        rows = here[(here["donor"] == donor) & (here["part"] == part)].sort_values("layer")
        if rows.empty:
            continue
        bars = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
        beside = rows["layer"] + 0.13 * (n - (len(lines) - 1) / 2)  # or equal rates would hide
        style = {"color": colour, "linestyle": dashes, "lw": 0.9, "elinewidth": 0.7}
        axis.errorbar(beside, rows["mean"], yerr=bars, marker=".", ms=4, label=label, **style)
    axis.set_title(title)
    axis.set_xlabel("swapped layer")
    axis.set_xticks(range(0, n_layers, max(1, n_layers // 8)))
    axis.set_ylim(-0.03, 1.03)
axes[0].set_ylabel("share of runs that flip")
handles, labels = axes[0].get_legend_handles_labels()
lower.legend(handles, labels, loc="outside lower center", ncols=len(lines), handlelength=1.4)
lower.text(0.005, 0.93, "(b)", fontsize=9, weight="bold")

# %%
facts = {
    f"{row.span}/{row.look}/{row.donor}/{row.part}/layer {row.layer}": {
        "flips": row.mean,
        "low": row.low,
        "high": row.high,
        "n": int(row.n),
    }
    for row in flips.itertuples()
}
one, every = flips[flips["span"] == "one"], flips[flips["span"] == "every"]
first = maps["sigma"].iloc[0]
caption = f"""Figure 6 ({model} model, its own results). (a) Token energy (L2 norm of the hidden
state after each block, conditional pass) at step 0 (sigma {first:.2f}) for
{", ".join(cases.values())}: rows are layers, columns latent frames, a cell is the board of tokens;
below, the same without the channels of largest mean square. All cells share one logarithmic colour
scale. (b) Identify task: share of runs whose answer flips to that of the twin run, which has the
other set of objects and the same prompt and noise, when hidden states after one block are replaced
by the twin's. Left: at step 0 of {int(one["steps"].max())}, read in the clean estimate of that
step; middle: in the final video of such runs; right: at every step of
{int(every["steps"].max())}. All tokens at one step is the same at every layer, because
between runs of one prompt a later block is given nothing but the tokens; the picture
itself comes back with the next step. Grey: tokens of an
unrelated case. n = {int(one["n"].max())} runs in both directions whose unpatched ends are right;
bars are 95 % intervals, bootstrap clustered by case, Wilson's over cases where all runs agree."""
plots.save_figure(
    figure, stem, caption, ["tables/token_maps_runs.parquet", "tables/layer_swap.csv"], facts
)
