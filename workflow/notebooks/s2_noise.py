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
# # Supplement S2. Which of Figure 3's conclusions survive which control
# Other kinds of noise, equal energy, equal numbers of disturbed cells, a clean last step.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/s2_noise"
model: str = "pocket"

# %%
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.noise.propagation import ESTIMATE
from chain_of_steps.experiments.noise.sentences import control_sentences
from chain_of_steps.experiments.noise.tables import IDEAL
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED

plots.style()
tables, stem = Path(tables), Path(stem)
names = ["noise", "cka", "sensitivity", "noise_verdicts"]
noise, cka, sensitivity, verdicts = (read_table(tables / f"{name}.csv") for name in names)
noise, sensitivity, verdicts = (
    table[table["model"] == model] for table in (noise, sensitivity, verdicts)
)
cka = cka[(cka["quantity"] == "tiles_dissimilarity") & (cka["site"] == ESTIMATE)]
sigmas = [*cka.groupby("step")["sigma"].first(), 0.0]
n_steps = len(sigmas) - 1
main = noise.loc[(noise["part"] == "sweep") & (noise["kind"] == "step"), "mode"].iloc[0]
modes = [main, *sorted(set(sensitivity["mode"]) - {main})]
palette = [plots.COLOURS[name] for name in ("blue", "orange", "green", "purple")]
colours = dict(zip(modes, palette, strict=False))
shapes = dict(zip(modes, "os^D", strict=False))
indexed = noise[noise["index"].notna()]

# %%
figure = plt.figure(figsize=(plots.PAGE, 7.4), layout="constrained")
parts = figure.subfigures(3, 1, height_ratios=[1, 0.9, 1])
upper, middle, lower = parts[0].subplots(1, 2), parts[1].subplots(), parts[2].subplots(1, 2)


def by_level(axis: plt.Axes, rows, mode: str, **line) -> None:
    """Dots with their interval at the disturbed steps; the modes stand a little apart."""
    rows = rows.sort_values("sigma")
    beside = 0.12 * (modes.index(mode) - (len(modes) - 1) / 2)
    axis.errorbar(
        plots.log_snr(rows["sigma"].to_numpy()) + beside,
        rows["mean"],
        yerr=[rows["mean"] - rows["low"], rows["high"] - rows["mean"]],
        color=colours[mode],
        fmt=shapes[mode],
        ms=3.5,
        lw=1,
        label=mode,
        **line,
    )


def name_levels(axis: plt.Axes, title: str, words: str) -> None:
    plots.label_levels(axis, sigmas)
    axis.set_title(title, pad=13, loc="left")
    axis.set_xlabel(words)


# %% [markdown]
# (a), (b) The drop of the score by disturbed step or frame, for each kind of noise.

# %%
drop = indexed[indexed["quantity"] == "drop"]
drop = drop[drop["part"] != IDEAL]
for mode in modes:
    by_level(upper[0], drop[(drop["kind"] == "step") & (drop["mode"] == mode)], mode)
shown = {"frame": "-", "frame_last_clean": ":", "frame_energy": "--"}
titles = {"frame": "", "frame_last_clean": ", last step clean", "frame_energy": ", equal energy"}
groups = [(kind, mode) for kind in shown for mode in modes]
for n, (kind, mode) in enumerate(groups):
    rows = drop[(drop["kind"] == kind) & (drop["mode"] == mode)]
    # in the controls there are all frames where all cases have some of them
    rows = rows[rows["part"] == rows["part"].value_counts().idxmax()] if len(rows) else rows
    rows = rows.sort_values("index")
    if len(rows):
        upper[1].errorbar(
            rows["index"] + 0.09 * (n - len(groups) / 2),
            rows["mean"],
            yerr=[rows["mean"] - rows["low"], rows["high"] - rows["mean"]],
            color=colours[mode],
            fmt=shapes[mode],
            mfc=colours[mode] if kind == "frame" else "white",
            alpha=0.6 if kind == "frame_energy" else 1,
            ms=3.5,
            lw=1,
            label=mode + titles[kind],
        )
