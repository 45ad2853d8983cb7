"""Means over cases: the interval, the test and the smallest effect that such cases can show.

A case is the unit. Its value is the mean of its runs (seeds, steps, training seeds), and cases are
drawn within their stratum (a task). Studies have 7 to 10 cases a cell, where percentile and t
intervals cover 50 to 95 % (simulation in tests/statistics/test_cases.py). So

    bootstrap-t      studentised by the stratified standard error (Hall 1992), cut to the range of
                     the measure and to what the bounded interval allows
    bounded          where half of the cases or more have one value, of which a resample knows
                     nothing: Learned-Miller and Thomas, arXiv 1905.06208. It is Clopper-Pearson's
                     for values 0 and 1; of n equal values it says that at most a share of
                     1 - 0.025^(1/n) of all cases lies elsewhere, anywhere in the range

A measure whose values are all alike, or nearly, and whose range has no end has no interval: nan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest
from scipy.stats import t as student

from chain_of_steps.statistics.clusters import FEW_CASES, Columns, codes, listed, numbers
from chain_of_steps.statistics.resampling import STANDARD, Resampling
from chain_of_steps.statistics.tests import N_PERM, sign_flip_p

Limits = tuple[float, float]
UNLIMITED: Limits = (-math.inf, math.inf)
ATOM = 0.5  # share of cases with one value, from which on a resample is not trusted
POWER = 0.8
_DRAWS = 4000  # of uniform order statistics
_SAME = 1e-9
_ROUNDING = 1e-6  # of a standard error


@dataclass(frozen=True)
class CaseSample:
    """The values of C cases and the stratum of each.

    values: float (C,). strata: int (C,) codes from 0. limits: what the measure can be.
    Raises ValueError for values that are nan or outside of the limits.
    """

    values: NDArray[Any]
    strata: NDArray[Any]
    limits: Limits = UNLIMITED

    @classmethod
    def of(
        cls, values: ArrayLike, strata: ArrayLike | None = None, limits: Limits = UNLIMITED
    ) -> CaseSample:
        """strata: (C,) labels; those of fewer than FEW_CASES cases are taken together."""
        found = numbers(values)
        if len(found) and not (
            limits[0] - _SAME <= found.min() and found.max() <= limits[1] + _SAME
        ):
            raise ValueError(f"values from {found.min()} to {found.max()} are not within {limits}")
        if strata is None:
            return cls(found, np.zeros(len(found), int), limits)
        labels = codes(strata, len(found))
        few = np.bincount(labels)[labels] < FEW_CASES if len(labels) else np.zeros(0, bool)
        return cls(found, np.where(few, 0, labels + 1), limits)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        """Mean over the cases, each counting alike; nan without any."""
        return float(self.values.mean()) if len(self) else math.nan

    @property
    def atom(self) -> float:
        """Share of the cases that have the most frequent value; nan without any."""
        if not len(self):
            return math.nan
        ordered = np.sort(self.values)
        new = np.concatenate([[True], np.diff(ordered) > _SAME])
        return float(np.bincount(new.cumsum()).max() / len(self))


def case_means(rows: pd.DataFrame, value: str, by: Columns = ("task", "case")) -> pd.DataFrame:
    """Columns of `by` and `value`, one row a case: the mean of its rows, without those of nan."""
    known = rows.dropna(subset=value).astype({value: float})
    return known.groupby(listed(by), sort=True, observed=True, dropna=False, as_index=False)[
        value
    ].mean()


def interval(
    sample: CaseSample, level: float = 0.95, resampling: Resampling = STANDARD
) -> tuple[float, float]:
    """Interval of the mean over all cases of which these are a sample; nan with fewer than two."""
    if len(sample) < 2:
        return math.nan, math.nan
    bounded = bounded_interval(sample.values, sample.limits, level)
    if sample.atom >= ATOM and all(map(math.isfinite, bounded)):
        return bounded
    if np.ptp(sample.values) <= _SAME:
        return math.nan, math.nan
    low, high = _bootstrap_t(sample, level, resampling)
    low, high = max(low, bounded[0]), min(high, bounded[1])
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (math.nan, math.nan)


def bounded_interval(values: ArrayLike, limits: Limits, level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean of independent values (n,) in `limits`; an end without a limit is inf.

    Learned-Miller and Thomas, arXiv 1905.06208. For values 0 and 1 it is Clopper and Pearson's.
    """
    ordered, share = np.sort(numbers(values)), (1 + level) / 2
    low, high = limits
    uniform = _order_statistics(len(ordered))

    def upper(ordered: NDArray[Any], most: float) -> float:
        if not math.isfinite(most):
            return math.inf
        gaps = np.diff(np.append(ordered, most))
        return float(np.quantile(most - uniform @ gaps, share))

    return 0.0 - upper(-ordered[::-1], -low), upper(ordered, high)


@cache
def _order_statistics(n: int) -> NDArray[Any]:
    """(draws, n): sorted uniform numbers, always the same."""
    return np.sort(np.random.default_rng(0).random((_DRAWS, n)), axis=1)


def _bootstrap_t(sample: CaseSample, level: float, resampling: Resampling) -> tuple[float, float]:
    spread = _standard_error(sample)
    if not spread > 0:
        return -math.inf, math.inf
    means, errors = _resampled(sample, spread, resampling)
    off = means - sample.mean
    # a resample of equal cases could lie anywhere
    t = np.divide(off, errors, out=np.copysign(np.full(len(off), np.inf), off), where=errors > 0)
    low = np.quantile(t, (1 - level) / 2, method="lower")
    high = np.quantile(t, (1 + level) / 2, method="higher")
    return float(sample.mean - high * spread), float(sample.mean - low * spread)


