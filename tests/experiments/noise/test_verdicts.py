"""Verdicts of the noise experiments come out either way."""

import numpy as np
import pytest
from disturbed import (
    CASES,
    drops,
    flows,
    run_rows,
    verdict,
    verdicts,
)

from chain_of_steps.experiments.noise.tables import (
    effects,
)
from chain_of_steps.experiments.noise.verdicts import ALL_FRAMES


@pytest.mark.parametrize(
    ("step", "frame", "expected"), [(0.5, 0.2, "holds"), (0.2, 0.5, "reversed")]
)
def test_step_against_frame(step, frame, expected):
    found = verdict(verdicts(run_rows(drops(step, frame))), "step_worse_than_frame", ALL_FRAMES)
    assert found["verdict"] == expected
    assert found["mean"] == pytest.approx(step - frame)
    assert found["n"] == len(CASES)


def test_a_difference_within_its_interval_is_undecided():
    rows = run_rows(drops(0.3, 0.3))
    sign = np.where(rows["case"].str[-1].astype(int) % 2 == 0, 0.2, -0.2)
    rows["score"] += np.where(rows["kind"] == "step", sign, 0)
    found = verdict(verdicts(rows), "step_worse_than_frame", ALL_FRAMES)
    assert found["verdict"] == "undecided"


def test_a_verdict_needs_the_test_as_well_as_the_interval():
    """Four cases that all agree: an interval above 0, but p = 1/8."""
    rows = run_rows(drops(0.5, 0.2))
    rows = rows[rows["case"].isin([case for _, case in CASES[:4]])]
    found = verdict(verdicts(rows), "step_worse_than_frame", ALL_FRAMES)
    assert found["low"] > 0
    assert found["p"] == pytest.approx(1 / 8)
    assert found["verdict"] == "undecided"


def test_each_control_is_judged_against_its_own_counterpart():
    rows = run_rows(
        drops(
            0.5, 0.2, last_clean=0.1, tokens_step=0.6, tokens_frame=0.4, energy=0.45, add_step=0.1,
            add_frame=0.3,
        )
    )  # fmt: skip
    table = verdicts(rows)
    differences = {
        "last step left clean": 0.4,
        "equal count, random tokens": -0.1,
        "equal energy, mode replace": 0.05,
        "mode add": -0.2,
    }
    for control, difference in differences.items():
        found = verdict(table, "step_worse_than_frame", control)
        assert found["mean"] == pytest.approx(difference), control
        assert found["verdict"] == ("holds" if difference > 0 else "reversed")
    found = verdict(table, "frame_worse_than_tokens", "equal count")
    assert found["mean"] == pytest.approx(-0.2)


def test_frames_that_are_read_are_compared_on_their_own():
    rows = run_rows(drops(0.5, 0.2))
    rows.loc[(rows["kind"] == "frame") & (rows["index"] == 2), "score"] -= 0.6
    table = verdicts(rows)
    assert verdict(table, "step_worse_than_frame", ALL_FRAMES)["mean"] == pytest.approx(0.1)
    read = verdict(table, "step_worse_than_frame", "only frames that are read")
    assert read["mean"] == pytest.approx(-0.3)


def test_controls_on_few_cases_are_compared_on_those_alone():
    rows = run_rows(drops(0.5, 0.2, last_clean=0.1))
    chosen = [case for _, case in CASES[:3]]
    rows = rows[(rows["part"] == "sweep") | rows["case"].isin(chosen)]
    table = verdicts(rows)
    assert verdict(table, "step_worse_than_frame", "last step left clean")["n"] == 3
    same = verdict(table, "step_worse_than_frame", f"{ALL_FRAMES}, cases of the controls")
    assert same["n"] == 3
    assert verdict(table, "step_worse_than_frame", ALL_FRAMES)["n"] == len(CASES)


@pytest.mark.parametrize(("peak", "expected"), [(4, "undecided"), (0, "reversed"), (8, "reversed")])
def test_the_published_band_of_the_peak(peak, expected):
    """Where every second step is disturbed, a peak at 4 may be one at 3, outside of 4 to 6."""
    rows = run_rows(drops(0.5, 0.2))
    table = verdicts(rows, effects(rows, flows(lambda number: peak)))
    found = verdict(table, "peak_in_the_middle", "mode replace, 1 − CKA")
    assert found["verdict"] == expected
    assert found["mean"] == peak


@pytest.mark.parametrize(("peak", "expected"), [(0, "holds"), (8, "reversed")])
def test_early_against_late(peak, expected):
    rows = run_rows(drops(0.5, 0.2))
    table = verdicts(rows, effects(rows, flows(lambda number: peak)))
    assert verdict(table, "early_worse_than_late", "mode replace")["verdict"] == expected