name_levels(upper[0], "(a) noise at a step  (step above)", "σ (log-SNR)")
upper[1].set_title("(b) noise at a latent frame", pad=13, loc="left")
upper[1].set_xlabel("disturbed latent frame")
upper[1].set_xticks(sorted(drop.loc[drop["kind"] == "frame", "index"].unique()))
for axis in upper:
    axis.axhline(0, color="0.6", lw=0.7)
    axis.set_ylabel("drop of the score")
upper[0].legend(fontsize=6, loc="best")
upper[1].set_ylim(top=1.6)
upper[1].set_yticks([0, 0.5, 1])
upper[1].legend(fontsize=6, loc="upper center", ncol=2, columnspacing=1)

# %% [markdown]
# (c) Is noise at a step worse than noise at a frame? One line for each control.

# %%
forest = verdicts[verdicts["claim"] == "step_worse_than_frame"].iloc[::-1]
marks = {HOLDS: ("blue", "o"), REVERSED: ("orange", "s"), UNDECIDED: ("grey", "D")}
for place, row in enumerate(forest.itertuples()):
    colour, shape = marks[row.verdict]
    bar = [[row.mean - row.low], [row.high - row.mean]]
    middle.errorbar(row.mean, place, xerr=bar, color=plots.COLOURS[colour], fmt=shape, ms=4, lw=1.2)
labels = [  # the count keeps together: its spaces do not break
    textwrap.fill(f"{row.control} (n\u00a0=\u00a0{row.n})", 60) for row in forest.itertuples()
]
middle.set_yticks(range(len(forest)), labels, fontsize=6)
middle.axvline(0, color="0.6", lw=0.7)
middle.set_xlabel("drop at steps minus drop at frames (or tokens)")
middle.set_title("(c) step against frame, by control", loc="left")
for verdict, (colour, shape) in marks.items():
    style = {"color": plots.COLOURS[colour], "marker": shape, "ms": 4, "ls": ""}
    middle.plot([], [], label=verdict, **style)
middle.legend(fontsize=6, loc="best")

# %% [markdown]
# (d), (e) Sensitivity by disturbed step, for each kind of noise.

# %%
seeds = cka[(cka["kind"] == "other seed") & (cka["step"] == n_steps - 1) & (cka["model"] == model)]
panels = {
    "tiles_dissimilarity": "(d) 1 − CKA where candidates differ",
    "answer_changed": "(e) answers changed",
}
for axis, (measure, title) in zip(lower, panels.items(), strict=True):
    for mode in modes:
        rows = sensitivity[(sensitivity["mode"] == mode) & (sensitivity["quantity"] == measure)]
        by_level(axis, rows, mode)
    axis.set_ylim(bottom=0)
    name_levels(axis, title, "σ (log-SNR)")
for row in seeds.itertuples():
    lower[0].axhline(row.mean, color="0.5", lw=0.8, ls=":", label="another seed")
for axis in lower:
    axis.legend(fontsize=6, loc="best")

# %%
facts = {"verdicts": verdicts.to_dict("records")}
n = noise.groupby("part")["n"].max()
doses = noise[(noise["quantity"] == "dose") & noise["index"].isna() & (noise["part"] != IDEAL)]
told = ", ".join(
    f"{row.kind.replace('_', ' ')} ({row.mode}) {row.mean:.2f}"
    for row in doses.drop_duplicates(["kind", "mode"]).itertuples()
)
caption = f"""Supplement S2 ({model} model, its own results). Figure 3 under other kinds of noise
({", ".join(modes)}; {modes[0]} is Figure 3's) and controls. (a), (b) Drop of the score against the
same run undisturbed, by step and by latent frame; nothing is drawn between the steps that were
disturbed. Equal energy: frame noise at the strength where its changes over all steps have the L2 of
one step of noise. (c) Paired difference of the two drops, one line a control; equal count: as many
random cells as one step has, spread over the run; undecided where the interval holds 0, which with
few runs says little. (d), (e) Sensitivity. Dose, the root of the summed squares of all changes,
each relative to the latent it was made in: {told}. Bars: 95 % bootstrap intervals over cases,
within task where it has five or more, n = {n["sweep"]} runs ({modes[0]}) and {n.get("controls", 0)}
(controls). {" ".join(control_sentences(verdicts, model))}"""
plots.save_figure(figure, stem, caption, [f"tables/{name}.csv" for name in names], facts)
