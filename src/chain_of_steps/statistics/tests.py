"""Tests of paired differences and of flips, and how small a difference they can find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, norm

from chain_of_steps.statistics.clusters import (
    Columns,
    cluster_sums,
    codes,
    column_codes,
    listed,
    numbers,
)
from chain_of_steps.statistics.means import estimate
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.resampling import STANDARD, Resampling

N_PERM = 10_000
_CHUNK = 4_000_000  # signs drawn at once


@dataclass(frozen=True)
class PairedDifference:
    """Mean of treatment - control over n pairs, its interval, and the two-sided p-value."""

    n: int
    mean: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class FlipTest:
    """Share of corrections among all flips, its Wilson interval, McNemar's two-sided p-value."""

    corrections: int
    corruptions: int
    share: float
    low: float
    high: float
    p: float


def paired_difference(
    frame: pd.DataFrame,
    value: str,
    *,
    condition: str,
    treatment: object,
    control: object,
    pair: Columns,
    cluster: Columns | None = None,
    strata: Columns | None = None,
    resampling: Resampling = STANDARD,
    n_perm: int = N_PERM,
    level: float = 0.95,
) -> PairedDifference:
    """Mean of `value` under `treatment` minus under `control`, row paired with row.

    `pair` names the columns that two rows of a pair share, such as task, case and seed; `cluster`
    and `strata` are among them (default cluster: the pair). Interval: as `mean_ci` of the
    differences. p: `sign_flip_p` of them. Raises ValueError when a row has no partner or two.
    """
    pair = listed(pair)
    outside = [c for c in (*listed(cluster), *listed(strata)) if c not in pair]
    if outside:
        raise ValueError(f"cluster and strata must be among the columns of pair: {outside}")
    sides = []
    for name in (treatment, control):
        side = frame.loc[frame[condition] == name].set_index(pair)[value].sort_index()
        if side.index.has_duplicates:
            raise ValueError(f"{name!r} has two rows for one pair of {', '.join(pair)}")
        sides.append(side)
    lonely = len(sides[0].index.symmetric_difference(sides[1].index))
    if lonely:
        raise ValueError(f"{lonely} rows of {treatment!r} or {control!r} have no partner")
    difference = numbers(sides[0]) - numbers(sides[1])
    keys = sides[0].index.to_frame(index=False)
    clusters = np.arange(len(keys)) if cluster is None else column_codes(keys, cluster)
    stratum_codes = np.zeros(len(keys), int) if strata is None else column_codes(keys, strata)
    found = estimate(difference, clusters, stratum_codes, resampling, level)
    sums, _, _ = cluster_sums(difference, clusters, stratum_codes)
    p = _sign_flip(sums, n_perm, resampling.seed)
    return PairedDifference(found.n, found.mean, found.low, found.high, p)


def sign_flip_p(
    differences: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    n_perm: int = N_PERM,
    seed: int = 0,
) -> float:
    """Two-sided p-value of the mean difference being 0, by flipping the sign of whole clusters.

    Under the null hypothesis treatment and control of a cluster could be exchanged. All sign
    patterns are tried where there are at most `n_perm`, else `n_perm` random ones, and then p is at
    least 1 / (n_perm + 1). nan without differences.
    """
    values = numbers(differences)
    labels = np.arange(len(values)) if clusters is None else codes(clusters, len(values))
    return _sign_flip(np.bincount(labels, weights=values), n_perm, seed)


def minimal_detectable_difference(
    sd: float, n: int, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest true mean that a two-sided test at `alpha` finds with probability `power`.

    sd: standard deviation of the n independent values (for pairs: of the differences; for
    clusters: of the cluster means). Normal approximation; the answer has the unit of sd.
    """
    return float((norm.ppf(1 - alpha / 2) + norm.ppf(power)) * sd / np.sqrt(n))


def mcnemar(corrections: int, corruptions: int, level: float = 0.95) -> FlipTest:
    """Exact test of as many corrections (wrong to right) as corruptions (right to wrong).

    Given the flips, each is either with probability 1/2. It takes flips as independent: with many
    flips a case use `paired_difference` by case. Without flips the share is nan and p is 1.
    """
    share = wilson(corrections, corrections + corruptions, level)
    p = float(binomtest(corrections, share.n).pvalue) if share.n else 1.0
    return FlipTest(corrections, corruptions, share.mean, share.low, share.high, p)


def _sign_flip(sums: NDArray[Any], n_perm: int, seed: int) -> float:
    if len(sums) == 0:
        return float("nan")
    sums = sums[sums != 0]  # their sign makes no difference
    n = len(sums)
    reached = abs(sums.sum()) - 1e-9 * abs(sums).sum()  # ties count, rounding must not break them
    exact = 2.0**n <= n_perm
    rng = np.random.default_rng(seed)
    patterns, hits = 2**n if exact else n_perm, 0
    rows = max(1, _CHUNK // max(n, 1))
    for start in range(0, patterns, rows):
        stop = min(start + rows, patterns)
        if exact:
            bits = np.arange(start, stop)[:, None] >> np.arange(n) & 1
        else:
            bits = rng.integers(2, size=(stop - start, n), dtype=np.int8)
        hits += int((abs((2.0 * bits - 1) @ sums) >= reached).sum())
    return hits / patterns if exact else (hits + 1) / (patterns + 1)
