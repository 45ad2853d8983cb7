"""Means over cases: coverage with few cases, exact bounds, tests, and what can be detected."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, ttest_1samp

from chain_of_steps.statistics.cases import (
    CaseSample,
    bounded_interval,
    case_means,
    detectable,
    interval,
    p_at,
    slope,
)
from chain_of_steps.statistics.resampling import Resampling

UNIT = (0.0, 1.0)
FEW = Resampling(500)
# what case means look like here, and their true mean: rates of four seeds, shares, sparse changes
KINDS = {
    "normal": (lambda rng, n: np.clip(rng.normal(0.5, 0.1, n), 0, 1), 0.5),
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "rate of four": (lambda rng, n: rng.binomial(4, 0.9, n) / 4, 0.9),
    "rate of one": (lambda rng, n: rng.binomial(1, 0.9, n) / 1.0, 0.9),
    "all or nothing": (lambda rng, n: rng.binomial(4, rng.beta(0.5, 0.5, n)) / 4, 0.5),
    "rare": (lambda rng, n: rng.binomial(4, rng.beta(0.3, 2.7, n)) / 4, 0.1),
    "sparse": (lambda rng, n: (rng.random(n) < 0.1) * rng.random(n), 0.05),
    "skewed": (
        lambda rng, n: np.minimum(rng.exponential(1 / 8, n), 1),
        (1 - math.exp(-8)) / 8,
    ),
}


def coverage(kind, n, draws, seed=0):
    draw, true = KINDS[kind]
    rng, covered = np.random.default_rng(seed), 0
    for _ in range(draws):
        low, high = interval(CaseSample.of(draw(rng, n), limits=UNIT), resampling=FEW)
        covered += low - 1e-9 <= true <= high + 1e-9
    return covered / draws


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_of_seven_cases_cover(kind):
    assert coverage(kind, 7, 200) >= 0.9  # 0.93 less two standard errors of 200 draws


@pytest.mark.slow
@pytest.mark.parametrize("n", [7, 8, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_of_few_cases_cover(kind, n):
    assert coverage(kind, n, 2000, seed=n) >= 0.92


def test_strata_are_drawn_within_and_make_intervals_narrower_where_tasks_differ():
    rng = np.random.default_rng(0)
    tasks = np.repeat(["a", "b", "c"], 8)
    level = {"a": 0.2, "b": 0.5, "c": 0.8}
    covered, widths = 0, []
    for _ in range(200):
        values = np.array([level[task] for task in tasks]) + rng.uniform(-0.1, 0.1, len(tasks))
        within = interval(CaseSample.of(values, tasks, UNIT), resampling=FEW)
        plain = interval(CaseSample.of(values, limits=UNIT), resampling=FEW)
        widths.append((within[1] - within[0]) / (plain[1] - plain[0]))
        covered += within[0] <= 0.5 <= within[1]
    assert covered / 200 >= 0.9
    assert np.mean(widths) < 0.5


def test_tasks_of_few_cases_are_taken_together():
    sample = CaseSample.of(np.arange(14.0), ["a"] * 6 + ["b"] * 4 + ["c"] * 4)
    assert list(sample.strata) == [1] * 6 + [0] * 8


@pytest.mark.parametrize("n", [2, 7, 18, 60])
def test_of_zeros_and_ones_the_bounded_interval_is_that_of_clopper_and_pearson(n):
    for hits in {0, 1, n // 2, n}:
        values = np.repeat([1.0, 0.0], [hits, n - hits])
        exact = binomtest(hits, n).proportion_ci(0.95, method="exact")
        assert bounded_interval(values, UNIT) == pytest.approx((exact.low, exact.high), abs=0.012)


def test_equal_values_have_a_bound_and_no_certainty():
    for n in (2, 7, 18, 234):
        for value in (0.0, 0.4, 1.0):
            low, high = interval(CaseSample.of(np.full(n, value), limits=UNIT))
            elsewhere = 1 - 0.025 ** (1 / n)  # share of all cases, at most
            assert high == pytest.approx(value + elsewhere * (1 - value), abs=0.012)
            assert low == pytest.approx(value - elsewhere * value, abs=0.012)
            assert low < high
    assert all(map(math.isnan, interval(CaseSample.of(np.zeros(9)))))
    assert all(map(math.isnan, interval(CaseSample.of([0.3], limits=UNIT))))


def test_an_interval_holds_its_mean_stays_in_range_and_turns_with_the_values():
    rng = np.random.default_rng(1)
    for _ in range(60):
        values = rng.choice([0.0, 0.25, 0.5, 1.0], size=rng.integers(2, 12))
        one = interval(CaseSample.of(values, limits=UNIT), resampling=FEW)
        assert 0 <= one[0] <= values.mean() + 1e-9
        assert values.mean() - 1e-9 <= one[1] <= 1
        scaled = interval(CaseSample.of(3 + 2 * values, limits=(3, 5)), resampling=FEW)
        assert scaled == pytest.approx((3 + 2 * one[0], 3 + 2 * one[1]))
        turned = interval(CaseSample.of(1 - values, limits=UNIT), resampling=FEW)
        assert turned == pytest.approx((1 - one[1], 1 - one[0]), abs=0.03)


def test_values_outside_of_their_range_are_refused():
    with pytest.raises(ValueError, match="not within"):
        CaseSample.of([0.5, 1.2], limits=UNIT)


def test_p_is_exact_for_rates_and_by_signs_for_differences():
    rates = CaseSample.of([0.0] * 16 + [1.0] * 2, limits=UNIT)
    assert p_at(rates, 0.5) == pytest.approx(binomtest(2, 18, 0.5).pvalue)
    assert p_at(CaseSample.of(np.zeros(18), limits=UNIT), 0.1) == pytest.approx(
        binomtest(0, 18, 0.1).pvalue
    )
    # all of 2^8 patterns of sign, counted by hand
    values = np.array([3.0, 1, 2, 4, 5, 6, 7, 8])
    assert p_at(CaseSample.of(values), 0.0) == 2 / 2**8
    assert p_at(CaseSample.of(np.full(9, 0.25), limits=UNIT), 0.25) == 1
    assert math.isnan(p_at(CaseSample.of([]), 0.0))


def test_p_is_uniform_under_the_null():
    rng = np.random.default_rng(2)
    found = [p_at(CaseSample.of(rng.normal(size=9)), 0.0) for _ in range(300)]
    assert np.mean(np.array(found) < 0.05) <= 0.08
    assert np.mean(np.array(found) < 0.5) == pytest.approx(0.5, abs=0.1)


def test_the_detectable_effect_is_that_of_simulated_experiments():
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1, 40)
    effect = detectable(CaseSample.of(values - values.mean()))
    found = [
        ttest_1samp(rng.choice(values - values.mean(), 40) + effect, 0).pvalue < 0.05
        for _ in range(500)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.07)
    # four times the cases show half of the effect
    fewer = detectable(CaseSample.of(values[:10] - values[:10].mean()))
    assert effect < 0.75 * fewer
    assert detectable(CaseSample.of(np.zeros(18), limits=UNIT)) == pytest.approx(0.185, abs=0.02)


def test_the_slope_is_that_within_strata_and_its_p_by_permutation():
    rng = np.random.default_rng(4)
    need = np.tile(np.arange(1.0, 9), 3)
    task = np.repeat([0, 1, 2], 8)
    values = 2.0 * need - 30 * task + rng.normal(0, 1, 24)  # across tasks it would fall
    found, low, high, p = slope(CaseSample.of(values, task), need + 10 * task)
    dummies = np.column_stack([need + 10 * task, task == 0, task == 1, task == 2]).astype(float)
    expected = np.linalg.lstsq(dummies, values, rcond=None)[0][0]
    assert found == pytest.approx(expected)
    assert low < 2.0 < high
    assert p < 0.01
    assert slope(CaseSample.of(rng.normal(size=24), task), need)[3] > 0.01
    assert math.isnan(slope(CaseSample.of(values, task), task)[0])


def test_case_means_weigh_cases_alike_and_leave_missing_runs_out():
    rows = pd.DataFrame(
        {"task": "maze", "case": ["a", "a", "a", "b", "c"], "value": [0, 0, 3, 4, math.nan]}
    )
    found = case_means(rows, "value").set_index("case")["value"]
    assert found.to_dict() == {"a": 1.0, "b": 4.0}


def test_too_few_cases_without_an_end_to_their_range_have_no_interval():
    for values in ([1.0, 2.0], [0.0, 0.0, 0.0, 1.0]):
        sample = CaseSample.of(values)
        assert all(map(math.isnan, interval(sample)))
        assert math.isnan(detectable(sample))
    low, high = interval(CaseSample.of([1.0, 2.0, 4.0, 3.0, 5.0, 2.5, 3.5, 0.5]))
    assert math.isfinite(low) and math.isfinite(high)


@pytest.mark.parametrize("offset", [0.0, 0.1, 40.1])
def test_cases_that_differ_between_tasks_alone_have_no_error_of_rounding(offset):
    """Equal cases within tasks: nothing says how far others lie, whatever rounding leaves."""
    values = np.repeat([0.1, 0.3, 0.7], 7) + offset
    tasks = np.repeat(["a", "b", "c"], 7)
    assert np.isnan(interval(CaseSample.of(values, tasks))).all()
    limits = (offset, offset + 1)
    sample = CaseSample.of(values, tasks, limits)
    assert interval(sample) == bounded_interval(values, limits)
