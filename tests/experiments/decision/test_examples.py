"""Picked cases and their pictures."""

import itertools

import numpy as np
import pandas as pd
import pytest
from readouts import openness

from chain_of_steps.experiments.decision.examples import PANELS
from chain_of_steps.films import film_sheet, shown_steps
from chain_of_steps.measures import pick_case
from chain_of_steps.tasks import task_names


@pytest.fixture
def readouts() -> pd.DataFrame:
    cases = {"c": 2.0, "a": 5.0, "d": 3.0, "b": 3.0, "e": 4.0}
    tables = [table for case, mean in cases.items() for table in openness(case, mean)]
    tables += openness("z", 9.0, solved=False)  # one seed ends wrong, so it is no example
    tables += openness("y", 9.0, task="odd")
    return pd.concat(tables, ignore_index=True).sample(frac=1, random_state=0)


@pytest.mark.parametrize(
    ("quantile", "case"), [(0.0, "c"), (0.25, "b"), (0.5, "d"), (0.75, "e"), (0.95, "a"), (1, "a")]
)
def test_the_case_at_a_quantile_of_openness_is_picked(readouts, quantile, case):
    # in order of openness, ties by name: c, b, d, e, a
    assert pick_case(readouts, "maze", quantile) == case


def test_without_a_solved_case_all_are_ranked(readouts):
    wrong = readouts[readouts["task"] == "maze"].copy()
    wrong["correct"] = False
    assert pick_case(wrong, "maze", 1.0) == "z"
    assert pick_case(wrong, "maze", 0.0) == "c"


def test_one_case_is_picked_at_any_quantile(readouts):
    assert {pick_case(readouts, "odd", q) for q in (0.0, 0.5, 1.0)} == {"y"}


@pytest.mark.parametrize("n", [1, 3, 6, 50])
def test_shown_steps_begin_with_noise_and_end_with_the_result(n):
    steps = shown_steps(n)
    assert steps[0] == 0
    assert steps[-1] == n
    assert steps == sorted(set(steps))
    assert len(steps) <= 9


def test_panels_name_known_tasks_and_the_letters_of_the_paper():
    assert {panel.task for panel in PANELS} <= set(task_names())
    assert [p.panel for p in PANELS if p.figure == "figure2"] == list("abcdef")
    assert len({(p.figure, p.panel) for p in PANELS}) == len(PANELS)


def test_a_film_sheet_has_steps_below_and_frames_beside_each_other():
    video = np.arange(3 * 2 * 4 * 5 * 3).reshape(3, 2, 4, 5, 3)
    sheet = film_sheet(video)
    assert sheet.shape == (12, 10, 3)
    for row, column in itertools.product(range(3), range(2)):
        part = sheet[4 * row : 4 * row + 4, 5 * column : 5 * column + 5]
        assert np.array_equal(part, video[row, column])
