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
# # Figure 9. More steps, more depth, or more samples

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure9"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.ensemble.comparison import CEILING, ENSEMBLE, LOOP, SINGLE, VOTE
from chain_of_steps.experiments.loops.summary import ALL, WHOLE
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
loops, compared = read_table(tables / "loops.csv"), read_table(tables / "compare.csv")
compared = compared[compared["model"] == model]
loops = loops[(loops["task"] == ALL) & (loops["quantity"] == "right_accepted")]
figure, axes = plt.subplots(2, 2, figsize=(plots.PAGE, 5.2), sharey=True)
colours = list(plots.COLOURS.values())


def finish(axis: Axes, title: str) -> None:
    axis.set_xscale("log")
    marks = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    low, high = axis.get_xlim()
    marks = [mark for mark in marks if low <= mark <= high]
    axis.set_xticks(marks, marks)
    axis.minorticks_off()
    axis.set_ylim(-0.03, 1.03)
    axis.set_title(title, loc="left")
    axis.legend(fontsize=6)


# %% [markdown]
# (a) Passes at one noise level against the control whose passes start from the first picture, and
# against plain runs of as many forward passes.

# %%
mine = loops[(loops["model"] == model) & (loops["split"] == "in-domain")]
axis = axes[0, 0]
plain = mine[mine["method"].isin(WHOLE)]
plots.band(axis, plain, "0.4", "plain steps", x="nfe", marker="o", ms=2)
levels = sorted(mine.loc[mine["method"] == "loop", "sigma"].unique(), reverse=True)
for level, colour in zip(levels, colours, strict=False):
    rows = mine[(mine["method"] == "loop") & (mine["sigma"] == level)]
    plots.band(axis, rows, colour, f"passes at σ {level:g}", x="nfe", marker="o", ms=2)
    rows = mine[(mine["method"] == "erased") & (mine["sigma"] == level)]
    bars = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
    axis.errorbar(rows["nfe"], rows["mean"], yerr=bars, fmt="x", ms=4, lw=0.8, color=colour)
finish(axis, "(a) passes at one noise level; × erased")
axis.set_ylabel("share right")

# %% [markdown]
# (b) Every method that Table 1 compares, by its price.

# %%
NAMES = {
    SINGLE: "steps of one run",
    LOOP: "loop",
    VOTE: "self-consistency",
    ENSEMBLE: "ensemble",
    CEILING: "best of seeds (oracle)",
}
PARTS = {"all": "(b) all tasks", "beyond reach": "(b') chains beyond the reach"}
facts = {}
for axis, (part, title) in zip((axes[0, 1], axes[1, 0]), PARTS.items(), strict=True):
    rows = compared[(compared["part"] == part) & compared["kind"].isin(NAMES)]
    for (kind, label), colour in zip(NAMES.items(), colours, strict=False):
        some = rows[rows["kind"] == kind].sort_values(["nfe", "mean"])
        if some.empty:
            continue
        mark = {"marker": "*", "s": 40} if kind == LOOP else {"marker": "o", "s": 9}
        axis.scatter(some["nfe"], some["mean"], color=colour, lw=0, label=label, **mark)
        top = some.loc[some["mean"].idxmax()]
        facts[f"{part}, {kind}"] = [*top[["mean", "low", "high"]], top["nfe"], top["n"]]
    ours = rows[rows["kind"] != CEILING].sort_values(["nfe", "mean"])
    front = ours[ours["mean"] > ours["mean"].cummax().shift(fill_value=-1)]
    front = front.drop_duplicates("nfe", keep="last")
    axis.step(front["nfe"], front["mean"], where="post", color="0.6", lw=0.8, zorder=0)
    if rows.empty:
        axis.text(0.5, 0.5, "no such case", transform=axis.transAxes, ha="center")
        axis.set_xlim(1, 200)
        axis.scatter([], [], label="none")
    finish(axis, title if rows.empty else f"{title}, n = {rows['n'].iloc[0]:.0f}")
axes[1, 0].set_ylabel("share right")
axes[1, 0].set_xlabel("forward passes of one answer (NFE)")

# %% [markdown]
# (c) Depth against steps: whole runs of the first model of each depth, where NFE times blocks is
# the price.

# %%
ladder = loops[(loops["split"] == "in-domain") & (loops["method"].isin([*WHOLE, "loop"]))]
names = list(dict.fromkeys([model, *ladder["model"]]))
depths = ladder.drop_duplicates("model").set_index("model")["blocks"]
first = {depths[name]: name for name in reversed(names) if name in depths}
shared = loops[loops["method"] == "loop"].groupby(["sigma", "count"])["model"].nunique()
chosen = shared.index[shared == loops["model"].nunique()] if len(first) > 1 else []
axis = axes[1, 1]
for (blocks, name), colour in zip(sorted(first.items()), colours, strict=False):
    rows = ladder[ladder["model"] == name]
    rows = rows.assign(price=rows["nfe"] * blocks)
    plain = rows[rows["method"].isin(WHOLE)]
    label = "1 block" if blocks == 1 else f"{blocks} blocks"
    plots.band(axis, plain, colour, label, x="price", marker="o", ms=2)
    looped = rows.set_index(["sigma", "count"])
    looped = looped[looped["method"].eq("loop") & looped.index.isin(chosen)]
    axis.scatter(looped["price"], looped["mean"], marker="*", s=40, color=colour, lw=0)
    for row in plain[plain["nfe"] == plain["nfe"].max()].itertuples():
        facts[f"{label}, {row.nfe:.0f} steps"] = [row.mean, row.low, row.high, row.price, row.n]
finish(axis, "(c) steps and depth; ★ the loop")
axis.set_xlabel("forward passes times blocks")
figure.tight_layout()


# %%
def best(part: str) -> str:
    """The best of each kind."""
    return "; ".join(
        f"{NAMES[kind]} {with_interval(*facts[key][:3])} with {facts[key][3]:.0f} NFE"
        for kind in NAMES
        if (key := f"{part}, {kind}") in facts
    )


caption = f"""Figure 9 ({model} model, its own results). Share of accepted right answers. (a) In
domain, puzzles whose inferences are counted: runs of few steps that make more passes at one noise
level, where the clean estimate is noised again to the same level, against plain runs of as many
forward passes; crosses: the control, from whose passes nothing is taken on; n = {mine["n"].max()}
cases, one run each. (b, b') The methods of Table 1, both splits, all on the same cases; votes
are among runs that give an answer, so where none accepts a wrong one they are the oracle; the line
joins what no cheaper method beats, the oracle left aside. Chains beyond the reach are longer than
what half of the runs of one step answer. The best of each kind, chosen on these cases and so too
good, all tasks: {best("all")}. Chains beyond the reach: {best("beyond reach") or "none"}. (c) In
domain, the puzzles of (a): whole runs of one model of each depth at equal passes times blocks;
stars: the one loop that all models make. Bands and brackets: 95 % intervals over cases."""
plots.save_figure(figure, stem, caption, ["tables/loops.csv", "tables/compare.csv"], facts)
