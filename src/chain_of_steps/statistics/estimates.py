"""Means with intervals and paired tests, as every table of the study has them.

A row is a run; runs of one case (its seeds, its steps) are not independent, so a case is a
cluster and whole clusters are resampled. `strata` keeps the number of clusters per task fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, norm

N_BOOT = 2000
N_PERM = 10_000
_CHUNK = 4_000_000  # numbers drawn at once: 32 MB

Columns = str | Sequence[str]


@dataclass(frozen=True)
class Estimate:
    """A mean of n rows and its interval; low and high are nan where there is no telling."""

    n: int
    mean: float
    low: float
    high: float


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


def mean_ci(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    *,
    n_boot: int = N_BOOT,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Mean of `values` with a percentile bootstrap interval that resamples whole clusters.

    values: (n,) numbers without nan. clusters: (n,) labels, one resampling unit each (default:
    every row is its own). strata: (n,) labels; clusters are resampled within their stratum, and a
    cluster label in two strata is two clusters. The mean stays that of the rows. The interval is
    nan when no stratum has two clusters. Raises ValueError for nan or unequal lengths.
    """
    values = _numbers(values)
    return _estimate(
        values,
        np.arange(len(values)) if clusters is None else _codes(clusters, len(values)),
        np.zeros(len(values), int) if strata is None else _codes(strata, len(values)),
        n_boot,
        seed,
        level,
    )


def group_mean_ci(
    frame: pd.DataFrame,
    by: Columns,
    value: str,
    cluster: Columns | None = None,
    strata: Columns | None = None,
    *,
    n_boot: int = N_BOOT,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """`mean_ci` of column `value` in each group: columns of `by`, then n, mean, low, high.

    Groups come sorted. A group's interval does not depend on which other groups there are.
    """
    by = _listed(by)
    values = _numbers(frame[value])
    clusters = np.arange(len(frame)) if cluster is None else _column_codes(frame, cluster)
    layers = np.zeros(len(frame), int) if strata is None else _column_codes(frame, strata)
    rows = []
    groups = frame.groupby(by, sort=True, observed=True, dropna=False)
    for key, index in groups.indices.items():
        found = _estimate(values[index], clusters[index], layers[index], n_boot, seed, level)
        labels = key if isinstance(key, tuple) else (key,)
        rows.append((*labels, found.n, found.mean, found.low, found.high))
    table = pd.DataFrame(rows, columns=[*by, "n", "mean", "low", "high"])
    return table.astype({name: frame[name].dtype for name in by} | {"n": int})


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
    n_boot: int = N_BOOT,
    n_perm: int = N_PERM,
    seed: int = 0,
    level: float = 0.95,
) -> PairedDifference:
    """Mean of `value` under `treatment` minus under `control`, row paired with row.

    `pair` names the columns that two rows of a pair share, such as task, case and seed; `cluster`
    and `strata` are among them (default cluster: the pair). Interval: as `mean_ci` of the
    differences. p: `sign_flip_p` of them. Raises ValueError when a row has no partner or two.
    """
    pair = _listed(pair)
    outside = [c for c in (*_listed(cluster), *_listed(strata)) if c not in pair]
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
    difference = _numbers(sides[0]) - _numbers(sides[1])
    keys = sides[0].index.to_frame(index=False)
    clusters = np.arange(len(keys)) if cluster is None else _column_codes(keys, cluster)
    layers = np.zeros(len(keys), int) if strata is None else _column_codes(keys, strata)
    found = _estimate(difference, clusters, layers, n_boot, seed, level)
    sums, _, _ = _cluster_sums(difference, clusters, layers)
    p = _sign_flip(sums, n_perm, seed)
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
    values = _numbers(differences)
    codes = np.arange(len(values)) if clusters is None else _codes(clusters, len(values))
    return _sign_flip(np.bincount(codes, weights=values), n_perm, seed)


def wilson(k: int, n: int, level: float = 0.95) -> Estimate:
    """Proportion k / n with Wilson's score interval; n = 0 gives nan between 0 and 1.

    Raises ValueError unless 0 <= k <= n.
    """
    if not 0 <= k <= n:
        raise ValueError(f"a proportion needs 0 <= k <= n, got k = {k}, n = {n}")
    if n == 0:
        return Estimate(0, float("nan"), 0.0, 1.0)
    z, share = norm.ppf((1 + level) / 2), k / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # At k = 0 and k = n the ends are exactly 0 and 1; rounding must not say otherwise.
    low = 0.0 if k == 0 else float(centre - half)
    high = 1.0 if k == n else float(centre + half)
    return Estimate(n, share, low, high)


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


def _estimate(
    values: NDArray, clusters: NDArray, strata: NDArray, n_boot: int, seed: int, level: float
) -> Estimate:
    if len(values) == 0:
        return Estimate(0, float("nan"), float("nan"), float("nan"))
    sums, counts, stratum_of = _cluster_sums(values, clusters, strata)
    mean = float(values.mean())
    if np.bincount(stratum_of).max() < 2:
        return Estimate(len(values), mean, float("nan"), float("nan"))
    means = _bootstrap_means(sums, counts, stratum_of, n_boot, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(len(values), mean, float(low), float(high))


def _cluster_sums(
    values: NDArray, clusters: NDArray, strata: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Sum of values, number of rows and stratum of each cluster, in the order of their codes."""
    width = clusters.max(initial=0) + 1
    keys, inverse = np.unique(strata * width + clusters, return_inverse=True)
    counts = np.bincount(inverse, minlength=len(keys))
    return np.bincount(inverse, weights=values, minlength=len(keys)), counts, keys // width


def _bootstrap_means(
    sums: NDArray, counts: NDArray, stratum_of: NDArray, n_boot: int, rng: np.random.Generator
) -> NDArray:
    """(n_boot,) means of resampled clusters: the clusters' sums and sizes are all it takes."""
    total, size = np.zeros(n_boot), np.zeros(n_boot)
    for stratum in np.unique(stratum_of):
        members = np.flatnonzero(stratum_of == stratum)
        rows = max(1, _CHUNK // len(members))
        for start in range(0, n_boot, rows):
            part = slice(start, min(start + rows, n_boot))
            drawn = members[rng.integers(len(members), size=(part.stop - start, len(members)))]
            total[part] += sums[drawn].sum(axis=1)
            size[part] += counts[drawn].sum(axis=1)
    return total / size


def _sign_flip(sums: NDArray, n_perm: int, seed: int) -> float:
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


def _numbers(values: ArrayLike) -> NDArray:
    found = np.asarray(values, dtype=float)
    if found.ndim != 1 or np.isnan(found).any():
        raise ValueError("values must be one column without nan: drop or fill missing rows first")
    return found


def _codes(labels: ArrayLike, length: int) -> NDArray:
    """Labels as numbers from 0 in sorted order, so that the order of rows does not count."""
    codes = pd.factorize(pd.Series(labels), sort=True)[0]
    if len(codes) != length or (codes < 0).any():
        raise ValueError(f"{length} values need as many labels without nan, got {len(codes)}")
    return codes


def _column_codes(frame: pd.DataFrame, columns: Columns) -> NDArray:
    groups = frame.groupby(_listed(columns), sort=True, observed=True, dropna=False)
    return groups.ngroup().to_numpy()


def _listed(columns: Columns | None) -> list[str]:
    if columns is None:
        return []
    return [columns] if isinstance(columns, str) else list(columns)
