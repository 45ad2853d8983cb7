"""The one bootstrap: whole clusters are drawn again with replacement, within their stratum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chain_of_steps.settings.statistics import Statistics

_CHUNK = 4_000_000  # numbers drawn at once: 32 MB
_KEPT = 1_000_000  # numbers of one draw that are kept: 8 MB


@dataclass(frozen=True)
class Resampling:
    """Number and seed of bootstrap resamples; equal ones draw the same clusters."""

    n_boot: int = 2000
    seed: int = 0

    @classmethod
    def of(cls, section: Statistics) -> Resampling:
        """As the section `statistics` of a configuration asks."""
        return cls(section.resamples, section.seed)

    def draws(self, stratum_of: NDArray[Any]) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Which clusters the resamples hold, one stratum and some resamples at a time.

        stratum_of: int (C,), the stratum of each of C clusters. Yields a slice of the n_boot
        resamples and the numbers of their clusters, (resamples, clusters of the stratum).
        """
        if self.n_boot * len(stratum_of) > _KEPT:
            yield from self._draws(stratum_of)
        else:
            yield from _kept_draws(self, tuple(stratum_of.tolist()))

    def _draws(self, stratum_of: NDArray[Any]) -> Iterator[tuple[slice, NDArray[Any]]]:
        rng = np.random.default_rng(self.seed)
        for stratum in np.unique(stratum_of):
            members = np.flatnonzero(stratum_of == stratum)
            rows = max(1, _CHUNK // len(members))
            for start in range(0, self.n_boot, rows):
                chunk = slice(start, min(start + rows, self.n_boot))
                shape = (chunk.stop - start, len(members))
                yield chunk, members[rng.integers(len(members), size=shape)]

    def sums(self, stratum_of: NDArray[Any], *values: NDArray[Any]) -> list[NDArray[Any]]:
        """Sums over the clusters of each resample, (n_boot, ...) for values (C, ...) of clusters.

        All values are summed over the same clusters, so that a ratio of two sums is that of one
        resample.
        """
        totals = [np.zeros((self.n_boot, *value.shape[1:])) for value in values]
        for chunk, drawn in self.draws(stratum_of):
            for total, value in zip(totals, values, strict=True):
                total[chunk] += value[drawn].sum(axis=1)
        return totals


@lru_cache(maxsize=16)
def _kept_draws(resampling: Resampling, stratum_of: tuple[int, ...]) -> list[Any]:
    """A table has thousands of groups, most of as many clusters as the one before."""
    drawn = list(resampling._draws(np.array(stratum_of)))
    for _, clusters in drawn:
        clusters.setflags(write=False)
    return drawn


STANDARD = Resampling()


def percentile_interval(
    resampled: ArrayLike, level: float = 0.95, *, observed: bool = False
) -> tuple[float, float]:
    """The middle `level` of a quantity's values over resamples.

    observed: the ends are values that occur (steps, say), and nothing between two of them.
    """
    low, high = np.quantile(
        np.asarray(resampled),
        [(1 - level) / 2, (1 + level) / 2],
        method="inverted_cdf" if observed else "linear",
    )
    return float(low), float(high)
