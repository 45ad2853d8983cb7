"""The calibration, fast: a few tasks, small tiles, and each kind of degradation once or twice."""

import itertools

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.cases import degraded
from chain_of_steps.cases.degraded import DEGRADATIONS, calibrate, summary, unreadable
from chain_of_steps.tasks import stream
from chain_of_steps.tasks.drawing import Drawing

DRAWING = Drawing(32)


def draw(task: str, n: int = 1):
    return list(itertools.islice(stream(task, "in-domain", "evaluation", 21), n))


@pytest.fixture(scope="module")
def readings() -> pd.DataFrame:
    only = ["none", "blur", "shift", "mix", "ghost", "noise", "other"]
    return calibrate([*draw("odd", 2), *draw("rotation")], DRAWING, only=only)


def test_what_is_known_is_read_or_refused_and_nothing_is_made_up(readings):
    wrong = (readings["answer"] >= 0) & ~readings["right"]
    assert wrong.mean() < 0.005
    plain = readings[readings["degradation"].isin(DEGRADATIONS)]
    assert plain[plain["mild"]]["right"].mean() >= 0.9
    assert ((plain["right"]) | (plain["answer"] < 0)).mean() >= 0.98
    off = (plain["candidates"] - plain["true_candidates"]).abs()
    assert off[plain["mild"]].median() < 0.1
    nothing = readings[readings["degradation"].isin(["noise", "blank", "other"])]
    assert (nothing["answer"] < 0).all()
    assert unreadable(readings) == []


def test_evidence_grows_with_the_ghost(readings):
    ghosts = readings[readings["degradation"] == "ghost"]
    for _, one in ghosts.groupby("case"):
        assert (np.diff(one["ghost_evidence"]) > 0).all()
        assert np.allclose(one["ghost_evidence"], one["strength"], atol=0.05)


def test_a_summary_counts_each_look_once(readings):
    table = summary(readings)
    assert table["n"].sum() == len(readings)
    assert np.allclose(table[["right", "wrong", "refused"]].sum(axis=1), 1)
    assert (table["wrong_low"] <= table["wrong"]).all()
    assert (table["wrong"] <= table["wrong_high"]).all()
    spoilt = readings.assign(right=False, answer=0)
    assert unreadable(spoilt) == ["odd", "rotation"]


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_degradation_grows_with_its_strength(name):
    """More of it is farther from the truth, and none of it is the truth."""
    (puzzle,) = draw("odd")
    frames = DRAWING.film(puzzle)[[0, -1]].astype(float)
    one = DEGRADATIONS[name]
    rng = np.random.default_rng
    assert np.allclose(one.change(frames, 0.0, 32, rng(0)), frames, atol=1e-9)
    sizes: dict[bool, list[float]] = {True: [], False: []}
    for strength in one.strengths:
        changed = one.change(frames, strength, 32, rng(0))
        assert changed.shape == frames.shape
        sizes[strength < 0].append(float(np.abs(changed - frames).mean()))
    assert all(np.diff(part).min(initial=1) > 0 for part in sizes.values() if name != "none")


def test_frames_are_moved_by_what_is_said():
    frame = np.random.default_rng(0).random((20, 24, 3))
    assert np.allclose(degraded.moved(frame, np.array([3.0, -2.0]), 1.0)[3:, :-2], frame[:-3, 2:])
    twice = degraded.moved(frame, np.zeros(2), 2.0)
    assert np.allclose(twice[:2, :2], frame[5, 6])
