"""The one way to print a number with its interval, and a p.

    0.05 [0.04 to 0.06]       the number, and the interval in brackets
    1.00 [no spread]          all resamples are equal: there is no interval to print
    0.31 [no interval]        there are too few cases for one

In a column of its own an interval stands without brackets. Cheap to import.
"""

from __future__ import annotations

import math

NO_SPREAD, NO_INTERVAL = "no spread", "no interval"


def interval_text(low: float, high: float, form: str = ".2f") -> str:
    """An interval, such as "0.04 to 0.06"; form: of each end, as `format` takes it."""
    if math.isnan(low) or math.isnan(high):
        return NO_INTERVAL
    return NO_SPREAD if low == high else f"{low:{form}} to {high:{form}}"


def with_interval(value: float, low: float, high: float, form: str = ".2f") -> str:
    """A number with its interval, such as "0.05 [0.04 to 0.06]"."""
    return f"{value:{form}} [{interval_text(low, high, form)}]"


def p_cell(p: float) -> str:
    """A p-value in a column of them: three digits, or "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_text(p: float) -> str:
    """A p-value in a sentence: "p = 0.031", or "p < 0.001"."""
    return f"p {p_cell(p)}" if p < 0.001 else f"p = {p_cell(p)}"
