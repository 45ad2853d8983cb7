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
from chain_of_steps.experiments.noise.tables import MEASURES
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED

plots.style()
tables, stem = Path(tables), Path(stem)
names = ["noise", "cka", "sensitivity", "noise_verdicts"]
noise, cka, sensitivity, verdicts = (read_table(tables / f"{name}.csv") for name in names)
noise, sensitivity, verdicts = (
    table[table["model"] == model] for table in (noise, sensitivity, verdicts)
)
cka = cka[(cka["quantity"] == "dissimilarity") & (cka["site"] == ESTIMATE)]
sigmas = [*cka.groupby("step")["sigma"].first(), 0.0]
n_steps = len(sigmas) - 1
main = noise.loc[(noise["part"] == "sweep") & (noise["kind"] == "step"), "mode"].iloc[0]
modes = [main, *sorted(set(sensitivity["mode"]) - {main})]
palette = [plots.COLOURS[name] for name in ("blue", "orange", "green", "purple")]
colours = dict(zip(modes, palette, strict=False))
shapes = dict(zip(modes, "os^D", strict=False))
indexed = noise[noise["index"].notna()]

# %%
figure, axes = plt.subplots(
    3, 2, figsize=(plots.PAGE, 7.6), gridspec_kw={"height_ratios": [1, 1.25, 1]}
)

# %% [markdown]
# (a), (b) The drop of the score by disturbed step or frame, for each kind of noise.

# %%
drop = indexed[indexed["quantity"] == "drop"]
for mode in modes:
    line = {"marker": shapes[mode], "ms": 2.5}
    rows = drop[(drop["kind"] == "step") & (drop["mode"] == mode)]
    plots.band(axes[0, 0], rows.rename(columns={"index": "step"}), colours[mode], mode, **line)
