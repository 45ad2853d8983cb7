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
# # Supplement S1. The decision timeline
# When does the clean estimate read as the final answer, and how many candidates does it hold?

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/s1_timeline"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.tasks import in_order

plots.style()
tables, stem = Path(tables), Path(stem)
timeline = read_table(tables / "timeline.parquet")
timeline = timeline[timeline["task"] != "all"]
models = [model, *sorted(set(timeline["model"]) - {model})]
sigmas = timeline.dropna(subset="step").groupby("step")["sigma"].first().tolist()
n_steps = len(sigmas) - 1

# %%
SPLITS = {"in-domain": "-", "out-of-domain": "--"}
CURVES = {"agrees": "blue", "leads_final": "green"}
keys = timeline[["task", "solutions"]].drop_duplicates()
order = in_order(set(timeline["task"]))
panels = sorted(keys.itertuples(index=False), key=lambda p: (p.solutions, order.index(p.task)))
columns = 3
rows = -(-(len(panels) + 1) // columns)
figure, axes = plt.subplots(rows, columns, figsize=(plots.PAGE, 1.45 * rows), squeeze=False)
colours = {name: plots.COLOURS[colour] for name, colour in CURVES.items()}
orange = plots.COLOURS["orange"]
for axis, panel in zip(axes.flat, panels, strict=False):
    here = timeline[(timeline["task"] == panel.task) & (timeline["solutions"] == panel.solutions)]
    right = axis.twinx()
    right.spines["right"].set_visible(True)
    mine = here[here["model"] == model]
    for split, line in SPLITS.items():
        some = mine[mine["split"] == split]
        for quantity, colour in colours.items():
            plots.band(axis, some[some["quantity"] == quantity], colour, linestyle=line)
        plots.band(right, some[some["quantity"] == "candidates"], orange, linestyle=line)
    for name in models[1:]:
        other = here[(here["model"] == name) & (here["split"] == "in-domain")]
        plots.band(axis, other[other["quantity"] == "agrees"], "grey", linestyle=":")
    known = mine[(mine["quantity"] == "commitment") & (mine["split"] == "in-domain")]
    for row in known.itertuples():
        bar = [[row.mean - row.low], [row.high - row.mean]]
        axis.errorbar(row.mean, 1.04, xerr=bar, fmt="v", color="black", ms=3, lw=1, clip_on=False)
    axis.set_ylim(0, 1.08)
    right.set_ylim(bottom=1)
    several = " (several solutions)" if panel.solutions == "several" else ""
    axis.set_title(plots.title(panel.task) + several, pad=12)
    plots.label_steps(axis, sigmas)
    axis.tick_params(axis="y", labelcolor=colours["agrees"])
    right.tick_params(axis="y", labelcolor=orange)
for axis in axes.flat[len(panels) :]:
    axis.set_axis_off()
legend = axes.flat[len(panels)]
for colour, text in (
    (colours["agrees"], "final answer is accepted"),
    (colours["leads_final"], "final answer leads"),
    (orange, "effective number of candidates"),
):
    legend.plot([], [], color=colour, label=text)
for split, line in SPLITS.items():
    legend.plot([], [], color="black", linestyle=line, label=split)
for name in models[1:]:
    legend.plot([], [], color="grey", linestyle=":", label=f"accepted, model {name}")
legend.plot([], [], "v", color="black", ms=3, label=f"mean commitment step ({model})")
legend.legend(loc="center", fontsize=6)
figure.supxlabel("denoising step (below), σ (above each panel)", fontsize=8)
figure.tight_layout()

# %%
runs = timeline[(timeline["quantity"] == "correct") & (timeline["step"] == 0)]
counts = ", ".join(f"{name}: {int(n)}" for name, n in runs.groupby("model")["n"].sum().items())
committed = timeline[timeline["quantity"] == "commitment"]
never = timeline[(timeline["quantity"] == "never") & (timeline["model"] == model)]
never = float((never["mean"] * never["n"]).sum() / never["n"].sum())
facts = {
    f"{row.model}/{row.task}/{row.solutions}/{row.split}": {
        "commitment": row.mean,
        "low": row.low,
        "high": row.high,
        "n": int(row.n),
    }
    for row in committed.itertuples()
}
caption = f"""Supplement S1 ({model} model, its own results). Share of runs whose clean estimate
already shows the final answer: accepted, its weight above the threshold (blue), or leading, its
evidence the largest (green); and effective number of candidates, exp(entropy) of the evidence, of
looks in which anything is readable (orange). Solid: in domain; dashed: out of domain. Bands are
95 % bootstrap intervals clustered by case. Triangles: mean commitment step in domain, the first
after which the answer never changes; a run that ends without an answer never commits and counts as
the last step ({never:.0%} of the {model} runs), and is in neither curve. Puzzles with one and with
several right answers are separate. Runs (n): {counts}, of {n_steps} steps."""
plots.save_figure(figure, stem, caption, ["tables/timeline.parquet"], facts)
