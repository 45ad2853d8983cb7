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
# # Where a cheap decoder reads

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/reading"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.reading.summary import ALL
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
rows = read_table(tables / "reading.csv")
whole = rows[rows["task"] == ALL].sort_values(["model", "step"])

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(plots.PAGE, 2.2), layout="constrained")
for name, curve in whole.groupby("model"):
    (line,) = left.plot(curve["step"], curve["agrees"], label=name)
    colour = line.get_color()
    left.fill_between(curve["step"], curve["low"], curve["high"], color=colour, alpha=0.2, lw=0)
    cheap = curve[curve["cheap"].astype(bool)]
    left.plot(cheap["step"], cheap["agrees"], "o", color=colour, ms=4)
    right.plot(curve["step"], curve["difference"], color=colour)
left.set_ylim(0, 1.05)
left.set_ylabel("share of cases that agree")
right.set_ylim(bottom=0)
right.set_ylabel("difference of evidence")
checked = whole.loc[whole["model"] == model, ["step", "sigma"]]
for axis in (left, right):
    axis.set_xticks(checked["step"], [f"{s.step:g}\n{s.sigma:.2g}" for s in checked.itertuples()])
    axis.set_xlabel("step, and σ below")
left.legend(frameon=False)

# %%
mine = whole[whole["model"] == model]
facts = {
    f"step {row.step}, sigma {row.sigma:.3f}": {
        "agrees": with_interval(row.agrees, row.low, row.high),
        "difference": row.difference,
        "cheap": bool(row.cheap),
    }
    for row in mine.itertuples()
}
(decoder,), read = set(mine["decoder"]), int(mine["read_cheaply"].iloc[0])
last = mine.iloc[-1]
agreed = with_interval(last.agrees, last.low, last.high)
n = int(mine["n"].min())
caption = f"""Where a cheap decoder reads ({model} model, its own results; decoder: {decoder}).
Left: share of cases whose looks at a step read the same by the codec and by the cheap decoder, the
accepted answer, the leading one and all evidence within a tolerance; dots: steps that are read
cheaply, as the lower end of the interval is above the bound that the configuration states. Right:
the largest difference of any candidate's evidence, mean over cases. Bands: 95 % intervals (Wilson),
a case counting once; n = {n} cases. {read} steps of each run of the {model} model are read by the
{decoder} decoder, the others and the result by the codec; the column decoder of the readouts says
which. At the last step {agreed} agree."""
plots.save_figure(figure, stem, caption, ["tables/reading.csv"], facts)
