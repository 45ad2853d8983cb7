"""The five verdicts on a claim, and on which side of a bound an interval lies. Cheap to import.

    holds                     the whole 95 % interval lies beyond the bound, on the side that is
                              asked for, and the estimate at least the smallest effect of interest
                              beyond it
    does not hold             the whole interval lies short of the smallest effect of interest: an
                              equivalence test, which an interval wholly on the other side passes
    undecided                 the interval allows for both
    no room                   run, model and puzzles could not have shown it
    cannot be measured here   there is no measurement

A test of the mean being at the edge that decides is asked as well, and its p must be below LEVEL;
it is never waived. An interval without width is no certainty and decides nothing: whoever measures
gives the exact bound (`statistics.cases`). The bound itself lies on neither side. A band has two
sides, inside and outside, and its edges are inside: what is published as "steps 20 to 30" is met by
an interval from 20 to 30. For a band the smallest effect of interest widens it: what lies within it
of an edge is not yet outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
NO_ROOM, UNMEASURED = "no room", "cannot be measured here"
VERDICTS = (HOLDS, FAILS, UNDECIDED, NO_ROOM, UNMEASURED)
REVERSED = "reversed"  # of a difference: the interval lies on the other side
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

    def edges(self) -> tuple[float, ...]:
        """Its finite ends."""
        return tuple(edge for edge in (self.start, self.end) if math.isfinite(edge))

    def by(self, effect: float) -> Region:
        """The region that is `effect` further off its bound; a band becomes wider by it."""
        if self.is_band:
            return Region(self.start - effect, self.end + effect)
        return Region(self.start + effect, self.end - effect)


ABOVE_ZERO = Region(start=0.0)


@dataclass(frozen=True)
class Finding:
    """A number, its 95 % interval (nan: none), and the two-sided p of its being at a bound."""

    value: float
    low: float
    high: float
    p: Callable[[float], float]


@dataclass(frozen=True)
class Verdict:
    """One of VERDICTS, why, and the p that it rests on (nan where it rests on none)."""

    word: str
    reason: str
    p: float = math.nan


def decide(finding: Finding, region: Region, effect: float = 0.0) -> Verdict:
    """HOLDS, FAILS, UNDECIDED or UNMEASURED for a number.

    region: where it should lie. effect: the smallest effect of interest, at least 0.
    """
    low, high = finding.low, finding.high
    if math.isnan(finding.value):
        return Verdict(UNMEASURED, "no value")
    if math.isnan(low) or math.isnan(high):
        return Verdict(
            UNDECIDED, "no interval: too few cases, or all alike and no end to the range"
        )
    if low == high:
        return Verdict(UNDECIDED, "an interval without width is no certainty")
    wanted, short = _words(region), region.by(effect)
    enough = short.holds(finding.value, finding.value)
    on_edge = not region.is_band and finding.value in short.edges()
    if region.holds(low, high) and (region.is_band or enough or on_edge):
        return _tested(HOLDS, finding, region, f"the whole interval is {wanted}")
    if short.excludes(low, high):
        near = min(short.edges(), key=lambda edge: abs(finding.value - edge))
        single = Region(start=near) if near == short.start else Region(end=near)
        if region.excludes(low, high):
            reason = f"no part of the interval is {wanted}"
        else:
            reason = f"the interval ends short of {near:g}, the smallest effect of interest"
        return _tested(FAILS, finding, single, reason)
    if region.holds(low, high):
        reason = f"the interval is {wanted}, but the estimate less than {effect:g} beyond it"
        return Verdict(UNDECIDED, reason)
    return Verdict(UNDECIDED, f"the interval reaches both sides of what is {wanted}")


def _tested(word: str, finding: Finding, region: Region, reason: str) -> Verdict:
    """The verdict if the number is told from the edges, else undecided."""
    p = max(finding.p(edge) for edge in region.edges())
    if math.isnan(p):
        return Verdict(UNDECIDED, f"{reason}, but there is no test")
    if p >= LEVEL:
        return Verdict(UNDECIDED, f"{reason}, but p = {p:.3f}", p)
    return Verdict(word, reason, p)


def _words(region: Region) -> str:
    if region.is_band:
        return f"from {region.start:g} to {region.end:g}"
    if math.isfinite(region.start):
        return f"above {region.start:g}"
    return f"below {region.end:g}"


def judge(low: float, high: float, region: Region = ABOVE_ZERO, p: float = math.nan) -> str:
    """HOLDS, REVERSED or UNDECIDED: on which side of the bound an interval lies, for captions.

    low, high: nan where there is no interval. p: of a two-sided test of the mean being at the
    region's bound; nan where the interval is the test. An interval without width decides nothing.
    """
    if math.isnan(low) or math.isnan(high) or low == high or p >= LEVEL:
        return UNDECIDED
    if region.holds(low, high):
        return HOLDS
    return REVERSED if region.excludes(low, high) else UNDECIDED
