"""Picked cases and their pictures."""

import itertools

import numpy as np
import pandas as pd
import pytest
from readouts import openness as open_case

from chain_of_steps.experiments.decision.examples import PANELS, picks
from chain_of_steps.films import film_sheet, shown_steps
from chain_of_steps.measures import case_at, change, openness
from chain_of_steps.tasks import task_names


@pytest.fixture
def readouts() -> pd.DataFrame:
    cases = {"c": 2.0, "a": 5.0, "d": 3.0, "b": 3.0, "e": 4.0}
    tables = [table for case, mean in cases.items() for table in open_case(case, mean)]
    tables += open_case("z", 9.0, solved=False)  # one seed ends wrong, so it is no example
    tables += open_case("y", 9.0, task="odd")
    return pd.concat(tables, ignore_index=True).sample(frac=1, random_state=0)


@pytest.mark.parametrize(
    ("quantile", "case"), [(0.0, "c"), (0.25, "c"), (0.6, "e"), (0.75, "e"), (0.95, "a"), (1, "a")]
)
def test_the_case_at_a_quantile_is_picked_among_those_that_stand_alone(readouts, quantile, case):
    # in order of openness c, b, d, e, a; b and d are alike
    ranked = openness(readouts, "maze")
    assert ranked.to_dict() == {"c": 2.0, "b": 3.0, "d": 3.0, "e": 4.0, "a": 5.0}
    assert case_at(ranked, quantile) == case


def test_where_all_are_alike_none_is_picked():
    assert case_at(pd.Series({"a": 1.0, "b": 1.0 + 1e-9, "c": float("nan")}), 0.5) is None
    assert case_at(pd.Series({}, dtype=float), 0.5) is None


def test_without_a_solved_case_all_are_ranked(readouts):
    wrong = readouts[readouts["task"] == "maze"].copy()
    wrong["correct"] = False
    assert case_at(openness(wrong, "maze"), 1.0) == "z"
    assert case_at(openness(wrong, "maze"), 0.0) == "c"


def test_change_is_the_evidence_that_the_steps_add(readouts):
    rng = np.random.default_rng(0)
    rows = readouts[readouts["task"] == "maze"].copy()
    rows["solution"] = rng.random(len(rows))
    found = change(rows, "maze")
    assert "z" not in found and found.is_monotonic_increasing
    for case, value in found.items():
        mine = rows[rows["case"] == case].set_index(["step", "seed"])["solution"]
        assert value == pytest.approx((mine[3] - mine[0]).mean())


def test_a_study_without_a_task_leaves_its_panels_out(readouts):
    rows = readouts.assign(solution=np.arange(len(readouts)) / 100)
    chosen = picks(rows)
    assert {one.panel.task for one in chosen} == {"maze", "odd"}
    for one in chosen:
        ranked = {"change": change, "openness": openness}[one.panel.measure](rows, one.panel.task)
        assert one.value == ranked[one.case] and one.median == ranked.median()


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
    assert all(p.seeds == 3 and p.control for p in PANELS if p.figure == "figure1")
    assert len({(p.figure, p.panel) for p in PANELS}) == len(PANELS)


def test_a_film_sheet_has_steps_below_and_frames_beside_each_other():
    video = np.arange(3 * 2 * 4 * 5 * 3).reshape(3, 2, 4, 5, 3)
    sheet = film_sheet(video)
    assert sheet.shape == (12, 10, 3)
    for row, column in itertools.product(range(3), range(2)):
        part = sheet[4 * row : 4 * row + 4, 5 * column : 5 * column + 5]
        assert np.array_equal(part, video[row, column])
