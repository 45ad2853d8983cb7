"""Means, medians and their intervals: scipy, brute force, coverage."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from clustered import clustered, runs
from scipy import stats as reference

from chain_of_steps.statistics.means import Estimate, group_mean_ci, mean_ci, median_ci
from chain_of_steps.statistics.resampling import Resampling, percentile_interval


def test_without_clusters_it_is_scipys_percentile_bootstrap():
    values = np.random.default_rng(0).exponential(size=60)
    found = mean_ci(values, resampling=Resampling(20_000))
    expected = reference.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert (found.n, found.mean) == (60, pytest.approx(values.mean()))
    spread = values.std() / 60**0.5
    assert found.low == pytest.approx(expected.low, abs=0.06 * spread)
    assert found.high == pytest.approx(expected.high, abs=0.06 * spread)


def test_clusters_of_unequal_size_against_brute_force():
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(12), rng.integers(1, 9, size=12))
    values = rng.normal(size=len(clusters)) + clusters
    found = mean_ci(values, clusters, resampling=Resampling(20_000))
    parts = [values[clusters == c] for c in range(12)]
    means = [
        np.concatenate([parts[c] for c in rng.integers(12, size=12)]).mean() for _ in range(20_000)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.05 * np.std(means))
    assert found.high == pytest.approx(high, abs=0.05 * np.std(means))


def test_strata_keep_the_clusters_of_each_task():
    """Between tasks that differ by 100 and cases that do not differ, the mean cannot move."""
    task = np.repeat(["a", "b"], 20)
    case = np.tile(np.repeat(np.arange(5), 4), 2)  # the same numbers in both tasks
    values = np.where(task == "a", 0.0, 100.0)
    assert mean_ci(values, case, task) == Estimate(40, 50.0, 50.0, 50.0)
    free = mean_ci(values, [f"{t}{c}" for t, c in zip(task, case, strict=True)])
    assert free.low < 30 and free.high > 70


def test_strata_against_brute_force():
    rng = np.random.default_rng(5)
    task = np.repeat(["a", "b"], [12, 48])
    case = np.arange(60) // 3
    values = rng.normal(size=60) * np.where(task == "a", 4, 1) + rng.normal(size=20)[case]
    found = mean_ci(values, case, task, resampling=Resampling(20_000))
    sums = np.bincount(case, values)
    means = [
        (sums[rng.integers(0, 4, size=4)].sum() + sums[rng.integers(4, 20, size=16)].sum()) / 60
        for _ in range(20_000)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.05 * np.std(means))
    assert found.high == pytest.approx(high, abs=0.05 * np.std(means))


def test_coverage_is_near_95_percent_with_clusters_and_far_below_without():
    trials = 300
    with_clusters = without = 0
    for seed in range(trials):
        values, clusters = clustered(40, 6, seed, mean=2.0)
        for use in (True, False):
            found = mean_ci(values, clusters if use else None, resampling=Resampling(500, seed))
            inside = found.low <= 2.0 <= found.high
            with_clusters += inside and use
            without += inside and not use
    assert 0.90 <= with_clusters / trials <= 0.98
    assert without / trials < 0.75


def test_same_seed_same_interval_whatever_the_order_of_rows():
    values, clusters = clustered(15, 4, 0)
    first = mean_ci(values, clusters, resampling=Resampling(seed=4))
    assert mean_ci(values, clusters, resampling=Resampling(seed=4)) == first
    order = np.random.default_rng(0).permutation(len(values))
    shuffled = mean_ci(
        values[order], [f"case{c:02d}" for c in clusters[order]], resampling=Resampling(seed=4)
    )
    assert shuffled.low == pytest.approx(first.low, abs=1e-12)
    other = mean_ci(values, clusters, resampling=Resampling(seed=5))
    assert other.low != first.low


def test_what_cannot_be_told_is_nan():
    empty = mean_ci([])
    assert empty.n == 0 and math.isnan(empty.mean)
    one = mean_ci([1.0, 3.0], ["case", "case"])
    assert (one.n, one.mean) == (2, 2.0)
    assert math.isnan(one.low) and math.isnan(one.high)
    single = mean_ci([1.0, 3.0], strata=["a", "b"])
    assert math.isnan(single.low)


def test_nan_and_wrong_lengths_are_refused():
    with pytest.raises(ValueError, match="without nan"):
        mean_ci([1.0, math.nan])
    with pytest.raises(ValueError, match="3 values need as many labels"):
        mean_ci([1.0, 2.0, 3.0], ["a", "b"])
    with pytest.raises(ValueError, match="labels without nan"):
        mean_ci([1.0, 2.0], ["a", None])


def test_group_table_equals_one_call_a_group():
    frame = runs()
    table = group_mean_ci(
        frame, ["task", "arm"], "score", cluster=["task", "case"], resampling=Resampling(seed=2)
    )
    assert list(table.columns) == ["task", "arm", "n", "mean", "low", "high"]
    assert list(zip(table["task"], table["arm"], strict=True)) == list(
        product(["ball", "maze", "shelf"], ["ensemble", "plain"])
    )
    for row in table.itertuples():
        rows = frame[(frame["task"] == row.task) & (frame["arm"] == row.arm)]
        alone = mean_ci(rows["score"], rows["case"], resampling=Resampling(seed=2))
        assert (row.n, row.mean) == (12, pytest.approx(rows["score"].mean()))
        assert (row.low, row.high) == pytest.approx((alone.low, alone.high))
    maze = group_mean_ci(
        frame[frame["task"] == "maze"],
        ["task", "arm"],
        "score",
        cluster=["task", "case"],
        resampling=Resampling(seed=2),
    )
    pd.testing.assert_frame_equal(maze, table[table["task"] == "maze"].reset_index(drop=True))


def test_group_table_with_strata_and_one_column():
    frame = runs()
    table = group_mean_ci(frame, "arm", "score", cluster="case", strata="task")
    rows = frame[frame["arm"] == "plain"]
    alone = mean_ci(rows["score"], rows["case"], rows["task"])
    found = table.set_index("arm").loc["plain"]
    assert found["n"] == 36
    assert found["low"] == pytest.approx(alone.low)
    empty = group_mean_ci(frame.iloc[:0], "arm", "score", cluster="case")
    assert list(empty.columns) == ["arm", "n", "mean", "low", "high"] and len(empty) == 0


def test_equal_resamplings_draw_the_same_clusters_of_each_stratum():
    strata = np.array([1, 0, 1, 1, 0])
    parts = [list(Resampling(50, 3).draws(strata)) for _ in range(2)]
    for (first, drawn), (second, again) in zip(*parts, strict=True):
        assert first == second == slice(0, 50)
        assert (drawn == again).all()
    (_, few), (_, many) = parts[0]
    assert few.shape == (50, 2) and set(few.ravel()) == {1, 4}
    assert many.shape == (50, 3) and set(many.ravel()) == {0, 2, 3}
    (_, other), _ = Resampling(50, 4).draws(strata)
    assert (few != other).any()


def test_draws_that_are_kept_are_those_drawn_anew(monkeypatch):
    strata = np.array([1, 0, 1, 1, 0])
    kept = list(Resampling(50, 5).draws(strata))
    monkeypatch.setattr("chain_of_steps.statistics.resampling._KEPT", 0)
    for (first, drawn), (second, again) in zip(kept, Resampling(50, 5).draws(strata), strict=True):
        assert first == second and (drawn == again).all()
    with pytest.raises(ValueError, match="read-only"):
        kept[0][1][0] = 0  # of all who draw the same


def test_sums_of_resamples_are_over_the_same_clusters():
    values = np.random.default_rng(0).normal(size=(7, 3))
    strata = np.repeat([0, 1], [3, 4])
    sums, ones, squares = Resampling(40, 1).sums(strata, values, np.ones(7), values**2)
    assert sums.shape == squares.shape == (40, 3) and (ones == 7).all()
    expected = np.zeros((40, 3))
    for _, drawn in Resampling(40, 1).draws(strata):
        expected += [sum(values[i] for i in draw) for draw in drawn]
    assert sums == pytest.approx(expected)
    assert (squares > 0).all()


def test_an_interval_of_observed_values_has_ends_that_occur():
    steps = [0, 10] * 19 + [40, 50]
    low, high = percentile_interval(steps, observed=True)
    assert {low, high} <= set(steps)
    assert percentile_interval(range(101), 0.9) == pytest.approx((5, 95))


def test_median_against_brute_force():
    rng = np.random.default_rng(8)
    clusters = np.repeat(np.arange(15), rng.integers(1, 6, size=15))
    values = rng.exponential(size=len(clusters)) + clusters / 5
    found = median_ci(values, clusters, resampling=Resampling(4000))
    assert (found.n, found.mean) == (len(values), np.median(values))
    parts = [values[clusters == c] for c in range(15)]
    medians = [
        np.median(np.concatenate([parts[c] for c in rng.integers(15, size=15)]))
        for _ in range(4000)
    ]
    low, high = np.percentile(medians, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.3 * np.std(medians))
    assert found.high == pytest.approx(high, abs=0.3 * np.std(medians))
    alone = median_ci([1.0, 2.0, 9.0], ["a"] * 3)
    assert alone.mean == 2.0 and math.isnan(alone.low) and math.isnan(alone.high)
    assert math.isnan(median_ci([], []).mean)
