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
# # Figure 1. A maze solved along the denoising steps
# Rows are denoising steps, columns are frames of the decoded clean estimate (eq. 2).

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure1"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chain_of_steps import plots

plots.style()
tables, stem = Path(tables), Path(stem)
examples = plots.load_examples(tables / "examples", "figure1")

# %% [markdown]
# The three call-outs of the paper are placed by the measured effective number of candidate routes
# in the clean estimate: 1 where it is largest, 2 where it first falls half way from there to one,
# 3 where it first reads as a single right answer to the end.


# %%
def call_outs(example: dict) -> dict[int, str]:
    """Row of the film sheet -> call-out."""
    n = np.array(example["n_candidates"])
    peak = int(n.argmax())
    half = 1 + (n[peak] - 1) / 2
    pruning = next((i for i in range(peak, len(n)) if n[i] <= half), len(n) - 1)
    correct = np.array(example["correct"])
    settled = [i for i in range(len(n)) if correct[i:].all()]
    marks: dict[int, list[str]] = {}
    if n[peak] > 1.05:
        marks.setdefault(peak, []).append("1 most open")
        marks.setdefault(pruning, []).append("2 pruned")
    if settled:
        marks.setdefault(settled[0], []).append("3 decided")
    return {row: "\n".join(texts) for row, texts in marks.items()}


# %%
panels = list(dict.fromkeys(example["panel"] for example in examples))
seeds = max(sum(e["panel"] == panel for e in examples) for panel in panels)
rows = len(examples[0]["steps"])
height = len(panels) * (0.24 * plots.PAGE * rows / len(examples[0]["frames"]) + 0.55)
figure, axes = plt.subplots(len(panels), seeds, figsize=(plots.PAGE, height), squeeze=False)
for axis in axes.flat:
    axis.set_axis_off()
for i, panel in enumerate(panels):
    for j, example in enumerate(e for e in examples if e["panel"] == panel):
        axis = axes[i, j]
        axis.set_axis_on()
        plots.film(axis, example, row_labels=j == 0)
        axis.set_title(f"{panel}, seed {example['seed']}")
        axis.set_xlabel("frame")
        below = {row: "\n" + text for row, text in call_outs(example).items()}
        numbers = [f"{n:.1f}" for n in example["n_candidates"]]
        plots.beside(axis, [n + below.get(row, "") for row, n in enumerate(numbers)])
figure.tight_layout(w_pad=3)

# %%
facts = {
    f"{e['panel']}, seed {e['seed']}": {"case": e["case"], "most_open": max(e["n_candidates"])}
    for e in examples
}
caption = f"""Figure 1 ({model} model, its own results). Clean estimates of mazes with one way
through, decoded at {rows - 1} of the denoising steps and at the end (rows, with sigma), five of
17 frames (columns). Numbers on the right: effective number of candidate routes read from the last
frame, exp(entropy) of the evidence (0: none visible). Call-outs are placed by that number. Cases
are picked by rule among those that every seed solves: `typical` is the median case by mean number
of candidates, `open` the 95th percentile. n = {len(examples)} runs; single runs, so no
interval."""
plots.save_figure(figure, stem, caption, ["tables/examples/examples.json"], facts)
