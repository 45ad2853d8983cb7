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
# # Supplement S3. Behaviours as numbers
# Memory without the picture and under noise; what later steps mend and spoil.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/s3_behaviours"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.behaviours.verdicts import dispute
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED
from chain_of_steps.tasks import in_order

plots.style()
tables, stem = Path(tables), Path(stem)
names = ["memory.csv", "memory_noise.csv", "correction.parquet", "correction_tests.csv"]
names += ["behaviour_verdicts.csv"]
memory, noise, correction, tests, verdicts = (read_table(tables / name) for name in names)
correction, tests = (t[t["model"] == model] for t in (correction, tests))
whole = memory[(memory["task"] == "all") & (memory["split"] == "all")]
sigmas = whole[whole["part"] == "steps"].drop_duplicates("step").sort_values("step")["sigma"]
sigmas = sigmas.tolist()

# %% [markdown]
# (a) final memory error against the step from which the object is missing from the picture;
# (b) and (c) runs that stay right under noise; (d) chances of a run that is not right at a step;
# (e) gains and losses by puzzle; (f) how soon runs commit.

# %%
figure, axes = plt.subplots(2, 3, figsize=(plots.PAGE, 5.2))
axis = axes[0, 0]
for quantity, colour in (("position", "blue"), ("colour", "orange"), ("identity", "green")):
    rows = whole[(whole["part"] == "withheld") & (whole["quantity"] == quantity)]
    plots.band(axis, rows, plots.COLOURS[colour], quantity, marker="o", ms=2.5)
    clean = whole[(whole["part"] == "final") & (whole["condition"] == "paired")]
    clean = clean[clean["quantity"] == quantity]
    axis.plot(len(sigmas) - 1, clean["mean"].iloc[0], "s", ms=3.5, color=plots.COLOURS[colour])
axis.plot([], [], "s", ms=3.5, color="grey", label="never withheld")
axis.set_xlabel("object withheld from σ (step above)")
axis.set_ylabel("memory error at the end")
axis.legend(fontsize=6)
plots.label_steps(axis, sigmas)

COLOURS = {"memory": plots.COLOURS["blue"], "others": plots.COLOURS["grey"]}
LABELS = {"memory": "memory puzzles", "others": "all other puzzles"}
for axis, kind in ((axes[0, 1], "step"), (axes[0, 2], "frame")):
    for task, colour in COLOURS.items():
        rows = noise[(noise["kind"] == kind) & (noise["task"] == task)].dropna(subset="index")
        rows = rows.sort_values("index")
        bars = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
        shift = 0.0 if kind == "step" else {"memory": -0.08, "others": 0.08}[task]
        read = rows["read"].astype(str).eq("True") if kind == "frame" else rows["n"] < 0
        line = "-" if kind == "step" else ""
        axis.errorbar(
            rows["index"] + shift,
            rows["mean"],
            bars,
            fmt="o" + line,
            ms=2.5,
            lw=1,
            color=colour,
            label=LABELS[task],
        )
        axis.plot(
            rows["index"][read] + shift, rows["mean"][read], "o", ms=4.5, mfc="white", color=colour
        )
    axis.set_ylim(-0.03, 1.03)
    axis.set_ylabel("share of runs that stay right")
axes[0, 1].set_xlabel("noise at σ (step above)")
plots.label_steps(axes[0, 1], sigmas)
axes[0, 2].set_xlabel("noise at latent frame")
frames = sorted(noise.loc[noise["kind"] == "frame", "index"].dropna().unique())
axes[0, 2].set_xticks(frames)
if frames:
    axes[0, 2].set_xlim(frames[0] - 0.5, frames[-1] + 0.5)
axes[0, 2].plot([], [], "o", ms=4.5, mfc="white", color="black", label="frame is read")
axes[0, 2].legend(fontsize=6)

axis = axes[1, 0]
for state, colour in (("right", "blue"), ("open", "grey"), ("wrong", "red")):
    rows = correction[
        (correction["part"] == "solutions")
        & (correction["solutions"] == "one")
        & (correction["quantity"] == f"final_right_if_{state}")
    ]
    plots.band(axis, rows, plots.COLOURS[colour], f"{state} at the step")
