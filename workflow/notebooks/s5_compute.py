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
# # Supplement S5. Score against compute, for every way to use several seeds

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/s5_compute"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table

plots.style()
tables, stem = Path(tables), Path(stem)
compared = read_table(tables / "compare.csv")
rows = compared[(compared["part"] == "all") & (compared["quantity"] == "score")]
rows = rows[rows["model"] == model]
references = rows[rows["nfe"] == 0]
methods = rows[rows["nfe"] > 0].sort_values(["nfe", "method"]).reset_index(drop=True)

# %% [markdown]
# Left: every method with its interval, ordered by compute. Right: the same scores against NFE.

# %%
kinds = {
    "ensemble": methods["method"].str.startswith("ensemble"),
    "mean of first latents": methods["method"].str.startswith("mean of first"),
    "oracle (knows the truth)": methods["method"].str.startswith("oracle"),
}
kinds["plain runs"] = ~(kinds["ensemble"] | kinds["mean of first latents"])
kinds["plain runs"] &= ~kinds["oracle (knows the truth)"]
palette = dict(zip(kinds, ("orange", "purple", "grey", "blue"), strict=True))
figure, (left, right) = plt.subplots(
    1, 2, figsize=(plots.PAGE, 0.19 * len(methods) + 1), width_ratios=(1.2, 1)
)
spread = 0.012 * methods["nfe"].max()  # side by side where several methods cost the same
for number, (kind, mask) in enumerate(kinds.items()):
    mine = methods[mask]
    bars = [mine["mean"] - mine["low"], mine["high"] - mine["mean"]]
    style = {"fmt": "o", "ms": 3, "lw": 1, "color": plots.COLOURS[palette[kind]]}
    left.errorbar(mine["mean"], mine.index, xerr=bars, **style)
    order = mine.groupby("nfe").cumcount()
    places = mine["nfe"] + spread * (number - 1.5 + 0.3 * order)
    right.errorbar(places, mine["mean"], yerr=bars, label=kind, **style)
names = [f"{row.method}, {row.nfe:.0f} NFE" for row in methods.itertuples()]
left.set_yticks(range(len(methods)), names, fontsize=6)
left.invert_yaxis()
left.set_xlabel("mean score")
right.set_xlabel("NFE of one case")
right.set_ylabel("mean score")
figure.legend(loc="upper center", ncols=len(kinds))
figure.tight_layout(rect=(0, 0, 1, 0.95))

# %%
values = ", ".join(f"{row.method} {row.mean:.3f}" for row in references.itertuples())
few, many = methods["n"].min(), methods["n"].max()
caption = f"""Supplement S5 ({model} model, its own results). Mean score of the final video against
the number of transformer passes (NFE) that one case costs, all runs counted. Bars: 95 % bootstrap
intervals over cases, within task where it has at least five; n = {many:.0f} cases, or {few:.0f} for
the ensemble's controls. Videos that no model made score: {values}."""
plots.save_figure(figure, stem, caption, ["tables/compare.csv"])
