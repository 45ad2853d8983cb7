"""Means and medians with bootstrap intervals, alone and for each group of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chain_of_steps.statistics.clusters import (
    Columns,
    cluster_sums,
    codes,
    column_codes,
    listed,
    numbers,
)
from chain_of_steps.statistics.resampling import STANDARD, Resampling, percentile_interval

NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A mean (or median, or share) of n rows and its interval; nan where there is no telling."""

    n: int
    mean: float
    low: float
    high: float


def mean_ci(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    *,
    resampling: Resampling = STANDARD,
    level: float = 0.95,
) -> Estimate:
    """Mean of `values` with a percentile bootstrap interval that resamples whole clusters.

    values: (n,) numbers without nan. clusters: (n,) labels, one resampling unit each (default:
    every row is its own). strata: (n,) labels; clusters are resampled within their stratum, and a
    cluster label in two strata is two clusters. The mean stays that of the rows. The interval is
    nan when no stratum has two clusters. Raises ValueError for nan or unequal lengths.
    """
    values = numbers(values)
    return estimate(
        values,
        np.arange(len(values)) if clusters is None else codes(clusters, len(values)),
        np.zeros(len(values), int) if strata is None else codes(strata, len(values)),
        resampling,
        level,
    )


def group_mean_ci(
    frame: pd.DataFrame,
    by: Columns,
    value: str,
    cluster: Columns | None = None,
    strata: Columns | None = None,
    *,
    resampling: Resampling = STANDARD,
    level: float = 0.95,
) -> pd.DataFrame:
    """`mean_ci` of column `value` in each group: columns of `by`, then n, mean, low, high.

    Groups come sorted. A group's interval does not depend on which other groups there are.
    """
    by = listed(by)
    values = numbers(frame[value])
    clusters = np.arange(len(frame)) if cluster is None else column_codes(frame, cluster)
    stratum_codes = np.zeros(len(frame), int) if strata is None else column_codes(frame, strata)
    rows = []
    groups = frame.groupby(by, sort=True, observed=True, dropna=False)
    for key, index in groups.indices.items():
        found = estimate(values[index], clusters[index], stratum_codes[index], resampling, level)
        labels = key if isinstance(key, tuple) else (key,)
        rows.append((*labels, found.n, found.mean, found.low, found.high))
    table = pd.DataFrame(rows, columns=[*by, "n", "mean", "low", "high"])
    return table.astype({name: frame[name].dtype for name in by} | {"n": int})


def median_ci(
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    resampling: Resampling = STANDARD,
    level: float = 0.95,
) -> Estimate:
    """Median of `values` with a percentile bootstrap interval that resamples whole clusters.

    values, clusters: as in `mean_ci`. The interval is nan with fewer than two clusters.
    """
    values = numbers(values)
    if not len(values):
        return Estimate(0, NAN, NAN, NAN)
    labels = codes(clusters, len(values))
    members = [values[labels == label] for label in range(labels.max() + 1)]
    median = float(np.median(values))
    if len(members) < 2:
        return Estimate(len(values), median, NAN, NAN)
    resampled = [
        np.median(np.concatenate([members[i] for i in draw]))
        for _, drawn in resampling.draws(np.zeros(len(members), int))
        for draw in drawn
    ]
    return Estimate(len(values), median, *percentile_interval(resampled, level))


def estimate(
    values: NDArray[Any],
    clusters: NDArray[Any],
    strata: NDArray[Any],
    resampling: Resampling,
    level: float,
) -> Estimate:
    """`mean_ci` of numbers (n,) whose clusters and strata are codes (n,) from 0."""
    if len(values) == 0:
        return Estimate(0, NAN, NAN, NAN)
    sums, counts, stratum_of = cluster_sums(values, clusters, strata)
    mean = float(values.mean())
    if np.bincount(stratum_of).max() < 2:
        return Estimate(len(values), mean, NAN, NAN)
    total, size = resampling.sums(stratum_of, sums, counts)
    return Estimate(len(values), mean, *percentile_interval(total / size, level))
