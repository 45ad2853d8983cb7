"""Right answers by need, at the first step and at the end: what the steps add, and the reach."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.measures import reach_of
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling

RIGHT = {"accepted": "correct", "leads": "leads_right"}  # rule -> its column of the readouts


def need_table(readouts: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """What runs of each need show at step 0 and in the result, by rule.

    readouts: as `runs.read_trajectory` gives them, with `need`. Columns: model, task, split, rule,
    need, cases, n (runs), first and last (shares right), mean, low, high (last minus first, 95 %,
    clustered by case), reach (see `measures.reach_of`, of the first, over both splits; nan where it
    is not crossed).
    """
    by = ["model", "task", "split", "rule", "need"]
    end = readouts["step"].max()
    run = ["model", "task", "split", "need", "case", "seed"]
    parts = []
    for rule, column in RIGHT.items():
        looks = readouts.assign(right=readouts[column].astype(float)).set_index(run)["right"]
        step = readouts["step"].to_numpy()
        both = pd.DataFrame({"first": looks[step == 0], "last": looks[step == end]})
        parts.append(both.reset_index().assign(rule=rule))
    runs = pd.concat(parts, ignore_index=True)
    runs["gain"] = runs["last"] - runs["first"]
    table = mean_or_rate_ci(runs, by, "gain", "case", resampling=resampling, signed=True)
    groups = runs.groupby(by)
    counted = groups[["first", "last"]].mean().assign(cases=groups["case"].nunique())
    reaches = {
        key: reach_of(rows["need"], rows["first"]) for key, rows in runs.groupby([*by[:2], "rule"])
    }
    table = table.merge(counted.reset_index(), on=by)
    keys = zip(table["model"], table["task"], table["rule"], strict=True)
    table["reach"] = [reaches[key] for key in keys]
    return table[[*by, "cases", "n", "first", "last", "mean", "low", "high", "reach"]]