def _standard_error(sample: CaseSample) -> float:
    """Of the mean of cases drawn within their strata; nan where no stratum has two cases."""
    counts = np.bincount(sample.strata)
    if counts.max() < 2:
        return math.nan
    squares = np.bincount(sample.strata, _centred(sample.values, sample.strata) ** 2)
    error = float(_error(counts, np.zeros(len(counts)), squares))
    return error if error > _SAME else 0.0  # what rounding leaves of equal cases


def _error(counts: NDArray[Any], sums: NDArray[Any], squares: NDArray[Any]) -> NDArray[Any]:
    """Standard error of a stratified mean from sums (..., strata)."""
    some = counts > 1
    n, s, q = counts[some], sums[..., some], squares[..., some]
    variances = np.maximum(q - s**2 / n, 0) / (n - 1)
    return np.sqrt((n * variances).sum(-1)) / counts.sum()


def _resampled(
    sample: CaseSample, spread: float, resampling: Resampling
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean and standard error of each resample, (n_boot,) each; spread: that of the sample."""
    counts = np.bincount(sample.strata)
    values_of = sample.values - sample.mean  # squares of what is far from 0 lose digits
    sums = np.zeros((resampling.n_boot, len(counts)))
    squares = np.zeros_like(sums)
    for chunk, drawn in resampling.draws(sample.strata):
        stratum = sample.strata[drawn[0, 0]]
        values = values_of[drawn]
        sums[chunk, stratum] = values.sum(1)
        squares[chunk, stratum] = (values**2).sum(1)
    errors = _error(counts, sums, squares)
    # a resample of equal cases has no error, but what rounding leaves of it
    means = sample.mean + sums.sum(1) / len(sample)
    return means, np.where(errors > _ROUNDING * spread, errors, 0.0)


def p_at(sample: CaseSample, bound: float, n_perm: int = N_PERM, seed: int = 0) -> float:
    """Two-sided p of the mean over cases being `bound`.

    Exact binomial test where every case stands at one of the two limits, else signs of the
    differences from the bound are flipped, all of them where that is possible. 1 where nothing
    differs from the bound; nan without cases.
    """
    if not len(sample):
        return math.nan
    low, high = sample.limits
    finite = math.isfinite(low) and math.isfinite(high)
    at_ends = (abs(sample.values - low) <= _SAME) | (abs(sample.values - high) <= _SAME)
    if finite and at_ends.all():
        if not low <= bound <= high:
            return 0.0
        hits = int((abs(sample.values - high) <= _SAME).sum())
        return float(binomtest(hits, len(sample), (bound - low) / (high - low)).pvalue)
    off = sample.values - bound
    return sign_flip_p(np.where(abs(off) <= _SAME, 0.0, off), n_perm=n_perm, seed=seed)


def detectable(sample: CaseSample, resampling: Resampling = STANDARD) -> float:
    """Smallest true effect that such cases show with probability 0.8, in the measure's unit.

    By simulation: cases that differ as these do are drawn again, shifted by the effect, and the
    effect is found where the bootstrap-t interval of the draw leaves the bound out. Where the cases
    do not differ, the distance to the nearer end of their interval stands for it. nan where cases
    are so few that no effect is found.
    """
    if len(sample) < 2:
        return math.nan
    spread = _standard_error(sample)
    if not spread > 0:
        low, high = interval(sample, resampling=resampling)
        ends = [end for end in (sample.mean - low, high - sample.mean) if end > _SAME]
        return min(ends, default=math.nan)
    means, errors = _resampled(sample, spread, resampling)
    low, high = _bootstrap_t(sample, 0.95, resampling)
    critical = (high - low) / 2 / spread
    if not math.isfinite(critical):
        return math.nan
    found = float(np.quantile(critical * errors - (means - sample.mean), POWER))
    return found if found <= sample.limits[1] - sample.limits[0] else math.nan


def slope(
    sample: CaseSample, on: ArrayLike, n_perm: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float, float, float]:
    """Slope of the values on `on` (C,) within strata: (slope, low, high, p of no slope).

    Least squares with one intercept a stratum; interval by heteroscedasticity-consistent errors
    (HC3, MacKinnon and White 1985) and Student's t; p by permuting `on` within strata. nan where
    nothing can be told.
    """
    x, y = _centred(numbers(on), sample.strata), _centred(sample.values, sample.strata)
    freedom = len(sample) - len(np.unique(sample.strata)) - 1
    size = _dot(x, x)
    if freedom < 2 or size <= _SAME:
        return math.nan, math.nan, math.nan, math.nan
    found = _dot(x, y) / size
    leverage = x**2 / size + 1 / np.bincount(sample.strata)[sample.strata]
    residual = (y - found * x) / np.maximum(1 - leverage, 1e-6)
    error = float(np.sqrt(((x * residual) ** 2).sum()) / size)
    half = float(student.ppf((1 + level) / 2, freedom)) * error
    rng, hits, places = np.random.default_rng(seed), 0, np.argsort(sample.strata, kind="stable")
    for _ in range(n_perm):
        shuffled = np.empty_like(x)
        shuffled[places] = x[np.lexsort((rng.random(len(x)), sample.strata))]
        hits += abs(_dot(shuffled, y)) >= abs(_dot(x, y)) - _SAME
    return found, found - half, found + half, (hits + 1) / (n_perm + 1)


def _dot(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Without BLAS, whose last bit hangs on where arrays lie in memory."""
    return float((x * y).sum())


def _centred(values: NDArray[Any], strata: NDArray[Any]) -> NDArray[Any]:
    means = np.bincount(strata, values) / np.maximum(np.bincount(strata), 1)
    return values - means[strata]
