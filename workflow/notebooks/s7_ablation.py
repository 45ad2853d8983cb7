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

plots.style()
tables, stem = Path(tables), Path(stem)
ablation = read_table(tables / "layer_ablation.csv")
ablation = ablation[(ablation["model"] == model) & (ablation["task"] == "all")]
bands = [b for b in ("early", "middle", "late") if b in set(ablation["band"])]
modes = {"skip": "block skipped", "mean": "update replaced by its mean"}
n_layers = int(ablation["layer"].max()) + 1
quantities = {
    "score_change": "change of the score",
    "correct_change": "change of the share\nof right answers",
}

# %% [markdown]
# All tasks together: the runs of one task are too few to be drawn.

# %%
figure, axes = plt.subplots(
    len(quantities),
    len(bands),
    figsize=(plots.PAGE, 4.2),
    squeeze=False,
    sharex=True,
    sharey="row",
    layout="constrained",
)
colours = {"skip": plots.COLOURS["blue"], "mean": plots.COLOURS["orange"]}
shapes = {"skip": "o", "mean": "s"}
for row, (quantity, words) in zip(axes, quantities.items(), strict=True):
    for axis, name in zip(row, bands, strict=True):
        for n, (mode, title) in enumerate(modes.items()):
            rows = ablation[(ablation["mode"] == mode) & (ablation["band"] == name)]
            rows = rows[rows["quantity"] == quantity].sort_values("layer")
            axis.errorbar(
                rows["layer"] + 0.12 * (n - 0.5),
                rows["mean"],
                yerr=[rows["mean"] - rows["low"], rows["high"] - rows["mean"]],
                color=colours[mode],
                fmt=shapes[mode],
                ms=3.5,
                lw=1,
                label=title,
            )
        axis.axhline(0, color="0.7", lw=0.6)
        axis.set_xticks(range(0, n_layers, max(1, n_layers // 8)))
        if quantity == "score_change":
            axis.set_title(f"{name} third of the steps")
        else:
            axis.set_xlabel("layer")
    row[0].set_ylabel(words)
axes[0][0].legend(loc="lower left", fontsize=6)

# %%
right = ablation[ablation["quantity"] == "correct_change"].set_index(["mode", "band", "layer"])
doses = ablation[ablation["quantity"] == "dose"].set_index(["mode", "band", "layer"])["mean"]
facts = {
    f"{mode}/{band}/layer {layer}": {
        "correct_change": row["mean"],
        "low": row["low"],
        "high": row["high"],
        "n": int(row["n"]),
        "dose": doses[mode, band, layer],
    }
    for (mode, band, layer), row in right.iterrows()
}


def loss(place) -> str:
    return with_interval(*-right.loc[place, ["mean", "high", "low"]])


def worst_of(band: str) -> str:
    """The largest loss of a third of the steps, where it is, and its dose."""
    mode, _, layer = place = right.xs(band, level="band", drop_level=False)["mean"].idxmin()
    return f"{band} {loss(place)} (layer {layer}, {modes[mode]}, dose {doses[place]:.2f})"


caption = f"""Supplement S7 ({model} model, its own results). Change of the final score and of the
share of right answers against the clean run when one block is skipped, or adds the mean over cases
of what it adds at that step and token, in one third of the {int(ablation["steps"].max())} steps;
all tasks together, n = {int(right["n"].max())} runs. The largest loss of right answers by third of
the steps: {"; ".join(worst_of(band) for band in bands)}. Dose: |Δx|/|x| of the latent behind the
band; the early steps of a shifted schedule hardly move it, so a block can be spared there for want
of dose. Bars are 95 % intervals, bootstrap clustered by case with the number of cases of each task
fixed (Wilson's where no run changed); by task, with few runs each, in the table."""
plots.save_figure(figure, stem, caption, ["tables/layer_ablation.csv"], facts)
