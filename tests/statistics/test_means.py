"""Intervals, tests, the verdict and its words: scipy, brute force, data of known mean, symmetry."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats as reference

from chain_of_steps.statistics.means import Estimate, group_mean_ci, mean_ci, median_ci
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.resampling import Resampling, percentile_interval
from chain_of_steps.statistics.tests import (
    mcnemar,
    minimal_detectable_difference,
    paired_difference,
    sign_flip_p,
)
from chain_of_steps.statistics.text import (
    NO_INTERVAL,
    NO_SPREAD,
    interval_text,
    p_cell,
    p_text,
    with_interval,
)
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED, Region, judge


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
        resampling=Resampling(seed=3),
    )
    wide = frame.pivot(index=["task", "case", "seed"], columns="arm", values="score").reset_index()
    difference = wide["ensemble"] - wide["plain"]
    expected = mean_ci(difference, wide["case"], wide["task"], resampling=Resampling(seed=3))
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


# The verdict

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


# Text


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
