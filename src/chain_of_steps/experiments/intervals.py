"""Intervals of means that may be rates."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.stats import Columns, group_mean_ci, wilson


def mean_or_rate_ci(
    frame: pd.DataFrame,
    by: list[str],
    value: str,
    cluster: str,
    strata: Columns | None = None,
    *,
    n_boot: int,
    seed: int,
) -> pd.DataFrame:
    """`group_mean_ci`, but where all rows of a group are 0, or all 1, Wilson's interval.

    A bootstrap of equal values has no width, which would claim that a rate is known exactly. The
    number of trials behind Wilson's interval is that of clusters, not of rows.
    """
    table = group_mean_ci(frame, by, value, cluster, strata, n_boot=n_boot, seed=seed)
    groups = frame.groupby(by, sort=True, observed=True, dropna=False)
    extremes = groups[value].agg(["min", "max"]).reset_index(drop=True)
    clusters = groups[cluster].nunique().reset_index(drop=True)
    for end in (0, 1):
        for row in table.index[(extremes["min"] == end) & (extremes["max"] == end)]:
            n = int(clusters[row])
            share = wilson(n * end, n)
            table.loc[row, ["low", "high"]] = [share.low, share.high]
    return table