axis.set_ylim(-0.03, 1.03)
axis.set_xlabel("σ (denoising step above)")
axis.set_ylabel("P(right at the end)")
axis.legend(fontsize=6, handlelength=1)
plots.label_steps(axis, sigmas)

axis = axes[1, 1]
rows = tests[(tests["part"] == "task") & (tests["span"] == "run") & (tests["step"] == 0)]
wide = rows[rows["change"] == "wide"].set_index("task")
strict = rows[rows["change"] == "strict"].set_index("task")
order = in_order(set(wide.index))
place = np.arange(len(order))[::-1]
for sign, column, colour in ((1, "gained", "blue"), (-1, "lost", "red")):
    counts = wide.loc[order, column] / wide.loc[order, "n"]
    axis.barh(place, sign * counts, color=plots.COLOURS[colour], alpha=0.4, label=f"{column}")
    counts = strict.loc[order, column] / strict.loc[order, "n"]
    axis.barh(place, sign * counts, color=plots.COLOURS[colour], label=f"{column}, from an answer")
axis.axvline(0, color="black", lw=0.6)
axis.set_yticks(place, [plots.title(task) for task in order], fontsize=6)
axis.set_xlabel("share of runs, step 0 to the end")
axis.legend(fontsize=6, loc="lower right", bbox_to_anchor=(1, 1.06), ncols=2, handlelength=1)

axis = axes[1, 2]
rows = correction[(correction["part"] == "task") & (correction["quantity"] == "commitment")]
rows = rows.set_index("task")
order = [task for task in order if task in rows.index]
place = np.arange(len(order))[::-1]
rows = rows.loc[order]
bars = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
axis.errorbar(rows["mean"], place, xerr=bars, fmt="o", ms=3, lw=1, color=plots.COLOURS["blue"])
axis.set_yticks(place, [plots.title(task) for task in order], fontsize=6)
axis.set_xlabel("mean commitment step")
axis.set_xlim(left=min(-0.5, axis.get_xlim()[0]))
for axis, letter in zip(axes.flat, "abcdef", strict=True):
    axis.set_title(f"({letter})", loc="left", pad=12 if letter in "abd" else 4)
figure.tight_layout(w_pad=1.2)

# %%
facts = {
    f"{row.claim}: {row.control}": {
        "mean": row.mean,
        "low": row.low,
        "high": row.high,
        "n": int(row.n),
        "verdict": row.verdict,
    }
    for row in verdicts[verdicts["model"] == model].itertuples(index=False)
}
held = verdicts[(verdicts["model"] == model) & (verdicts["claim"] == "memory_held_in_latent")]
steps = {
    verdict: ", ".join(control.rsplit(" ", 1)[1] for control in rows["control"])
    for verdict, rows in held.groupby("verdict")
}
parts = {
    REVERSED: "less than half of the place survives, so the model looks again",
    UNDECIDED: "whether half of the place survives is not decided",
    HOLDS: "more than half of the place survives, so the latent holds it",
}
finding = "; ".join(f"from step {steps[v]}: {text}" for v, text in parts.items() if v in steps)
n_held = int(whole.loc[whole["part"] == "withheld", "n"].max())
n_noise = noise[noise["kind"] == "step"].groupby("task")["n"].first()
n_runs = correction[(correction["part"] == "all") & (correction["quantity"] == "flips")]["n"]
caption = f"""Supplement S3 ({model} model, its own results). (a) Memory error of the final frame
where the object is taken out of the first frame that the model is given from some step on
(n = {n_held} runs each; squares: never); {finding}. (b), (c) Share of the runs right without noise
that stay right with one step or one latent frame replaced by noise;
n = {int(n_noise.get("memory", 0))}
and {int(n_noise.get("others", 0))}; open circles: the reader looks at that frame. (d) Puzzles with
one
right answer: chance that a run ends right, given how its clean estimate reads at a step. (e) Runs
that are not right at step 0 and right at the end (gained), and the reverse (lost); dark: those
that read as a wrong answer, not as none, at the other end; these are counts, the claims judge them
with intervals. (f) Mean commitment step. Bars and
bands: 95 % intervals by case. n = {int(n_runs.iloc[0])} runs in (d) to (f).
{dispute(verdicts, tests, model)}"""
plots.save_figure(figure, stem, caption, [f"tables/{name}" for name in names], facts)
