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
# What forward passes buy: steps, passes at one noise level, and further seeds.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure9"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table

plots.style()
tables, stem = Path(tables), Path(stem)
loops = read_table(tables / "loops.csv")
mine = loops[(loops["model"] == model) & (loops["split"] == "in-domain")]
mine = mine[(mine["task"] == "all") & (mine["quantity"] == "right_accepted")]
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(plots.PAGE, 2.7))

# %% [markdown]
# (a) Passes at one noise level, and the control whose passes start from the first picture.

# %%
levels = sorted(mine.loc[mine["method"] == "loop", "sigma"].unique(), reverse=True)
colours = list(plots.COLOURS.values())
for level, colour in zip(levels, colours, strict=False):
    for method, style in (("loop", "-"), ("erased", ":")):
        rows = mine[(mine["method"] == method) & (mine["sigma"] == level)].sort_values("count")
        if len(rows):
            label = f"σ {level:g}" if method == "loop" else None
            plots.band(left, rows, colour, label, x="count", ls=style, marker="o", ms=2)
left.set_xlabel("passes at the level")
left.set_ylabel("(a) share right")
left.set_ylim(-0.03, 1.03)
left.legend(fontsize=6, ncols=2)

# %% [markdown]
# (b) Steps above a level, the same steps below it. (c) All that can be bought, against its price.

# %%
matched = mine[mine["method"] == "matched"]
for level, colour in zip(sorted(matched["sigma"].unique(), reverse=True), colours, strict=False):
    rows = matched[matched["sigma"] == level].sort_values("count")
    plots.band(middle, rows, colour, f"down to σ {level:g}", x="count", marker="o", ms=2)
middle.set_xscale("log", base=2)
middle.set_xticks(sorted(matched["count"].unique()), [f"{n}" for n in matched["count"].unique()])
middle.set_xlabel("steps from noise to the level")
middle.set_ylabel("(b) share right")
middle.set_ylim(-0.03, 1.03)
middle.legend(fontsize=6)

# %%
kinds = {
    "steps of one run": mine["method"].isin(["few", "full"]),
    "passes at one level": mine["method"] == "loop",
    "vote of seeds": mine["method"].str.startswith("vote"),
    "best of seeds (oracle)": mine["method"].str.startswith("oracle"),
}
best = {}
for (label, chosen), colour in zip(kinds.items(), colours, strict=False):
    rows = mine[chosen].sort_values("nfe")
    right.scatter(rows["nfe"], rows["mean"], s=6, color=colour, lw=0, alpha=0.4)
    front = rows[rows["mean"] >= rows["mean"].cummax()].drop_duplicates("nfe", keep="last")
    right.plot(front["nfe"], front["mean"], color=colour, lw=1.2, label=label)
    if len(rows):
        top = rows.loc[rows["mean"].idxmax()]
        best[label] = [top["mean"], top["low"], top["high"], top["nfe"], top["n"]]
right.set_xscale("log")
right.set_xlabel("forward passes of one case (NFE)")
right.set_ylabel("(c) share right")
right.set_ylim(-0.03, 1.03)
right.legend(fontsize=6, loc="lower right")
figure.tight_layout()

# %%
text = "; ".join(
    f"{label} {value[0]:.2f} [{value[1]:.2f} to {value[2]:.2f}] with {value[3]:.0f} NFE"
    for label, value in best.items()
)
caption = f"""Figure 9 ({model} model, its own results). Share of accepted right answers in domain,
of puzzles whose inferences are counted. (a) Runs of few steps that make more passes at one noise
level: the clean estimate is noised again to the same level. Dotted: the control, from whose passes
nothing is taken on. (b) More steps above a level, the same below it. (c) The same runs, runs of
fewer steps, and several seeds of one case against forward passes; lines join what no cheaper point
of its kind beats. The best of each kind, chosen on these cases and so too good: {text}. Bands: 95 %
intervals over cases, n = {int(mine["n"].max()) if len(mine) else 0} runs at most."""
plots.save_figure(figure, stem, caption, ["tables/loops.csv"], best)
