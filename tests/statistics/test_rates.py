"""Wilson's interval is scipy's."""

import math

import pytest
from scipy import stats as reference

from chain_of_steps.statistics.rates import wilson


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (3, 17), (171, 200), (1, 1)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilson_is_scipys(k, n, level):
    expected = reference.binomtest(k, n).proportion_ci(level, method="wilson")
    found = wilson(k, n, level)
    assert (found.n, found.mean) == (n, k / n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_limits():
    nothing = wilson(0, 0)
    assert math.isnan(nothing.mean) and (nothing.low, nothing.high) == (0.0, 1.0)
    for k, n in ((-1, 3), (4, 3)):
        with pytest.raises(ValueError, match="0 <= k <= n"):
            wilson(k, n)
