"""The verdict: which intervals decide, and its symmetries."""

import math
from itertools import product

import pytest

from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED, Region, judge

INTERVALS = [
    (low, high)
    for low, high in product([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, math.nan], repeat=2)
    if not low > high
]
REGIONS = [
    *(Region(start=bound) for bound in (-1.0, 0.0, 1.0)),
    *(Region(end=bound) for bound in (-1.0, 0.0, 1.0)),
    Region(-1.0, 1.0),
    Region(0.5, 1.0),
]


@pytest.mark.parametrize(
    ("region", "low", "high", "verdict"),
    [
        (Region(start=1.0), 1.1, 2, HOLDS),
        (Region(start=1.0), 1, 2, UNDECIDED),
        (Region(start=1.0), 0.5, 1, UNDECIDED),
        (Region(start=1.0), 0.5, 0.9, REVERSED),
        (Region(end=1.0), 0.5, 0.9, HOLDS),
        (Region(end=1.0), 1.1, 2, REVERSED),
        # without width: beyond the bound, and on it
        (Region(start=1.0), 2, 2, HOLDS),
        (Region(start=1.0), 0, 0, REVERSED),
        (Region(start=1.0), 1, 1, UNDECIDED),
        # the edges of a band are inside
        (Region(1.0, 2.0), 1, 2, HOLDS),
        (Region(1.0, 2.0), 2, 2, HOLDS),
        (Region(1.0, 2.0), 0.9, 2, UNDECIDED),
        (Region(1.0, 2.0), 2, 3, UNDECIDED),
        (Region(1.0, 2.0), 2.1, 3, REVERSED),
        (Region(1.0, 2.0), 0, 0.9, REVERSED),
    ],
)
def test_a_verdict_needs_the_whole_interval_beyond_the_bound(region, low, high, verdict):
    assert judge(low, high, region) == verdict
    assert judge(low, high, region, p=0.049) == verdict
    assert judge(low, high, region, p=0.05) == UNDECIDED


@pytest.mark.parametrize("region", REGIONS)
def test_a_verdict_is_that_of_the_negated_question_on_negated_numbers(region):
    found = set()
    for low, high in INTERVALS:
        for p in (math.nan, 0.01, 0.2):
            verdict = judge(low, high, region, p)
            assert judge(-high, -low, Region(-region.end, -region.start), p) == verdict
            found.add(verdict)
    assert found == {HOLDS, REVERSED, UNDECIDED}


def test_above_and_below_one_bound_are_opposite():
    opposite = {HOLDS: REVERSED, REVERSED: HOLDS, UNDECIDED: UNDECIDED}
    for low, high in INTERVALS:
        above, below = (judge(low, high, r) for r in (Region(start=0.5), Region(end=0.5)))
        assert below == opposite[above]
        assert judge(low, high) == judge(low, high, Region(start=0.0))


def test_nothing_is_decided_without_an_interval():
    for low, high in ((math.nan, math.nan), (math.nan, -5.0), (5.0, math.nan)):
        for region in REGIONS:
            assert judge(low, high, region, 0.001) == UNDECIDED
