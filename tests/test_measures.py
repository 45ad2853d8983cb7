"""The commitment step on sequences made by hand and against a plain loop."""

import numpy as np
import pytest

from chain_of_steps.measures import commitment_step

NEVER = np.nan


@pytest.mark.parametrize(
    ("answers", "step"),
    [
        ([2, 2, 2, 2], 0),
        ([-1, 2, 2, 2], 1),
        ([2, 1, 2, 2], 2),  # a detour: right at first does not count
        ([0, 1, 2, 3], 3),
        ([2, -1, 2, 2], 2),  # unreadable for a moment
        ([2, 2, 2, -1], NEVER),
        ([-1, -1, -1, -1], NEVER),
        ([0], 0),
        ([-1], NEVER),
        ([5, 5, 1, 5], 3),
    ],
)
def test_by_hand(answers, step):
    found = commitment_step(np.array([answers]))
    assert found.dtype == float
    assert np.array_equal(found, [step], equal_nan=True)


def by_loop(answers: list[int]) -> float:
    if answers[-1] == -1:
        return NEVER
    step = len(answers) - 1
    while step > 0 and answers[step - 1] == answers[-1]:
        step -= 1
    return step


def test_against_a_loop():
    rng = np.random.default_rng(0)
    for looks in (1, 2, 7, 30):
        # long stretches of one answer, as runs have them
        answers = np.repeat(rng.integers(-1, 3, (200, looks)), 3, axis=1)[:, :looks]
        expected = [by_loop(row.tolist()) for row in answers]
        assert np.array_equal(commitment_step(answers), expected, equal_nan=True)
        assert np.array_equal(commitment_step(answers.tolist()), expected, equal_nan=True)
    assert commitment_step(np.empty((0, 4), dtype=int)).shape == (0,)
