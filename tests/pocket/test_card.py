"""The tables of the model card, by hand."""

import math

import numpy as np
import pytest

from chain_of_steps.measures import reach_of
from chain_of_steps.pocket.card import accuracy_table, need_table


def row(**given) -> dict:
    usual = {"task": "maze", "split": "in-domain", "need": 1, "leads": 1.0, "accepted": 1.0}
    return {**usual, "leading": True, "first": True, "correct": True, "answered": True, **given}


def test_accuracy_by_hand():
    rows = [
        row(task=task, split=split, correct=n < right, first=n < right / 2, answered=n < answered)
        for task, split, total, right, answered in (
            ("maze", "in-domain", 200, 180, 190),
            ("maze", "out-of-domain", 50, 0, 10),
            ("odd", "in-domain", 10, 10, 10),
        )
        for n in range(total)
    ]
    table = accuracy_table(rows)
    assert table[["task", "split", "n", "accuracy", "first", "leading"]].values.tolist() == [
        ["maze", "in-domain", 200, 0.9, 0.45, 1.0],
        ["maze", "out-of-domain", 50, 0.0, 0.0, 1.0],
        ["odd", "in-domain", 10, 1.0, 0.5, 1.0],
    ]
    assert table["no_answer"].tolist() == pytest.approx([0.05, 0.8, 0.0])
    assert table["gain"].tolist() == pytest.approx([0.45, 0.0, 0.5])
    # of means by the normal approximation
    half = 1.96 * np.sqrt(0.45 * 0.55 / 200)
    assert table["gain_low"][0] == pytest.approx(0.45 - half, abs=0.01)
    assert table["gain_high"][0] == pytest.approx(0.45 + half, abs=0.01)
    # Wilson intervals from their formula
    for found in table.itertuples():
        z, n, p = 1.959964, found.n, found.accuracy
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-6)


@pytest.mark.parametrize(
    ("shares", "wanted"),
    [
        ((1.0, 0.75, 0.25, 0.0), 2.5),  # needs 1 to 4
        ((1.0, 1.0, 1.0, 0.0), 3.5),
        ((0.75, 1.0, 0.25, 0.25), 2 + 0.375 / 0.625),  # the first two are pooled to 0.875
        ((1.0, 0.75, 0.75, 0.75), math.nan),
        ((0.25, 0.0, 0.0, 0.0), math.nan),
    ],
)
def test_the_reach_is_where_half_the_runs_are_right(shares, wanted):
    need = [n for n in range(1, 5) for _ in range(4)]
    right = [k < 4 * share for share in shares for k in range(4)]
    assert reach_of(need, right) == pytest.approx(wanted, nan_ok=True)
    assert reach_of(need[::-1], right[::-1]) == pytest.approx(wanted, nan_ok=True)


def test_commitment_is_that_of_right_runs_beyond_the_reach():
    rows = [row(need=need, first=need < 3, leads=1 - need / 10) for need in range(1, 6)]
    rows += [row(need=need, first=need < 3, correct=False, leads=0.0) for need in range(1, 6)]
    (found,) = accuracy_table(rows).itertuples()
    assert found.reach == pytest.approx(2.5)
    assert found.beyond == 3
    assert found.leads == pytest.approx(0.6)


def test_the_table_of_needs_counts_every_run():
    rows = [row(need=n % 3, correct=n % 2 == 0) for n in range(12)]
    table = need_table(rows)
    assert table["need"].tolist() == [0, 1, 2]
    assert table["n"].tolist() == [4, 4, 4]
    assert table["correct"].tolist() == [0.5] * 3
