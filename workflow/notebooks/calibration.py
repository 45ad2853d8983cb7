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
# # What readers make of degraded videos
# Ground truths after blur, compression, shifts and other things that decoders do: how often the
# answer is read right, refused or wrong, task by task and as degradations grow.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/calibration"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.calibration.degraded import DEGRADATIONS, GHOST, NOTHING
from chain_of_steps.experiments.calibration.summary import NEAR, READ, SOUND, WRONG, unreadable
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
rows = read_table(tables / "calibration.csv")
tasks = read_table(tables / "calibration_tasks.csv").sort_values("task", ascending=False)

# %%
LABELS = {
    "blur": "blur [tiles]",
    "h264": "H.264 [quantiser]",
    "offset": "colour offset",
    "gain": "gain [share]",
    "contrast": "contrast lost",
    "shift": "shift [tiles]",
    "zoom": "zoom [share]",
    "drift": "drift [tiles]",
    "grain": "grain",
    "mix": "all at once",
    GHOST: "ghost [share]",
}
SHARES = {"right": "blue", "refused": "grey", "wrong": "red"}


def named(table, name):
    """Of a table with the columns <name>, <name>_low and <name>_high, as `band` takes it."""
    return table.rename(columns={name: "mean", f"{name}_low": "low", f"{name}_high": "high"})


height = 0.9 + 0.13 * len(tasks)
figure = plt.figure(figsize=(plots.PAGE, 4 + height), layout="constrained")
upper, lower = figure.subfigures(2, 1, height_ratios=(4, height))
panels = upper.subplots(3, 4, sharey=True)
for axis, (name, label) in zip(panels.flat, LABELS.items(), strict=False):
    curve = rows[rows["degradation"] == name]
    for share, colour in SHARES.items():
        plots.band(axis, named(curve, share), plots.COLOURS[colour], share, x="strength")
    mild = curve.loc[curve["mild"].astype(bool), "strength"]
    if len(mild):
        beyond = min((curve["strength"] - mild.max())[lambda far: far > 0], default=0) / 2
        axis.axvspan(mild.min(), mild.max() + beyond, color="0.93", lw=0, zorder=0)
    axis.set_xlabel(label, labelpad=1)
    axis.set_ylim(-0.03, 1.03)
    axis.locator_params("x", nbins=4)
panels[1][0].set_ylabel("share of cases")
key = panels.flat[len(LABELS)]
key.axis("off")
key.legend(*panels.flat[0].get_legend_handles_labels(), loc="center")

# %%
COLUMNS = {
    "right": "right, mild half",
    "near": f"candidates within {NEAR:g}",
    "sound": "right or refused",
    "wrong": "wrong",
    "made_up": "made up of nothing",
}
BOUNDS = {"right": READ, "sound": SOUND, "wrong": WRONG, "made_up": WRONG}
names = [plots.title(task) for task in tasks["task"]]
for axis, (name, label) in zip(lower.subplots(1, 5, sharey=True), COLUMNS.items(), strict=True):
    ends = [tasks[f"{name}_low"], tasks[f"{name}_high"]]
    axis.hlines(names, *ends, color=plots.COLOURS["blue"], lw=1.2, alpha=0.4)
    axis.plot(tasks[name], names, "o", ms=3, color=plots.COLOURS["blue"])
    if name in BOUNDS:
        axis.axvline(BOUNDS[name], color="0.5", lw=0.8, ls=":")
    axis.set_xlim(*((0.35, 1.05) if tasks[name].mean() > 0.5 else (-0.05, 0.65)))
    axis.set_xlabel(label)

# %%
mild = rows[rows["mild"].astype(bool) & rows["degradation"].isin(DEGRADATIONS)]
nothing = rows[rows["degradation"].isin(NOTHING)]
facts = {
    row.task: {
        "right in the mild half": with_interval(row.right, row.right_low, row.right_high),
        "wrong": with_interval(row.wrong, row.wrong_low, row.wrong_high, ".3f"),
        "read": bool(row.read),
    }
    for row in tasks.sort_values("task").itertuples()
}
left_out = unreadable(tasks)
said = (
    f"""Not read well enough when drawn so, and to be left out of cases.tasks:
{", ".join(map(plots.title, left_out))}."""
    if left_out
    else "All tasks can be read when drawn so."
)


def counted(part):
    """How many of some looks are wrong; where none is, what that says of cases."""
    wrong, looks = round((part["wrong"] * part["n"]).sum()), int(part["n"].sum())
    most = "" if wrong else f" (so in {wilson(0, n).high:.2f} of cases at most, Wilson)"
    return f"{wrong} of {looks} looks{most}"


n = int(tasks["n"].sum())
worst = mild.loc[mild["near"].idxmin()]
caption = f"""What readers make of degraded videos (drawn as the puzzles of this study; no model has
part in it). Above: ground truths after what decoders do, in growing strength; the mild half of each
range is shaded. A ghost is the share of another answer that is blended in; right is then the answer
of the larger share. Gain and zoom go both ways. Below, by task, with the bounds that were asked for
(dotted): right in the mild halves, at least {READ:g}; the effective number of candidates within
{NEAR:g} of the true one there; right or refused everywhere, at least {SOUND:g}; wrong, at most
{WRONG:g} of all looks; answers read in noise, in blank frames and in videos of other cases, at most
{WRONG:g}. Bands and lines: 95 % intervals, a case counting once (bootstrap over cases; Wilson where
all agree); n = {n} cases. All tasks: wrong are {counted(rows)}; of noise, blank frames and other
cases answers are made up in {counted(nothing)}; the evidence of a ghost grows with each share of it
in {tasks["grows"].mean():.2f} of cases; candidates are within {NEAR:g} of the truth in
{mild["near"].mean():.3f} of the mild degraded looks, least after {worst["degradation"]} of
{worst["strength"]:g} ({worst["near"]:.2f}). {said}"""
plots.save_figure(
    figure, stem, caption, ["tables/calibration.csv", "tables/calibration_tasks.csv"], facts
)
