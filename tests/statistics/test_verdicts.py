"""Verdicts: which numbers decide, their symmetries, and that p and width are never waived."""

import math
from itertools import product

import numpy as np
import pytest

from chain_of_steps.statistics.verdicts import (
    FAILS,
    HOLDS,
    REVERSED,
    UNDECIDED,
    UNMEASURED,
    Finding,
    Region,
    decide,
    judge,
)

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
EFFECTS = (0.0, 0.25, 0.5)


def finding(low, high, value=None, p=0.001):
    return Finding((low + high) / 2 if value is None else value, low, high, lambda bound: p)


def mirrored(region):
    return Region(-region.end, -region.start)


@pytest.mark.parametrize(
    ("region", "effect", "low", "high", "word"),
    [
        (Region(start=0.0), 0.1, 0.05, 0.3, HOLDS),
        (Region(start=0.0), 0.1, 0.01, 0.15, UNDECIDED),  # beyond 0, but the estimate is small
        (Region(start=0.0), 0.1, 0.01, 0.05, FAILS),  # real, and less than anybody cares for
        (Region(start=0.0), 0.1, -0.05, 0.09, FAILS),  # equivalence
        (Region(start=0.0), 0.1, -0.05, 0.11, UNDECIDED),
        (Region(start=0.0), 0.0, -0.05, 0.0, UNDECIDED),  # without a smallest effect: wholly beyond
        (Region(start=0.0), 0.0, -0.05, -0.01, FAILS),
        (Region(end=0.1), 0.05, 0.0, 0.04, HOLDS),
        (Region(end=0.1), 0.05, 0.06, 0.2, FAILS),
        (Region(end=0.1), 0.05, 0.04, 0.2, UNDECIDED),
        # the edges of a band are inside
        (Region(1.0, 2.0), 0.5, 1, 2, HOLDS),
        (Region(1.0, 2.0), 0.5, 0.9, 2, UNDECIDED),
        (Region(1.0, 2.0), 0.5, 2.1, 2.6, UNDECIDED),
        (Region(1.0, 2.0), 0.5, 2.6, 3, FAILS),
        (Region(1.0, 2.0), 0.5, 0, 0.4, FAILS),
    ],
)
def test_what_decides(region, effect, low, high, word):
    assert decide(finding(low, high), region, effect).word == word
    for p in (0.05, 0.9, math.nan):
        assert decide(finding(low, high, p=p), region, effect).word == UNDECIDED


def test_nothing_is_decided_without_a_value_an_interval_or_width():
    for region, effect in product(REGIONS, EFFECTS):
        assert decide(finding(-9.0, 9.0, math.nan), region, effect).word == UNMEASURED
        assert decide(finding(math.nan, math.nan, 5.0), region, effect).word == UNDECIDED
        for value in (-5.0, 0.7, 5.0):
            assert decide(finding(value, value), region, effect).word == UNDECIDED


@pytest.mark.parametrize("region", REGIONS)
def test_a_verdict_is_that_of_the_negated_question_on_negated_numbers(region):
    for effect, (low, high) in product(EFFECTS, INTERVALS):
        one = decide(finding(low, high), region, effect)
        other = decide(finding(-high, -low), mirrored(region), effect)
        assert one.word == other.word


@pytest.mark.parametrize("region", REGIONS)
def test_more_data_never_turn_a_verdict_round(region):
    """An interval inside of another, around the same estimate, may decide; it reverses nothing."""
    rng = np.random.default_rng(0)
    for _ in range(500):
        value, wide = rng.normal(0, 2), abs(rng.normal(0, 2)) + 0.01
        for effect in EFFECTS:
            words = [
                decide(finding(value - half, value + half), region, effect).word
                for half in (wide, wide / 2, wide / 8)
            ]
            assert len({word for word in words if word != UNDECIDED}) <= 1 or (
                # beyond the bound, and at last told to be short of the effect
                words[-1] == FAILS and HOLDS not in words
            )
            if FAILS in words:
                assert UNDECIDED not in words[words.index(FAILS) :]


def test_an_effect_of_interest_makes_it_harder_to_hold_and_easier_to_fail():
    for region, (low, high) in product(REGIONS[:6], INTERVALS):
        words = [decide(finding(low, high), region, effect).word for effect in EFFECTS]
        if FAILS in words:
            assert set(words[words.index(FAILS) :]) == {FAILS}
        if words[0] != HOLDS:
            assert HOLDS not in words


def test_p_is_asked_at_the_edge_that_decides():
    asked = []

    def p(bound):
        asked.append(bound)
        return 0.01

    for low, high, edge in ((0.2, 0.5, 0.0), (-0.3, 0.05, 0.1)):
        assert decide(Finding((low + high) / 2, low, high, p), Region(start=0.0), 0.1).p == 0.01
        assert asked.pop() == edge
        assert not asked


# On which side an interval lies


@pytest.mark.parametrize(
    ("region", "low", "high", "side"),
    [
        (Region(start=1.0), 1.1, 2, HOLDS),
        (Region(start=1.0), 1, 2, UNDECIDED),
        (Region(start=1.0), 0.5, 1, UNDECIDED),
        (Region(start=1.0), 0.5, 0.9, REVERSED),
        (Region(end=1.0), 0.5, 0.9, HOLDS),
        (Region(end=1.0), 1.1, 2, REVERSED),
        (Region(start=1.0), 2, 2, UNDECIDED),
        (Region(1.0, 2.0), 1, 2, HOLDS),
        (Region(1.0, 2.0), 2, 3, UNDECIDED),
        (Region(1.0, 2.0), 0, 0.9, REVERSED),
    ],
)
def test_a_side_needs_the_whole_interval_beyond_the_bound(region, low, high, side):
    assert judge(low, high, region) == side
    assert judge(low, high, region, p=0.049) == side
    assert judge(low, high, region, p=0.05) == UNDECIDED


def test_above_and_below_one_bound_are_opposite():
    opposite = {HOLDS: REVERSED, REVERSED: HOLDS, UNDECIDED: UNDECIDED}
    for low, high in INTERVALS:
        above, below = (judge(low, high, r) for r in (Region(start=0.5), Region(end=0.5)))
        assert below == opposite[above]
        assert judge(low, high) == judge(low, high, Region(start=0.0))
        for region in REGIONS:
            assert judge(low, high, region) == judge(-high, -low, mirrored(region))
