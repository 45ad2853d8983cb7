"""Intervals and tests against scipy, brute force, and simulated data of known mean."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from chain_of_steps.statistics.estimates import (
    Estimate,
    group_mean_ci,
    mcnemar,
    mean_ci,
    minimal_detectable_difference,
    paired_difference,
    sign_flip_p,
    wilson,
)
from scipy import stats as reference


def clustered(n_clusters: int, size: int, seed: int, mean: float = 0.0) -> tuple:
    """Values whose clusters differ as much as rows within a cluster do; and the cluster labels."""
    rng = np.random.default_rng(seed)
    values = mean + rng.normal(size=(n_clusters, 1)) + rng.normal(size=(n_clusters, size))
    return values.ravel(), np.repeat(np.arange(n_clusters), size)


def runs(seed: int = 0) -> pd.DataFrame:
    """Two conditions of 3 tasks x 6 cases x 2 seeds; case numbers start at 0 in every task."""
    rng = np.random.default_rng(seed)
    rows = [
        {"task": task, "case": case, "seed": s, "arm": arm}
        for task in ("ball", "maze", "shelf")
        for case in range(6)
        for s in range(2)
        for arm in ("plain", "ensemble")
    ]
    frame = pd.DataFrame(rows)
    frame["score"] = rng.normal(size=len(frame)) + 0.5 * (frame["arm"] == "ensemble")
    return frame.sample(frac=1, random_state=1).reset_index(drop=True)


# Means


def test_without_clusters_it_is_scipys_percentile_bootstrap():
    values = np.random.default_rng(0).exponential(size=60)
    found = mean_ci(values, n_boot=20_000)
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
    found = mean_ci(values, clusters, n_boot=20_000)
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
    found = mean_ci(values, case, task, n_boot=20_000)
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
            found = mean_ci(values, clusters if use else None, n_boot=500, seed=seed)
            inside = found.low <= 2.0 <= found.high
            with_clusters += inside and use
            without += inside and not use
    assert 0.90 <= with_clusters / trials <= 0.98
    assert without / trials < 0.75


def test_same_seed_same_interval_whatever_the_order_of_rows():
    values, clusters = clustered(15, 4, 0)
    first = mean_ci(values, clusters, seed=4)
    assert mean_ci(values, clusters, seed=4) == first
    order = np.random.default_rng(0).permutation(len(values))
    shuffled = mean_ci(values[order], [f"case{c:02d}" for c in clusters[order]], seed=4)
    assert shuffled.low == pytest.approx(first.low, abs=1e-12)
    other = mean_ci(values, clusters, seed=5)
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
    table = group_mean_ci(frame, ["task", "arm"], "score", cluster=["task", "case"], seed=2)
    assert list(table.columns) == ["task", "arm", "n", "mean", "low", "high"]
    assert list(zip(table["task"], table["arm"], strict=True)) == list(
        product(["ball", "maze", "shelf"], ["ensemble", "plain"])
    )
    for row in table.itertuples():
        rows = frame[(frame["task"] == row.task) & (frame["arm"] == row.arm)]
        alone = mean_ci(rows["score"], rows["case"], seed=2)
        assert (row.n, row.mean) == (12, pytest.approx(rows["score"].mean()))
        assert (row.low, row.high) == pytest.approx((alone.low, alone.high))
    maze = group_mean_ci(
        frame[frame["task"] == "maze"], ["task", "arm"], "score", cluster=["task", "case"], seed=2
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


# Paired differences


def test_sign_flip_is_scipys_permutation_test():
    differences = np.random.default_rng(1).normal(0.4, 1, size=10)
    expected = reference.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip_p(differences) == pytest.approx(expected)
    assert sign_flip_p(differences, n_perm=1000, seed=1) == pytest.approx(expected, abs=0.05)


def test_sign_flip_flips_whole_clusters():
    differences, clusters = clustered(8, 3, 2, mean=0.7)
    sums = np.bincount(clusters, differences)
    patterns = np.array(list(product([-1, 1], repeat=8)))
    expected = np.mean(abs(patterns @ sums) >= abs(sums.sum()) - 1e-12)
    assert sign_flip_p(differences, clusters) == pytest.approx(expected)
    assert sign_flip_p(differences) < sign_flip_p(differences, clusters)


def test_sign_flip_random_patterns_agree_with_the_t_test():
    differences = np.random.default_rng(6).normal(0.3, 1, size=80)
    expected = reference.ttest_1samp(differences, 0).pvalue
    assert sign_flip_p(differences, n_perm=20_000) == pytest.approx(expected, abs=0.01)


def test_sign_flip_limits():
    assert math.isnan(sign_flip_p([]))
    assert sign_flip_p([0.0, 0.0]) == 1.0
    assert sign_flip_p([1.0] * 5) == 2 / 2**5
    assert sign_flip_p([0.1, 0.2, 0.3] * 100, n_perm=999) == 1 / 1000


def test_sign_flip_rejects_a_true_null_in_5_percent():
    p = []
    for seed in range(400):
        values, clusters = clustered(9, 4, seed)
        p.append(sign_flip_p(values, clusters))
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.08


def test_paired_difference_matches_its_parts():
    frame = runs()
    found = paired_difference(
        frame,
        "score",
        condition="arm",
        treatment="ensemble",
        control="plain",
        pair=["task", "case", "seed"],
        cluster=["task", "case"],
        strata="task",
        seed=3,
    )
    wide = frame.pivot(index=["task", "case", "seed"], columns="arm", values="score").reset_index()
    difference = wide["ensemble"] - wide["plain"]
    expected = mean_ci(difference, wide["case"], wide["task"], seed=3)
    assert (found.n, found.mean) == (36, pytest.approx(difference.mean()))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    label = wide["task"] + wide["case"].astype(str)
    assert found.p == pytest.approx(sign_flip_p(difference, label, seed=3))
    assert found.p < 0.05
    turned = paired_difference(
        frame,
        "score",
        condition="arm",
        treatment="plain",
        control="ensemble",
        pair=["task", "case", "seed"],
        cluster=["task", "case"],
    )
    assert turned.mean == pytest.approx(-found.mean)


def test_pairing_removes_what_cases_share():
    frame = runs()
    frame["score"] += 50 * frame["case"]
    keys = {"condition": "arm", "treatment": "ensemble", "control": "plain"}
    found = paired_difference(frame, "score", pair=["task", "case", "seed"], **keys)
    assert found.high - found.low < 2


def test_rows_without_exactly_one_partner_are_refused():
    frame = runs()
    keys = {"condition": "arm", "treatment": "ensemble", "control": "plain"}
    pair = ["task", "case", "seed"]
    with pytest.raises(ValueError, match="1 rows of 'ensemble' or 'plain' have no partner"):
        paired_difference(frame.iloc[1:], "score", pair=pair, **keys)
    with pytest.raises(ValueError, match="two rows for one pair of task, case"):
        paired_difference(frame, "score", pair=["task", "case"], **keys)
    with pytest.raises(ValueError, match="among the columns of pair"):
        paired_difference(frame, "score", pair=pair, cluster="family", **keys)


# Proportions, power, flips


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


def test_minimal_detectable_difference_is_found_with_the_stated_power():
    effect = minimal_detectable_difference(0.2, 500)
    assert effect == pytest.approx((1.959964 + 0.841621) * 0.2 / 500**0.5, rel=1e-6)
    rng = np.random.default_rng(0)
    samples = rng.normal(effect, 0.2, size=(4000, 500))
    found = reference.ttest_1samp(samples, 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)
    assert minimal_detectable_difference(0.2, 2000) == pytest.approx(effect / 2)


@pytest.mark.parametrize(("up", "down"), [(12, 3), (3, 12), (5, 5), (1, 0), (40, 22)])
def test_mcnemar_is_the_exact_binomial_test(up, down):
    n = up + down
    weights = [math.comb(n, i) / 2**n for i in range(n + 1)]
    expected = sum(w for w in weights if w <= weights[up] * (1 + 1e-9))
    found = mcnemar(up, down)
    assert found.p == pytest.approx(expected)
    assert (found.corrections, found.corruptions, found.share) == (up, down, up / n)
    assert (found.low, found.high) == (wilson(up, n).low, wilson(up, n).high)


def test_mcnemar_without_flips():
    found = mcnemar(0, 0)
    assert math.isnan(found.share) and found.p == 1.0
