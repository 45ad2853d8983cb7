"""Numbers as they are printed read back to what they were."""

import math

import numpy as np
import pytest

from chain_of_steps.statistics.means import mean_ci
from chain_of_steps.statistics.text import (
    NO_INTERVAL,
    NO_SPREAD,
    interval_text,
    p_cell,
    p_text,
    with_interval,
)


def read_back(text: str) -> list[float]:
    """The numbers of what `with_interval` printed."""
    value, _, interval = text.removesuffix("]").partition(" [")
    return [float(value), *(float(end) for end in interval.split(" to "))]


@pytest.mark.parametrize("form", [".0f", ".2f", "+.3f", ".3g"])
def test_a_printed_number_reads_back_to_its_digits(form):
    numbers = np.random.default_rng(0).normal(scale=3, size=(200, 3))
    for value, low, high in zip(numbers[:, 0], *np.sort(numbers[:, 1:]).T, strict=True):
        text = with_interval(value, low, high, form)
        assert read_back(text) == [float(f"{x:{form}}") for x in (value, low, high)]
        assert text == f"{value:{form}} [{interval_text(low, high, form)}]"


def test_what_is_no_interval_is_said_in_words():
    assert with_interval(1, 1, 1) == "1.00 [no spread]"
    assert with_interval(0.31, math.nan, math.nan) == "0.31 [no interval]"
    assert interval_text(0.001, 0.002) == "0.00 to 0.00"  # they differ, if not in these digits
    equal = mean_ci([2.0, 2.0, 2.0])
    assert interval_text(equal.low, equal.high) == NO_SPREAD
    few = mean_ci([2.0])
    assert interval_text(few.low, few.high) == NO_INTERVAL


@pytest.mark.parametrize(
    ("p", "cell", "text"),
    [
        (1.0, "1.000", "p = 1.000"),
        (0.0312, "0.031", "p = 0.031"),
        (0.001, "0.001", "p = 0.001"),
        (0.00099, "< 0.001", "p < 0.001"),
    ],
)
def test_a_small_p_is_not_printed_as_zero(p, cell, text):
    assert (p_cell(p), p_text(p)) == (cell, text)
