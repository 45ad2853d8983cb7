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
timeline = timeline[(timeline["task"] != "all") & (timeline["split"] == "in-domain")]
known = read_table(tables / "models.csv")
controls = known.loc[known["control"].astype(bool), "model"].tolist()
sigmas = timeline.dropna(subset="step").groupby("step")["sigma"].first().tolist()
n_steps = len(sigmas) - 1

# %%
NEEDS = {"near": "-", "far": "--"}
CURVES = {"agrees": "blue", "leads_final": "green"}
keys = timeline[["task", "solutions"]].drop_duplicates()
order = in_order(set(timeline["task"]))
panels = sorted(keys.itertuples(index=False), key=lambda p: (p.solutions, order.index(p.task)))
columns = 3
rows = -(-(len(panels) + 1) // columns)
figure, axes = plt.subplots(rows, columns, figsize=(plots.PAGE, 1.55 * rows), squeeze=False)
colours = {name: plots.COLOURS[colour] for name, colour in CURVES.items()}
orange, grey = plots.COLOURS["orange"], plots.COLOURS["grey"]
most = max(1.5, timeline.loc[timeline["quantity"] == "candidates", "mean"].max())
for axis, panel in zip(axes.flat, panels, strict=False):
    here = timeline[(timeline["task"] == panel.task) & (timeline["solutions"] == panel.solutions)]
    right = axis.twinx()
    right.spines["right"].set_visible(True)
    mine = here[here["model"] == model]
    halves = NEEDS if set(NEEDS) <= set(mine["need"]) else {"all": "-"}
    for need, line in halves.items():
        some = mine[mine["need"] == need]
        leads = some[some["quantity"] == "leads_final"].sort_values("step")
        axis.plot(leads["step"], leads["mean"], color=colours["leads_final"], ls=line, lw=1.2)
        plots.band(axis, some[some["quantity"] == "agrees"], colours["agrees"], linestyle=line)
        when = some[some["quantity"] == "commitment"]
        x, low, high = (when[end].to_numpy() for end in ("mean", "low", "high"))
        mark = {"mfc": "black" if need != "far" else "white", "clip_on": False}
        axis.errorbar(
            x, 1.04 + 0 * x, xerr=[x - low, high - x], fmt="v", color="black", ms=3, lw=1, **mark
        )
    whole = mine[(mine["need"] == "all") & (mine["quantity"] == "candidates")]
    plots.band(right, whole, orange)
    for name in controls:
        other = here[(here["model"] == name) & (here["need"] == "all")]
        other = other[other["quantity"] == "agrees"]
        plots.band(axis, other, grey, linestyle=":")
    axis.set_ylim(0, 1.08)
    right.set_yscale("log", base=2)
    right.set_ylim(1, most)
    right.yaxis.set_major_formatter("{x:g}")
    several = " (several solutions)" if panel.solutions == "several" else ""
    ended = mine[(mine["need"] == "all") & (mine["quantity"] == "agrees")]["n"]
    n = 0 if ended.empty else int(ended.max())
    axis.set_title(f"{plots.title(panel.task)}{several}, n = {n}", pad=12)
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
for need, line in NEEDS.items():
    words = {"near": "up to the median need", "far": "above the median need"}[need]
    legend.plot([], [], color="black", linestyle=line, label=words)
for name in controls:
    legend.plot([], [], color="grey", linestyle=":", label=f"accepted, {name} (control)")
legend.plot([], [], "v", color="black", ms=3, label="mean commitment (open: far)")
legend.legend(loc="center", fontsize=6)
figure.supxlabel("σ (denoising step above each panel)", fontsize=8)
figure.tight_layout()

# %%
runs = timeline[(timeline["quantity"] == "correct") & (timeline["step"] == 0)]
runs = runs[runs["need"] == "all"]
shown = [model, *controls]
counts = ", ".join(
    f"{name}: {int(n)}" for name, n in runs.groupby("model")["n"].sum().items() if name in shown
)
committed = timeline[timeline["quantity"] == "commitment"]
never = timeline[(timeline["quantity"] == "never") & (timeline["model"] == model)]
never = never[never["need"] == "all"]
never = float((never["mean"] * never["n"]).sum() / never["n"].sum())
facts = {
    f"{row.model}/{row.task}/{row.solutions}/{row.need}": {
        "commitment": row.mean,
        "low": row.low,
        "high": row.high,
        "n": int(row.n),
    }
    for row in committed.itertuples()
}
beside = f" Grey: accepted, {' and '.join(controls)}, the control." if controls else ""
caption = f"""Supplement S1 ({model} model, its own results). Share of runs in domain whose clean
estimate already shows the final answer: accepted, its weight above the threshold (blue), or
leading, its evidence the largest (green); where the puzzles of a task differ in need, those up to
its median (solid) and those above (dashed). Orange: effective number of candidates, exp(entropy) of
the evidence, of looks in which anything is readable, on one scale of doublings.{beside} Bands are
95 % intervals clustered by case; that of what leads is as wide and not drawn. Triangles: mean
commitment step, the first after which the answer never changes; a run that ends without an answer
never commits and counts as the last step ({never:.0%} of the {model} runs), and is in neither
curve. Puzzles with one and with several right answers are separate; out of domain:
timeline.parquet. Runs (n): {counts}, of {n_steps} steps."""
inputs = ["tables/timeline.parquet", "tables/models.csv"]
plots.save_figure(figure, stem, caption, inputs, facts)
