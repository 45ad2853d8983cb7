"""Intervals of means that may be rates, and what they resample within."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from chain_of_steps.statistics.estimates import Columns, group_mean_ci, wilson

FEW_CASES = 5  # of a task; drawing from fewer within it would make intervals much too narrow


def strata_of(rows: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """The task of each row, or "all" in groups of `by` where its task has few cases."""
    cases = rows.groupby([*by, "task"], dropna=False)["case"].transform("nunique")
    return rows["task"].where(cases >= FEW_CASES, "all")


def mean_or_rate_ci(
    frame: pd.DataFrame,
    by: list[str],
    value: str,
    cluster: str,
    strata: Columns | None = None,
    *,
    n_boot: int,
    seed: int,
    signed: bool = False,
) -> pd.DataFrame:
    """`group_mean_ci` of values in [0, 1], but Wilson's interval where all of a group are 0 or 1.

    A bootstrap of equal values has no width, which would claim that a rate is known exactly. The
    number of trials behind Wilson's interval is that of clusters, not of rows. signed: values are
    changes in [-1, 1]; where none changes, the interval is Wilson's upper end either way.
    """
    table = group_mean_ci(frame, by, value, cluster, strata, n_boot=n_boot, seed=seed)
    groups = frame.groupby(by, sort=True, observed=True, dropna=False)
    extremes = groups[value].agg(["min", "max"]).reset_index(drop=True)
    clusters = groups[cluster].nunique().reset_index(drop=True)
    low, high = (table[name].to_numpy(copy=True) for name in ("low", "high"))
    for end in (0,) if signed else (0, 1):
        for row in table.index[(extremes["min"] == end) & (extremes["max"] == end)]:
            share = wilson(clusters[row] * end, clusters[row])
            low[row], high[row] = -share.high if signed else share.low, share.high
    return table.assign(low=low, high=high)
