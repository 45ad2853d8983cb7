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
# # Figure 2. Several candidates at once, in six kinds of puzzle
# (a) to (d): candidates at different places; (e) and (f): candidates at the same place.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure2"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots

plots.style()
tables, stem = Path(tables), Path(stem)
examples = plots.load_examples(tables / "examples", "figure2")


# %%
def draw() -> tuple:
    """The figure, its caption and its facts."""
    columns = 3
    rows = -(-len(examples) // columns)
    steps, frames = len(examples[0]["steps"]), len(examples[0]["frames"])
    height = rows * (0.24 * plots.PAGE * steps / frames + 0.55)
    figure, axes = plt.subplots(rows, columns, figsize=(plots.PAGE, height), squeeze=False)
    for axis in axes.flat[len(examples) :]:
        axis.set_axis_off()
    for n, (axis, example) in enumerate(zip(axes.flat, examples, strict=False)):
        plots.film(axis, example, row_labels=n % columns == 0)
        axis.set_title(f"({example['panel']}) {plots.title(example['task'])}")
        axis.set_xlabel("frame")
        plots.beside(axis, plots.held_open(example))
    figure.tight_layout(w_pad=2.5)

    facts = {e["panel"]: {name: e[name] for name in ("case", "value", "median")} for e in examples}
    shown = ", ".join(
        f"({e['panel']}) {e['value']:.2f}, median {e['median']:.2f}" for e in examples
    )
    several = ", ".join(f"({e['panel']})" for e in examples if e["task"] in ("grid", "fork"))
    length = examples[0]["frames"][-1] + 1
    caption = f"""Figure 2 ({model} model, its own results). Clean estimates along the denoising
    steps (rows, with sigma), five of {length} frames (columns). Numbers on the right: effective
    number of candidates read from the key frames (–: nothing readable). Each panel is the case at
    the 95th percentile of openness (mean effective number of candidates over steps and seeds) among
    the cases of its puzzle that every seed solves and that share their value with no other, first
    seed: so the most open of the solved cases, not typical ones. Openness of the case shown and of
    the median case: {shown}. n = {len(examples)} single runs, so no interval. {several} have
    several right answers: a blend of those is what any mean-square denoiser shows."""
    return figure, caption, facts


# %%
none = f"Figure 2 ({model} model). No case stands out: all that may be shown are alike."
figure, caption, facts = draw() if examples else (plots.sentence(none), none, {})
plots.save_figure(figure, stem, caption, ["tables/examples/examples.json"], facts)
