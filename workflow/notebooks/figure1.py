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
# # Figure 1. A maze and a chain of arrows solved along the denoising steps
# Columns are denoising steps, each the last frame of the decoded clean estimate (eq. 2).

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure1"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chain_of_steps import plots
from chain_of_steps.films import SEEN

plots.style()
tables, stem = Path(tables), Path(stem)
examples = plots.load_examples(tables / "examples", "figure1")
examples.sort(key=lambda example: (example["panel"], example["control"]))

# %% [markdown]
# The call-outs of the paper stand where the tiles of the last frame say so: a run *explores* where
# most tiles off the way show something, *prunes* where first at most half of those are left, and
# has *decided* from the row on in which every tile of the way is accepted and no other shows any.


# %%
def call_outs(example: dict) -> dict[int, str]:
    """Number of the shown step -> call-out."""
    off, undecided = example["off"], example["undecided"]
    marks: dict[int, list[str]] = {}
    peak = off.index(max(off))
    if off[peak]:
        marks.setdefault(peak, []).append("explores")
        after = [row for row in range(peak, len(off)) if off[row] <= off[peak] / 2]
        if after:
            marks.setdefault(after[0], []).append("prunes")
    done = [a == b == 0 for a, b in zip(off, undecided, strict=True)]
    settled = [row for row in range(len(done)) if all(done[row:])]
    if settled:
        marks.setdefault(settled[0], []).append("decided")
    return {row: ", ".join(texts) for row, texts in marks.items()}


# %%
def draw() -> tuple:
    """The figure, its caption and its facts."""
    steps, sigmas = examples[0]["steps"], examples[0]["sigmas"]
    side, beneath = plots.PAGE / (len(steps) + 2), 0.3  # inches of a picture and of what it says
    kinds = len({example["panel"] for example in examples})
    height = len(examples) * (side + beneath) + kinds * 0.35
    figure = plt.figure(figsize=(plots.PAGE, height))
    place, panel = height, None  # from the bottom
    for example in examples:
        opens = example["panel"] != panel
        panel = example["panel"]
        place -= side + beneath + (0.35 if opens else 0)
        marks = call_outs(example)
        heads = [
            "given",
            *(f"step {step}\nσ {sigma:.2f}" for step, sigma in zip(steps, sigmas, strict=True)),
        ]
        heads[-1] = "result\n"
        pictures = [
            plots.still(example, 0, 0),
            *(plots.still(example, n) for n in range(len(steps))),
        ]
        for n, picture in enumerate(pictures):
            box = ((n + 0.95) * side, place + beneath, 0.94 * side, 0.94 * side)
            axis = figure.add_axes(np.divide(box, (plots.PAGE, height) * 2))
            axis.imshow(picture, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set(visible=True, color="0.8", lw=0.6)
            if opens:
                axis.set_title(heads[n], fontsize=6, pad=2)
            if n:
                counts = f"{example['off'][n - 1]} | {example['undecided'][n - 1]}"
                text = "\n".join(filter(None, (counts, marks.get(n - 1))))
                axis.set_xlabel(text, fontsize=6, labelpad=1.5)
            else:
                label = f"{'control, ' if example['control'] else ''}seed {example['seed']}"
                axis.set_ylabel(label, fontsize=7)
        if opens:
            text = f"({panel}) {plots.title(example['task'])}"
            figure.text(0.0, (place + beneath + side + 0.2) / height, text, fontsize=8)

    main = [e for e in examples if not e["control"]]
    controls = ", ".join({e["model"]: "" for e in examples if e["control"]})
    picked = {e["panel"]: e for e in main}
    rule = "; ".join(
        f"({name}) {e['value']:.2f}, median case {e['median']:.2f}" for name, e in picked.items()
    )
    facts = {
        f"{e['panel']}, {e['model']}, seed {e['seed']}": {
            name: e[name] for name in ("case", "value", "median", "off", "undecided")
        }
        for e in examples
    }
    kinds = ", ".join(f"({name}) {plots.title(e['task'])}" for name, e in picked.items())
    below = f"The last row is the same case on the control, {controls}."
    caption = f"""Figure 1 ({model} model, its own results). The last frame of the clean
    estimate along the denoising steps (columns, with sigma), after the picture that is given; a row
    a seed: {kinds}. {below * bool(controls)} Numbers beneath: tiles that show something where
    nothing belongs (by {SEEN:.0%} or more) | tiles of the right way that are not accepted yet; both
    of the tiles in which candidates of the reader differ, so marks elsewhere are seen but not
    counted. A run is solved by its answer, which is read from the key frames; a tile counts for
    itself, so a solved run may keep one that is not accepted, and is then never called decided.
    Call-outs are placed by them: explores, where most tiles off the way show something;
    prunes, where first at most half of those do; decided, from where both numbers are 0 to the end.
    Each case is the one at the 90th percentile of change along the steps (evidence for the right
    answer at the end minus at step 0, mean over seeds) among those that every seed solves and that
    share their value with no other: {rule}. n = {len(examples)} single runs, so no interval."""
    return figure, caption, facts


# %%
none = f"Figure 1 ({model} model). No case stands out: all that may be shown are alike."
figure, caption, facts = draw() if examples else (plots.sentence(none), none, {})
plots.save_figure(figure, stem, caption, ["tables/examples/examples.json"], facts)
