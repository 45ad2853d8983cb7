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
# # Figure 4. Working memory and self-correction
# Examples picked by rule, and beside them what all runs of the same puzzles do.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure4"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table

plots.style()
tables, stem = Path(tables), Path(stem)
examples = plots.load_examples(tables / "behaviour_examples", "figure4")
memory, correction = read_table(tables / "memory.csv"), read_table(tables / "correction.parquet")
memory = memory[(memory["part"] == "steps") & (memory["split"] == "in-domain")]
memory = memory[memory["task"] != "all"]
correction = correction[
    (correction["part"] == "task_split")
    & (correction["split"] == "in-domain")
    & (correction["model"] == model)
]
sigmas = memory.drop_duplicates("step").sort_values("step")["sigma"].tolist()

# %%
ERRORS = {"position": "blue", "colour": "orange", "identity": "green"}
STATES = {"right": "blue", "open": "grey", "wrong": "red"}
CONDITIONS = {"clean": "-", "absent": "--"}


def memory_curves(axis, task):
    for condition, line in CONDITIONS.items():
        for quantity, colour in ERRORS.items():
            here = (memory["task"] == task) & (memory["condition"] == condition)
            rows = memory[here & (memory["quantity"] == quantity)]
            label = quantity if condition == "clean" else None
            plots.band(axis, rows, plots.COLOURS[colour], label, linestyle=line)
    axis.plot([], [], color="black", linestyle="--", label="object absent")
    axis.set_ylabel("error in the last frame")


def state_curves(axis, task):
    for state, colour in STATES.items():
        rows = correction[(correction["task"] == task) & (correction["quantity"] == state)]
        plots.band(axis, rows, plots.COLOURS[colour], state)
    axis.set_ylabel("share of runs")
    axis.set_ylim(-0.02, 1.02)


# %%
pairs = [[e for e in examples if e["panel"] in letters] for letters in ("ab", "cd")]
kinds = [
    (pair, draw) for pair, draw in zip(pairs, (memory_curves, state_curves), strict=True) if pair
]
if not kinds:
    figure = plots.sentence("No run can be shown: none is read as a right answer, none changes.")
else:
    films, columns = len(examples[0]["steps"]), len(examples[0]["frames"])
    height = len(kinds) * (0.24 * plots.PAGE * films / columns + 0.6)
    figure = plt.figure(figsize=(plots.PAGE, height))
    grid = figure.add_gridspec(2 * len(kinds), 3, width_ratios=(1, 1, 0.9))
for i, (pair, draw) in enumerate(kinds):
    for j, example in enumerate(pair):
        axis = figure.add_subplot(grid[2 * i : 2 * i + 2, j])
        plots.film(axis, example, row_labels=j == 0)
        axis.set_title(f"({example['panel']}) {plots.title(example['task'])}")
        axis.set_xlabel("frame")
        plots.beside(axis, example["states"])
        axis = figure.add_subplot(grid[2 * i + j, 2])
        draw(axis, example["task"])
        axis.set_title(f"({example['panel']}) in domain", pad=12)
        plots.label_steps(axis, sigmas)
        if j == (draw is memory_curves):  # where there is room
            axis.legend(fontsize=6, handlelength=1.4, loc="center right")
        if j:
            axis.set_xlabel("σ (denoising step above)")
figure.tight_layout(w_pad=0.4)

# %%
facts = {e["panel"]: {name: e[name] for name in ("task", "rule", "case", "seed")} for e in examples}
clean = memory[(memory["condition"] == "clean") & (memory["step"] == 0)]
counts = clean[clean["quantity"] == "position"].set_index("task")["n"]
absent = memory[(memory["condition"] == "absent") & (memory["step"] == 0)]
absent = absent[absent["quantity"] == "position"].set_index("task")["n"]
of_states = correction[(correction["quantity"] == "right") & (correction["step"] == 0)]
of_states = of_states.set_index("task")["n"]


def count(numbers, names):
    return ", ".join(f"{plots.title(t)} {int(numbers[t])}" for t in names if t in numbers)


RULES = {
    "typical": "the median case by openness among those that every seed solves",
    "corrected": "the run at the median commitment step among those that are not right at step 0 "
    "and right at the end",
    "flips": "the run whose answer changes most often, as no run gets right after step 0",
}
length = examples[0]["frames"][-1] + 1 if examples else 0
rules = "; ".join(f"({e['panel']}) {RULES[e['rule']]}" for e in examples)
caption = f"""Figure 4 ({model} model, its own results). Clean estimates along the denoising steps
(rows, with sigma), five of {length} frames (columns); beside each row how the answer reads. Shown
by rule: {rules}. Right: all runs on puzzles in domain. (a), (b): working memory, errors of
position, colour and identity of what was out of sight, read from the last frame (0: remembered
exactly; 1: nothing there);
dashed: the same first latents with the object taken out of the first frame, the forgetting
control. (c), (d): share of runs whose clean estimate reads as a right answer, a wrong one, or none
(open). Bands: 95 % bootstrap intervals by case. Runs (n): {count(counts, counts.index)}; without
the object {count(absent, absent.index)}; {count(of_states, ["bounce", "polyomino"])}."""
inputs = [
    "tables/behaviour_examples/examples.json",
    "tables/memory.csv",
    "tables/correction.parquet",
]
plots.save_figure(figure, stem, caption, inputs, facts)
