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
# # How far noise at a step spreads, of any cases
# Figure 3c on whole latents: what noise at one step does to later clean estimates.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/latents_flow"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
flow = read_table(tables / "latents_flow.csv")
flow = flow[flow["model"] == model]
swept = flow[(flow["kind"] == "step") & (flow["part"] == "sweep")]


# %%
def draw():
    """The figure, its caption and its facts, of a study that has noise."""
    sigmas = [*flow.groupby("step")["sigma"].first(), 0.0]
    injected = sorted(swept["injected"].unique())
    measures = {"dissimilarity": "1 − CKA", "relative_l2": "relative L2"}
    figure, axes = plt.subplots(1, 3, figsize=(plots.PAGE, 2.6), layout="constrained")
    shades = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(injected)))
    floors = {"other seed": ":", "other case": "--"}
    for axis, (measure, label) in zip(axes, measures.items(), strict=False):
        here = swept[swept["quantity"] == measure]
        for step, shade in zip(injected, shades, strict=True):
            rows = here[here["injected"] == step]
            plots.band(axis, rows, shade, f"{step:.0f}", marker="o", ms=1.5)
        for kind, line in floors.items():
            rows = flow[(flow["kind"] == kind) & (flow["quantity"] == measure)].sort_values("step")
            axis.plot(rows["step"], rows["mean"], color="0.4", ls=line, lw=1)
        axis.set_ylim(bottom=0)
        axis.set_ylabel(label)
        plots.label_steps(axis, sigmas)
    axes[0].legend(title="disturbed step", title_fontsize=6, fontsize=6, handlelength=1)
    ends = swept[(swept["step"] == len(sigmas) - 2) & (swept["quantity"] == "dissimilarity")]
    ends = ends.sort_values("injected")
    bars = [ends["mean"] - ends["low"], ends["high"] - ends["mean"]]
    axes[2].errorbar(
        ends["injected"], ends["mean"], yerr=bars, fmt="o", ms=3, lw=1.2, color=plots.COLOURS["red"]
    )
    axes[2].set_ylim(bottom=0)
    axes[2].set_ylabel("1 − CKA of the last estimate")
    plots.label_steps(axes[2], sigmas)
    figure.supxlabel("σ (observed step above; right, disturbed step)", fontsize=8)
    facts = {
        f"left at the end, step {row.injected:.0f}": with_interval(row.mean, row.low, row.high)
        for row in ends.itertuples()
    }
    kinds = [kind for kind in floors if (flow["kind"] == kind).any()]
    lines = {"other seed": "dotted, those of two seeds", "other case": "dashed, of two cases"}
    beside = "; ".join(lines[kind] for kind in kinds)
    beside = f" Grey: what two clean runs differ by; {beside}." if beside else ""
    caption = f"""Figure 3c on whole latents, without a reader ({model} model, its own results).
    Clean estimates of runs in which one step had noise, against those of the clean run at the same
    step: 1 − CKA with places as samples and channels as features, and relative L2; one line a
    disturbed step. Right: what is left of it at the last step.{beside} Most of a latent is given by
    the picture, so that another answer shows little in it. n = {int(swept["n"].max())} runs; bands
    and bars: 95 % intervals over cases, where there are two."""
    return figure, caption, facts


none = f"""How far noise at a step spreads is not drawn for {model}: the study films no runs under
noise. Write noise into vbvr.conditions; of puzzles, Figure 3 has it."""
none = " ".join(none.split())
figure, caption, facts = draw() if len(swept) else (plots.sentence(none), none, {})
plots.save_figure(figure, stem, caption, ["tables/latents_flow.csv"], facts)
