"""Shares and their Wilson intervals, and means of values that may all be 0 or 1."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd
from scipy.stats import binomtest

from chain_of_steps.statistics.clusters import Columns, listed
from chain_of_steps.statistics.means import Estimate, group_mean_ci
from chain_of_steps.statistics.resampling import STANDARD, Resampling


@lru_cache(maxsize=4096)
def wilson(k: int, n: int, level: float = 0.95) -> Estimate:
    """Proportion k / n with Wilson's score interval; n = 0 gives nan between 0 and 1.

    Raises ValueError unless 0 <= k <= n.
    """
    if not 0 <= k <= n:
        raise ValueError(f"a proportion needs 0 <= k <= n, got k = {k}, n = {n}")
    if n == 0:
        return Estimate(0, float("nan"), 0.0, 1.0)
    found = binomtest(k, n).proportion_ci(level, method="wilson")
    return Estimate(n, k / n, float(found.low), float(found.high))


def mean_or_rate_ci(
    frame: pd.DataFrame,
    by: Columns,
    value: str,
    cluster: str,
    strata: Columns | None = None,
    *,
    resampling: Resampling = STANDARD,
    signed: bool = False,
) -> pd.DataFrame:
    """`group_mean_ci` of values in [0, 1], but Wilson's interval where all of a group are 0 or 1.

    A bootstrap of equal values has no width, which would claim that a rate is known exactly. The
    number of trials behind Wilson's interval is that of clusters, not of rows. signed: values are
    changes in [-1, 1]; where none changes, the interval is Wilson's upper end either way.
    """
    table = group_mean_ci(frame, by, value, cluster, strata, resampling=resampling)
    groups = frame.groupby(listed(by), sort=True, observed=True, dropna=False)
    extremes = groups[value].agg(["min", "max"]).reset_index(drop=True)
    clusters = groups[cluster].nunique().reset_index(drop=True)
    low, high = (table[name].to_numpy(copy=True) for name in ("low", "high"))
    for end in (0,) if signed else (0, 1):
        for row in table.index[(extremes["min"] == end) & (extremes["max"] == end)]:
            share = wilson(clusters[row] * end, clusters[row])
            low[row], high[row] = -share.high if signed else share.low, share.high
    return table.assign(low=low, high=high)
