"""Paired tests, power and flips: scipy, the t test, brute force."""

import math
from itertools import product

import numpy as np
import pytest
from clustered import clustered, runs
from scipy import stats as reference

from chain_of_steps.statistics.means import mean_ci
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.tests import (
    mcnemar,
    minimal_detectable_difference,
    paired_difference,
    sign_flip_p,
)

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