shown = {"frame": "-", "frame_last_clean": ":", "frame_energy": "--"}
titles = {"frame": "", "frame_last_clean": ", last step clean", "frame_energy": ", equal energy"}
groups = [(kind, mode) for kind in shown for mode in modes]
for n, (kind, mode) in enumerate(groups):
    rows = drop[(drop["kind"] == kind) & (drop["mode"] == mode)].sort_values("index")
    if len(rows):
        axes[0, 1].errorbar(
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
plots.label_steps(axes[0, 0], sigmas)
axes[0, 0].set_xlim(-1, n_steps)
axes[0, 0].set_title("(a) noise at a step  (σ above)", pad=13, loc="left")
axes[0, 0].set_xlabel("disturbed step")
axes[0, 1].set_title("(b) noise at a frame", pad=13, loc="left")
axes[0, 1].set_xlabel("disturbed latent frame")
axes[0, 1].set_xticks(sorted(drop.loc[drop["kind"] == "frame", "index"].unique()))
for axis in axes[0]:
    axis.axhline(0, color="0.6", lw=0.7)
    axis.set_ylabel("drop of the score")
axes[0, 0].legend(fontsize=6, loc="best")
axes[0, 1].set_ylim(top=1.6)
axes[0, 1].set_yticks([0, 0.5, 1])
axes[0, 1].legend(fontsize=6, loc="upper center", ncol=2, columnspacing=1)

# %% [markdown]
# (c) Is noise at a step worse than noise at a frame? One line for each control.

# %%
forest = verdicts[verdicts["claim"] == "step_worse_than_frame"].iloc[::-1]
marks = {HOLDS: ("blue", "o"), REVERSED: ("orange", "s"), UNDECIDED: ("grey", "D")}
for place, row in enumerate(forest.itertuples()):
    colour, shape = marks[row.verdict]
    bar = [[row.mean - row.low], [row.high - row.mean]]
    axes[1, 0].errorbar(
        row.mean, place, xerr=bar, color=plots.COLOURS[colour], fmt=shape, ms=4, lw=1.2
    )
labels = [  # the count keeps together: its spaces do not break
    textwrap.fill(f"{row.control} (n\u00a0=\u00a0{row.n})", 26) for row in forest.itertuples()
]
axes[1, 0].set_yticks(range(len(forest)), labels, fontsize=6)
axes[1, 0].axvline(0, color="0.6", lw=0.7)
axes[1, 0].set_xlabel("drop at steps minus drop at frames (or tokens)")
axes[1, 0].set_title("(c) step against frame, by control", loc="left")
for verdict, (colour, shape) in marks.items():
    style = {"color": plots.COLOURS[colour], "marker": shape, "ms": 4, "ls": ""}
    axes[1, 0].plot([], [], label=verdict, **style)
axes[1, 0].legend(fontsize=6, loc="best")

# %% [markdown]
# (d) The drop against the injected energy, every condition.

# %%
values = indexed.pivot_table(
    index=["part", "kind", "mode", "index"], columns="quantity", values="mean"
)
pooled = noise[noise["index"].isna() & noise["kind"].str.startswith("tokens")]
tokens = pooled.pivot_table(index=["part", "kind", "mode"], columns="quantity", values="mean")
for kind, shape in (("step", "o"), ("frame", "s"), ("tokens", "x")):
    table = tokens if kind == "tokens" else values
    kinds = table.index.get_level_values("kind").str.startswith(kind)
    for mode in modes:
        rows = table[kinds & (table.index.get_level_values("mode") == mode)]
        style = {"color": colours[mode], "marker": shape, "s": 14, "alpha": 0.8, "lw": 0.8}
        axes[1, 1].scatter(rows["injected_l2_sigma"], rows["drop"], **style)
    axes[1, 1].scatter([], [], color="0.3", marker=shape, s=14, lw=0.8, label=f"noise at {kind}")
axes[1, 1].set_xscale("log")
axes[1, 1].axhline(0, color="0.6", lw=0.7)
axes[1, 1].set_xlabel("L2 of the injected change, in units of σ")
axes[1, 1].set_ylabel("drop of the score")
axes[1, 1].set_title("(d) drop against injected energy", loc="left")
axes[1, 1].legend(fontsize=6, loc="upper left")

# %% [markdown]
# (e), (f) Sensitivity by injection step, for each kind of noise.

# %%
seeds = cka[(cka["kind"] == "other seed") & (cka["step"] == n_steps - 1) & (cka["model"] == model)]
panels = {"dissimilarity": "(e) 1 − CKA at the end", "answer_changed": "(f) answers changed"}
for axis, (measure, title) in zip(axes[2], panels.items(), strict=True):
    for mode in modes:
        rows = sensitivity[(sensitivity["mode"] == mode) & (sensitivity["quantity"] == measure)]
        plots.band(axis, rows, colours[mode], mode, marker=shapes[mode], ms=2.5)
        peak = verdicts[
            (verdicts["claim"] == "peak_in_the_middle")
            & (verdicts["control"] == f"mode {mode}, {MEASURES[measure]}")
        ]
        for row in peak.itertuples():
            at = rows.loc[rows["step"] == row.mean, "mean"]
            bar = [[row.mean - row.low], [row.high - row.mean]]
            thin = {"fmt": "D", "ms": 5, "mfc": "none", "lw": 0.7, "capsize": 2}
            axis.errorbar([row.mean], at, xerr=bar, color=colours[mode], **thin)
    plots.label_steps(axis, sigmas)
    axis.set_xlim(-1, n_steps)
    axis.set_ylim(bottom=0)
    axis.set_title(title, pad=13, loc="left")
    axis.set_xlabel("injection step")
for row in seeds.itertuples():
    axes[2, 0].axhline(row.mean, color="0.5", lw=0.8, ls=":", label="another seed")
axes[2, 0].legend(fontsize=6, loc="best")
axes[2, 1].legend(fontsize=6, loc="best")
figure.tight_layout()

# %%
facts = {"verdicts": verdicts.to_dict("records")}
n = noise.groupby("part")["n"].max()
caption = f"""Supplement S2 ({model} model, its own results). Figure 3 under other kinds of noise
({", ".join(modes)}; {modes[0]} is Figure 3's) and controls. (a), (b) Drop of the score against
the same run undisturbed, by step and by latent frame. Equal energy: frame noise at the strength
where its changes over all steps have the L2 of one step of noise. (c) Paired difference of the
two drops, one line a control; equal count: as many random cells as one step has, spread over the
run. (d) Every condition by the L2 of its changes, each divided by its σ; colours as in (a). (e),
(f) Sensitivity; diamonds: peaks with the interval over resampled cases. Bars and bands: 95 %
bootstrap intervals over cases, within task where it has five or more, n = {n["sweep"]} runs
({modes[0]}) and {n.get("controls", 0)} (controls).
{" ".join(control_sentences(verdicts, model))}"""
plots.save_figure(figure, stem, caption, [f"tables/{name}.csv" for name in names], facts)
