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
# # Supplement S7. Layer ablation
# What each task loses when a block is skipped, or adds the same for every case.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/s7_ablation"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.text import with_interval
from chain_of_steps.tasks import in_order

plots.style()
tables, stem = Path(tables), Path(stem)
ablation = read_table(tables / "layer_ablation.csv")
ablation = ablation[ablation["model"] == model]
bands = [b for b in ("early", "middle", "late") if b in set(ablation["band"])]
modes = {"skip": "block skipped", "mean": "update replaced by its mean"}
tasks = in_order(set(ablation["task"]) - {"all"})
change = ablation[ablation["quantity"] == "score_change"]
n_layers = int(change["layer"].max()) + 1

# %%
figure, axes = plt.subplots(
    len(modes) + 1,
    len(bands),
    figsize=(plots.PAGE, 8.2),
    squeeze=False,
    sharex=True,
    layout="constrained",
    height_ratios=[1] * len(modes) + [0.55],
)
for i, (mode, title) in enumerate(modes.items()):
    for axis, name in zip(axes[i], bands, strict=True):
        here = change[(change["mode"] == mode) & (change["band"] == name)]
        grid = here.pivot(index="task", columns="layer", values="mean").loc[tasks]
        drawn = axis.imshow(grid, vmin=-1, vmax=1, cmap="RdBu", aspect="auto")
        axis.set_yticks(
            range(len(tasks)), [plots.title(t) for t in tasks] if name == bands[0] else []
        )
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
        if i == 0:
            axis.set_title(f"{name} third of the steps")
        if name == bands[0]:
            axis.set_ylabel(title)
figure.colorbar(drawn, ax=axes[:-1], fraction=0.025, pad=0.01, label="change of the score")
colours = {"skip": plots.COLOURS["blue"], "mean": plots.COLOURS["orange"]}
right = ablation[(ablation["quantity"] == "correct_change") & (ablation["task"] == "all")]
for axis, name in zip(axes[-1], bands, strict=True):
    for mode, title in modes.items():
        rows = right[(right["mode"] == mode) & (right["band"] == name)]
        plots.band(axis, rows, colours[mode], title, x="layer", marker=".", ms=4)
    axis.axhline(0, color="0.7", lw=0.6)
    axis.set_ylim(min(-0.05, 1.05 * right["low"].min()), max(0.05, 1.1 * right["high"].max()))
    axis.set_xticks(range(0, n_layers, max(1, n_layers // 8)))
    axis.set_xlabel("layer")
    axis.tick_params(labelleft=name == bands[0])
axes[-1][0].set_ylabel("change of the share\nof right answers")
axes[-1][len(bands) // 2].legend(loc="lower right", fontsize=6)

# %%
here = right.set_index(["mode", "band", "layer"])
worst = here["mean"].idxmin()
facts = {
    f"{row.mode}/{row.band}/layer {row.layer}": {
        "correct_change": row.mean,
        "low": row.low,
        "high": row.high,
        "n": int(row.n),
    }
    for row in right.itertuples()
}
counts = change[change["task"] != "all"]["n"]
runs = " to ".join(str(n) for n in sorted({int(counts.min()), int(counts.max())}))
caption = f"""Supplement S7 ({model} model, its own results). Change of the final score against the
clean run when one block (columns) is skipped, or adds the mean over cases of what it adds at that
step and token, in one third of the {int(ablation["steps"].max())} steps; n = {runs}
runs a task. Below: change of the share of right answers over all tasks,
n = {int(right["n"].max())} runs; bands are 95 % intervals, bootstrap clustered by case with the
number of cases of each task fixed (Wilson's where no run changed). The largest loss is
{with_interval(*-here.loc[worst, ["mean", "high", "low"]])} at layer {worst[2]}
({modes[worst[0]]}, {worst[1]} steps)."""
plots.save_figure(figure, stem, caption, ["tables/layer_ablation.csv"], facts)
