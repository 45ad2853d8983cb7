"""The decision timeline: when does the clean estimate read as the final answer?"""

from __future__ import annotations

import pandas as pd

from chain_of_steps.measures import NO_ANSWER, RUN, commitment, with_solution_kind
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling

ALL = "all"  # tasks together


def disagreement(readouts: pd.DataFrame) -> pd.DataFrame:
    """Share of the pairs of a case's seeds that read as different answers, as `seeds_differ`.

    One row for each (model, case, step) of two seeds or more; no answer is an answer of its own.
    """
    keys = ["model", "case", "task", "solutions", "step", "sigma"]
    alike = readouts.groupby([*keys, "answer"]).size().rename("alike").reset_index()
    alike["pairs"] = alike["alike"] * (alike["alike"] - 1)
    sums = alike.groupby(keys)[["alike", "pairs"]].sum().reset_index()
    sums = sums[sums["alike"] > 1]
    return sums.assign(seeds_differ=1 - sums["pairs"] / (sums["alike"] * (sums["alike"] - 1)))


def pruning(readouts: pd.DataFrame) -> pd.DataFrame:
    """One row a run: candidates at the first step minus those at the middle one, as `pruned`."""
    steps = sorted(readouts["step"].unique())
    keys = [*RUN, "task", "solutions"]
    first, middle = (
        readouts[readouts["step"] == step].set_index(keys)["n_candidates"]
        for step in (steps[0], steps[len(steps) // 2])
    )
    return (first - middle).rename("pruned").reset_index()


def timeline(
    readouts: pd.DataFrame, cases: pd.DataFrame, *, resampling: Resampling
) -> pd.DataFrame:
    """Means with 95 % bootstrap intervals, clustered by case, long form.

    Columns: model, task (or all), solutions, quantity, step, sigma, n, mean, low, high. Quantities
    per step: `agrees` (the clean estimate reads as the final answer, among runs that end with
    one), `correct`, `candidates` (effective number), `solution` (evidence for a right answer),
    `seeds_differ` (see `disagreement`). And once for each group, step and sigma empty:
    `commitment` (step), `pruned` (see `pruning`).
    """
    readouts = with_solution_kind(readouts, cases)
    last = readouts["step"].max()
    final = readouts.loc[readouts["step"] == last, [*RUN, "answer"]]
    merged = readouts.merge(final.rename(columns={"answer": "final"}), on=RUN)
    merged["agrees"] = (merged["answer"] == merged["final"]).astype(float)
    merged["correct"] = merged["correct"].astype(float)
    merged = merged.rename(columns={"n_candidates": "candidates"})
    group, steps = ["model", "task", "solutions"], ["step", "sigma"]
    measured = [
        ("agrees", merged[merged["final"] != NO_ANSWER], steps),
        *((quantity, merged, steps) for quantity in ("correct", "candidates", "solution")),
        ("seeds_differ", disagreement(readouts), steps),
        ("commitment", commitment(readouts).dropna(subset="commitment"), []),
        ("pruned", pruning(readouts), []),
    ]
    tables = []
    for quantity, rows, by in measured:
        rows = pd.concat([rows, rows.assign(task=ALL)], ignore_index=True)
        interval = mean_or_rate_ci if quantity == "seeds_differ" else group_mean_ci
        table = interval(rows, [*group, *by], quantity, "case", resampling=resampling)
        tables.append(table.assign(quantity=quantity))
    joined = pd.concat(tables, ignore_index=True)
    return joined[[*group, "quantity", *steps, "n", "mean", "low", "high"]]
