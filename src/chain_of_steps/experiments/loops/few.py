"""Right answers by number of steps, of puzzles within and beyond what one pass answers."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.experiments.loops.summary import ALL, WHOLE
from chain_of_steps.measures import band_of, reach_of
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling

RIGHT = {"leads": "right", "accepted": "right_accepted"}  # rule -> its column of the runs


def few_table(runs: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Share of right answers of whole runs by their number of steps.

    runs: as `passes.passes_of` gives them. Columns: model, task (or all), rule, band (see
    `measures.band_of`, by the runs of the fewest steps), count (steps), cases, n, mean, low, high
    (95 %, clustered by case).
    """
    whole = runs[runs["method"].isin(WHOLE)]
    fewest = whole["count"].min()
    parts = []
    for (_, _), rows in whole.groupby(["model", "task"], sort=False):
        for rule, column in RIGHT.items():
            mine = rows.assign(rule=rule, value=rows[column].astype(float))
            least = mine[mine["count"] == fewest]
            reach = reach_of(least["need"], least["value"])
            parts.append(mine.assign(band=band_of(mine["need"], reach, least["value"])))
    by = ["model", "task", "rule", "band", "count"]
    if not parts:
        return pd.DataFrame(columns=[*by, "cases", "n", "mean", "low", "high"])
    every = pd.concat(parts, ignore_index=True)
    every = pd.concat([every, every.assign(task=ALL)], ignore_index=True)
    table = mean_or_rate_ci(every, by, "value", "case", resampling=resampling)
    cases = every.groupby(by)["case"].nunique().rename("cases").reset_index()
    return table.merge(cases, on=by)[[*by, "cases", "n", "mean", "low", "high"]]
