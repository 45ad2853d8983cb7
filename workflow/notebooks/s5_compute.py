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
# # Supplement S5. What loops gain, by model and by task

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/s5_compute"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.loops.summary import ALL
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
found = read_table(tables / "loop_contrasts.csv")
models = list(dict.fromkeys(found["model"]))

# %% [markdown]
# Left: the chosen loop less a plain run of as many forward passes, with every model, in and out of
# domain. Right: the tests by task, main model.

# %%
chosen = found[(found["test"] == "chosen") & (found["task"] == ALL)]
by_task = found[(found["model"] == model) & (found["task"] != ALL)]
tasks = list(dict.fromkeys(by_task["task"]))
height = 0.25 * max(len(models), len(tasks)) + 1.1
figure, (left, right) = plt.subplots(1, 2, figsize=(plots.PAGE, height))


def points(axis, rows, places, colour, label) -> None:
    bars = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
    style = {"fmt": "o", "ms": 3, "lw": 1, "color": plots.COLOURS[colour]}
    axis.errorbar(rows["mean"], places, xerr=bars, label=label, **style)


for n, (split, colour) in enumerate((("in-domain", "blue"), ("out-of-domain", "orange"))):
    rows = chosen[chosen["split"] == split]
    places = [models.index(name) + 0.3 * (n - 0.5) for name in rows["model"]]
    points(left, rows, places, colour, split.replace("-", " "))
for n, (test, colour) in enumerate(
    (("chosen", "blue"), ("looped", "green"), ("erased", "grey"), ("matched", "purple"))
):
    rows = by_task[by_task["test"] == test]
    places = [tasks.index(name) + 0.2 * (n - 1.5) for name in rows["task"]]
    points(right, rows, places, colour, test)
left.set_yticks(range(len(models)), models)
right.set_yticks(range(len(tasks)), [plots.title(task) for task in tasks])
left.set_xlabel("gain in right answers, loop less plain steps")
right.set_xlabel("gain")
for axis in (left, right):
    axis.axvline(0, color="0.7", lw=0.7, zorder=0)
    axis.invert_yaxis()
    axis.legend(fontsize=6, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
figure.tight_layout()

# %%
everything = chosen[chosen["split"] == ALL]
text = "; ".join(
    f"{row.model} {with_interval(row.mean, row.low, row.high, '+.2f')}, n = {row.n}"
    for row in everything.itertuples()
)
few = by_task["n"].min() if len(by_task) else 0
caption = f"""Supplement S5 (its own results). Left: share of right answers that are accepted with
the chosen loop less that with a plain run of as many forward passes, or the most below that, on the
same cases, puzzles whose inferences are counted. Both splits together: {text or "no such puzzle"}.
Right ({model} model), by task, from n = {few} cases on: that gain (chosen); of the share of the way
that is right, what passes at one noise level add to none, mean over levels (looped), what they add
when nothing is taken on from them (erased), and what more steps above one level add with the same
below (matched). Bars: 95 % intervals over cases; no bar where there is no interval."""
plots.save_figure(figure, stem, caption, ["tables/loop_contrasts.csv"])
