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
# # Figure 5. Perception before action
# Is the target found before its motion is drawn?

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/figure5"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.text import with_interval
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED, judge

plots.style()
tables, stem = Path(tables), Path(stem)
examples = plots.load_examples(tables / "behaviour_examples", "figure5")
perception = read_table(tables / "perception.csv")
perception = perception[perception["split"] == "in-domain"]
curves = perception[perception["quantity"].isin(["localised", "motion"])]
sigmas = curves.drop_duplicates("step").sort_values("step")["sigma"].tolist()


def value(quantity, condition):
    rows = perception[(perception["quantity"] == quantity) & (perception["condition"] == condition)]
    return rows.iloc[0] if len(rows) else None


median = value("lag_median", "clean")
n_lags = 0 if median is None else int(median["n"])
few = not plots.shows(n=n_lags)

# %%
films, frames = len(examples[0]["steps"]), len(examples[0]["frames"])
height = 0.24 * plots.PAGE * films / frames + 0.6
figure = plt.figure(figsize=(plots.PAGE / 2 if few else plots.PAGE, height))
grid = figure.add_gridspec(2, 1 if few else 3, width_ratios=(1,) if few else (1, 1, 0.9))
for j, example in enumerate(examples[:1] if few else examples):
    axis = figure.add_subplot(grid[:, j])
    plots.film(axis, example, row_labels=j == 0)
    panel = example["panel"].replace("long", "95th percentile")  # "long" may be no lag at all
    axis.set_title(f"seed {example['seed']}" if few else f"{panel}, seed {example['seed']}")
    axis.set_xlabel("frame")
    plots.beside(axis, example["states"])
lags = perception[perception["quantity"] == "lag_share"]
# bars of one height say less than a sentence
constant = lags.groupby("condition").size().le(1).all()
if not few:
    axis = figure.add_subplot(grid[:, 2] if constant else grid[0, 2])
    for quantity, colour in (("localised", "blue"), ("motion", "orange")):
        for condition, line in (("clean", "-"), ("alone", "--")):
            rows = curves[(curves["quantity"] == quantity) & (curves["condition"] == condition)]
            label = quantity if condition == "clean" else None
            plots.band(axis, rows, plots.COLOURS[colour], label, linestyle=line)
    axis.axhline(0.9, color="0.6", lw=0.6)
    axis.plot([], [], color="black", linestyle="--", label="target alone")
    axis.legend(fontsize=6, handlelength=1.4)
    axis.set_ylim(bottom=min(0.8, axis.get_ylim()[0]))
    axis.set_ylabel("evidence, share of final")
    axis.set_xlabel("σ (denoising step above)")
    plots.label_steps(axis, sigmas)
if not few and not constant:
    axis = figure.add_subplot(grid[1, 2])
    edge = max(3, np.abs(lags["step"]).max() + 1)
    width = edge / 25
    for side, condition, colour in ((-1, "clean", "blue"), (1, "alone", "grey")):
        rows = lags[lags["condition"] == condition]
        name = {"clean": "all runs", "alone": "target alone"}[condition]
        place = rows["step"] + side * width / 2
        axis.bar(place, rows["mean"], width, color=plots.COLOURS[colour], label=name)
    axis.set_xlim(-edge, edge)
    axis.set_xlabel("lag: motion − localised (steps)")
    axis.set_ylabel("share of runs")
    axis.legend(fontsize=6, handlelength=1.2, loc="upper left")
figure.tight_layout(w_pad=0.4)


# %%
def spoken(row):
    if row is None:
        return "no runs"
    return f"{with_interval(row['mean'], row['low'], row['high'])}, n = {int(row['n'])}"


facts = {
    f"{quantity}, {condition}": {name: row[name] for name in ("mean", "low", "high", "n", "p")}
    for quantity in ("lag_mean", "lag_median", "lag_positive", "excluded")
    for condition in ("clean", "alone", "difference")
    if (row := value(quantity, condition)) is not None
}
beyond = value("lag_mean", "difference")
later = UNDECIDED if beyond is None else judge(beyond["low"], beyond["high"], p=beyond["p"])
finding = {
    HOLDS: "So motion comes later than localisation, beyond the null.",
    REVERSED: "So motion comes earlier than localisation, compared with the null.",
    UNDECIDED: "So a delay of action behind perception beyond that of the null is not found.",
}[later]
left_out = value("excluded", "clean")
shown = "; it is the same in all runs" if constant else " (bottom right)"
caption = f"""Figure 5 ({model} model, its own results). Find, then move, in domain. Films: clean
estimates
(rows: steps with sigma; columns: frames) of the run at the median and at the 95th percentile of
the lag. {"Right" if constant else "Top right"}: evidence that the target is localised (its own
tile clears in the later frames,
more than that of any other object) and that it moves (it stands on the right tile at the right
time), as a share of the run's final value; bands: 95 % bootstrap intervals by case. The lag is that
between the steps at which motion and localisation first reach 0.9 of their final values{shown}.
Dashed{"" if constant else " and grey"}: the null, the same cases with the target alone in the
picture. Median lag
{spoken(value("lag_median", "clean"))}; mean lag {spoken(value("lag_mean", "clean"))}; mean lag
beyond the null, run by run, {spoken(beyond)}. {finding} Left out: runs that end without
localisation or motion, a share of {spoken(left_out)}."""
if few:
    caption = f"""Figure 5 ({model} model, its own results). Find, then move, in domain: clean
    estimates (rows: steps with sigma; columns: frames) of one run, and beside them whether the
    answer is accepted (open: none is). Whether motion comes after
    localisation can be said of runs that end with both, and of too few here for a median or a
    curve: the share of runs that end without is {spoken(left_out)}; n = {n_lags} left.
    {finding}"""
inputs = ["tables/behaviour_examples/examples.json", "tables/perception.csv"]
plots.save_figure(figure, stem, caption, inputs, facts)
