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
# Rows are denoising steps, columns are frames of the decoded clean estimate (eq. 2).

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure1"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.films import SEEN

plots.style()
tables, stem = Path(tables), Path(stem)
examples = plots.load_examples(tables / "examples", "figure1")

# %% [markdown]
# The call-outs of the paper stand where the tiles of the last frame say so: a run *explores* where
# most tiles off the way show something, *prunes* where first at most half of those are left, and
# has *decided* from the row on in which every tile of the way is accepted and no other shows any.


# %%
def call_outs(example: dict) -> dict[int, str]:
    """Row of the film sheet -> call-out."""
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
    return {row: "\n".join(texts) for row, texts in marks.items()}


# %%
def draw() -> tuple:
    """The figure, its caption and its facts."""
    panels = list(dict.fromkeys(example["panel"] for example in examples))
    columns = max(sum(e["panel"] == panel for e in examples) for panel in panels)
    rows, frames = len(examples[0]["steps"]), len(examples[0]["frames"]) - 2
    width = 0.62 * plots.PAGE / columns  # of a film; the rest is for the numbers beside it
    height = len(panels) * (width * rows / frames + 0.55)
    figure, axes = plt.subplots(len(panels), columns, figsize=(plots.PAGE, height), squeeze=False)
    figure.subplots_adjust(left=0.1, right=0.93, top=0.97, bottom=0.05, wspace=0.5, hspace=0.16)
    for axis in axes.flat:
        axis.set_axis_off()
    for i, panel in enumerate(panels):
        for j, example in enumerate(e for e in examples if e["panel"] == panel):
            axis = axes[i, j]
            axis.set_axis_on()
            # the first frame is given, and the second shows little
            plots.film(axis, example, row_labels=j == 0, first=2)
            control = "control, " if example["control"] else ""
            letter = f"({panel}) {plots.title(example['task'])}, " if j == 0 else ""
            axis.set_title(f"{letter}{control}seed {example['seed']}")
            axis.set_xlabel("frame")
            marks = call_outs(example)
            counts = zip(example["off"], example["undecided"], strict=True)
            texts = [f"{off} | {open_}" for off, open_ in counts]
            plots.beside(
                axis, ["\n".join(filter(None, (t, marks.get(r)))) for r, t in enumerate(texts)]
            )

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
    length = main[0]["frames"][-1] + 1
    kinds = ", ".join(f"({name}) {plots.title(e['task'])}" for name, e in picked.items())
    beside = f"On the right the same case on the control without room, {controls}."
    caption = f"""Figure 1 ({model} model, its own results). Clean estimates along the denoising
    steps (rows, with sigma), three of {length} frames (columns): {kinds}. {beside * bool(controls)}
    Numbers on the right, of the last frame: tiles that show something where nothing belongs (by
    {SEEN:.0%} or more) | tiles of the right way that are not accepted yet. Call-outs are placed by
    them: explores, where most tiles off the way show something; prunes, where first at most half of
    those do; decided, from where both numbers are 0 to the end. Each case is the one at the 90th
    percentile of change along the steps (evidence for the right answer at the end minus at step 0,
    mean over seeds) among those that every seed solves and that share their value with no other:
    {rule}. n = {len(examples)} single runs, so no interval."""
    return figure, caption, facts


# %%
none = f"Figure 1 ({model} model). No case stands out: all that may be shown are alike."
figure, caption, facts = draw() if examples else (plots.sentence(none), none, {})
plots.save_figure(figure, stem, caption, ["tables/examples/examples.json"], facts)
