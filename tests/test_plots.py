"""What is worth a panel."""

import math

import pytest

from chain_of_steps import plots


@pytest.mark.parametrize(
    ("values", "least", "n", "shown"),
    [
        ([0.1, 0.2], 0.05, None, True),
        ([0.1, 0.1, math.nan], 0.05, None, False),
        ([], 0.05, None, False),
        ([math.nan], 0.05, 9, False),
        ([0.1, 0.9], 0.05, plots.FEW - 1, False),
        ([0.1, 0.9], 0.05, plots.FEW, True),
        ((), 0.0, plots.FEW, True),
        ((), 0.0, plots.FEW - 1, False),
    ],
)
def test_a_panel_needs_runs_and_something_that_moves(values, least, n, shown):
    assert plots.shows(values, least, n) is shown
