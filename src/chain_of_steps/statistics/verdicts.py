"""The one verdict: what a 95 % interval, and a paired test where there is one, say about a bound.

    holds        the whole interval lies strictly beyond the bound, on the side that is asked for
    reversed     the whole interval lies strictly beyond it on the other side
    undecided    elsewhere

The bound itself lies on neither side: an interval that ends there, or has no width and lies there,
decides nothing. A band has two sides, inside and outside, and its edges are inside: what is
published as "steps 20 to 30" is met by an interval from 20 to 30. Where there is a two-sided test
of the mean being at the bound, p must be below `LEVEL` as well, for `holds` and for `reversed`,
whatever the width of the interval. Nothing is decided without an interval. Cheap to import.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

HOLDS, REVERSED, UNDECIDED = "holds", "reversed", "undecided"
LEVEL = 0.05  # p must be below it


@dataclass(frozen=True)
class Region:
    """Where a number should lie: above `start`, below `end`, or in the band between the two."""

    start: float = -math.inf
    end: float = math.inf

    @property
    def is_band(self) -> bool:
        """Whether it has two ends."""
        return math.isfinite(self.start) and math.isfinite(self.end)

    def holds(self, low: float, high: float) -> bool:
        """Whether an interval lies wholly in the region."""
        if self.is_band:
            return self.start <= low and high <= self.end
        return self.start < low and high < self.end

    def excludes(self, low: float, high: float) -> bool:
        """Whether an interval lies wholly, and strictly, outside."""
        return high < self.start or low > self.end


ABOVE_ZERO = Region(start=0.0)


def judge(low: float, high: float, region: Region = ABOVE_ZERO, p: float = math.nan) -> str:
    """HOLDS, REVERSED or UNDECIDED for an interval from low to high, which may be nan.

    p: of a two-sided test of the mean being at the region's bound; nan where there is no test.
    """
    if math.isnan(low) or math.isnan(high) or p >= LEVEL:
        return UNDECIDED
    if region.holds(low, high):
        return HOLDS
    return REVERSED if region.excludes(low, high) else UNDECIDED
