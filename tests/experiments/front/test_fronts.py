"""The front of decided tiles on made-up runs whose tiles are decided in a known order."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from chain_of_steps.experiments.front import fronts
from chain_of_steps.experiments.front.outcomes import front_outcomes
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING
from chain_of_steps.tasks.reader import first_frame
from chain_of_steps.tasks.scene import render_movie
from chain_of_steps.trajectory import Trajectory

STEPS = 18
SIGMAS = pd.Series(np.linspace(1, 0, STEPS + 1))
DRAWINGS = ("chain", "chain_back", "chain_once")
RESAMPLING = Resampling(n_boot=200)


def made_up(decided, n: int = 6) -> pd.DataFrame:
    """Rows of runs on n puzzles in three drawings; decided(depth, frame) -> step of a tile."""
    cases, looks, runs = [], [], []
    for task, number in itertools.product(DRAWINGS, range(n)):
        puzzles = (p for p in stream(task, "in-domain", "evaluation", 1) if p.need >= 5)
        puzzle = next(itertools.islice(puzzles, number, None))
        name = f"in-domain/{task}/{number:05d}"
        true = render_movie(task_of(task).movie(puzzle, 0))
        video = np.repeat(np.broadcast_to(first_frame(puzzle), true.shape)[None], STEPS + 1, 0)
        video = video.copy()
        for depth, (r, c) in enumerate(puzzle.candidates[0], start=1):
            for frame in range(1, 5):
                here = (slice(4 * frame - 3, 4 * frame + 1), slice(16 * r, 16 * r + 16))
                here = (*here, slice(16 * c, 16 * c + 16))
                video[(slice(decided(depth, frame), None), *here)] = true[here]
        cases.append(SimpleNamespace(name=name, puzzle=puzzle, drawing=DEFAULT_DRAWING))
        looks.append(torch.from_numpy(video))
        run = {"model": "m", "case": name, "task": task, "split": "in-domain"}
        runs += [{**run, "seed": 0}]
    stored = torch.stack(looks)
    trajectory = Trajectory(
        pd.DataFrame(runs),
        torch.linspace(1, 0, STEPS + 1),
        stored,
        stored[:, :-1],
        [0] * STEPS,
        {},
    )
    model = SimpleNamespace(decode=lambda latents: latents)
    return fronts.tile_rows(model, trajectory, cases, 1)


@pytest.fixture(scope="module")
def by_hops():
    return made_up(lambda depth, frame: depth - 1)


@pytest.fixture(scope="module")
def by_frames():
    return made_up(lambda depth, frame: 3 * frame)


def test_tiles_say_what_is_decided_and_where_it_is_drawn(by_hops):
    assert set(by_hops["task"]) == set(DRAWINGS)
    assert (by_hops["leads"] == by_hops["depth"] - 1).all()
    assert (by_hops["accepted"] == by_hops["leads"]).all()
    assert np.allclose(by_hops["sigma_leads"], 1 - by_hops["leads"] / STEPS)
    hop, length = by_hops["depth"], by_hops.groupby("case")["depth"].transform("max")
    expected = np.where(by_hops["task"] == "chain", hop, length + 1 - hop)
    expected = np.where(by_hops["task"] == "chain_once", 1, -(-expected // 4))
    assert by_hops["drawn"].tolist() == expected.tolist()
    puzzles = by_hops.groupby("puzzle")["task"].nunique()
    assert len(puzzles) == 6 and (puzzles == 3).all()


def test_one_hop_a_step_is_a_slope_of_one(by_hops, by_frames):
    table = fronts.slope_table(by_hops, resampling=RESAMPLING)
    assert np.allclose(table[["mean", "low", "high"]], 1)
    assert (table["n"] == 6).all()
    at_once = made_up(lambda depth, frame: 2, n=2)
    assert np.allclose(fronts.slope_table(at_once, resampling=RESAMPLING)["mean"], 0)


def test_the_front_is_the_share_of_tiles_that_are_decided(by_hops):
    table = fronts.front_table(by_hops, SIGMAS, STEPS + 1, resampling=RESAMPLING)
    assert (table["mean"] == (table["depth"] - 1 <= table["step"])).all()
    assert ((table["low"] <= table["mean"]) & (table["mean"] <= table["high"])).all()
    assert (table["high"] > table["low"]).all()  # equal values are not certainty


def test_the_order_follows_hops_or_frames(by_hops, by_frames):
    for rows, wanted in (
        (by_hops, {"depth": 1, "frame": 0}),
        (by_frames, {"depth": 0, "frame": 3}),
    ):
        table = fronts.order_table(rows, resampling=RESAMPLING)
        assert set(table["rule"]) == set(fronts.RULES)
        found = table.set_index(["rule", "coefficient"])["mean"]
        for rule, (name, value) in itertools.product(fronts.RULES, wanted.items()):
            assert found[rule, name] == pytest.approx(value, abs=1e-6)
        assert (table["puzzles"] == 6).all() and (table["drawings"] == 3).all()


def test_one_drawing_tells_no_order(by_hops):
    assert fronts.order_table(by_hops[by_hops["task"] == "chain"], resampling=RESAMPLING).empty


def test_runs_that_leave_a_tile_open_tell_no_order(by_hops):
    """A tile that is never decided would decide the slopes by the step that it is given."""
    first = by_hops["case"] == by_hops.loc[by_hops["task"] == "chain", "case"].iloc[0]
    last = first & (by_hops["depth"] == by_hops.loc[first, "depth"].max())
    never = {
        name: by_hops["steps"] + 1 for name in (*fronts.RULES, "leads_drawn", "accepted_drawn")
    }
    opened = by_hops.assign(**{name: by_hops[name].where(~last, never[name]) for name in never})
    for rows, counted in ((by_hops, 18), (opened, 17)):
        outcomes = front_outcomes(rows)
        slopes = outcomes[(outcomes["outcome"] == "slope") & (outcomes["condition"] == "leads")]
        assert len(slopes) == counted
        table = fronts.order_table(rows, resampling=RESAMPLING)
        assert np.allclose(table.loc[table["coefficient"] == "depth", "mean"], 1)
    late = by_hops.assign(leads_drawn=by_hops["leads_drawn"].where(~last, never["leads_drawn"]))
    left = fronts.whole_runs(late, "leads")
    assert len(left) == len(by_hops) - 1  # the tile is left out where its mark comes late
    puzzle = opened.loc[first, "puzzle"].iloc[0]
    other = opened[(opened["puzzle"] != puzzle) | opened["task"].isin(["chain", "chain_back"])]
    outcomes = front_outcomes(other)
    hops = outcomes[outcomes["outcome"] == "hops"]
    assert set(hops["case"]) == set(opened["puzzle"]) - {puzzle}  # one drawing of it is left


def test_no_run_with_a_need_gives_empty_tables(by_hops):
    nothing = by_hops.iloc[:0]
    for table in (
        fronts.front_table(nothing, SIGMAS, 5, resampling=RESAMPLING),
        fronts.slope_table(nothing, resampling=RESAMPLING),
        fronts.order_table(nothing, resampling=RESAMPLING),
    ):
        assert table.empty and len(table.columns) > 5


# Outcomes, which claims are judged on


def test_outcomes_have_the_order_of_each_puzzle(by_hops, by_frames):
    for rows, hops, frames in ((by_hops, 1, 0), (by_frames, 0, 3)):
        table = front_outcomes(rows)
        for name, value in (("hops", hops), ("frames", frames)):
            found = table[table["outcome"] == name]
            assert found.groupby("condition").size().to_dict() == {"leads": 6, "accepted": 6}
            assert np.allclose(found["value"], value)
            assert set(found["task"]) == {"chain"} and set(found["case"]) == set(rows["puzzle"])
            assert (found["need"] >= 5).all()
    one = front_outcomes(by_hops[by_hops["task"] == "chain_once"])
    assert not {"hops", "frames"} & set(one["outcome"])  # one drawing tells nothing


def test_outcomes_say_how_far_apart_frames_are_decided(by_hops, by_frames):
    def apart(rows):
        table = front_outcomes(rows)
        return table[(table["outcome"] == "frames_apart") & (table["condition"] == "leads")]

    assert (apart(by_hops)["value"] == 0).all()
    later = by_frames[by_frames["drawn"] < 4]
    expected = (3 * (4 - later["drawn"])).groupby(later["case"]).mean()
    assert apart(by_frames).set_index("case")["value"].to_dict() == pytest.approx(
        expected.to_dict()
    )
    slopes = front_outcomes(by_hops)
    slopes = slopes[slopes["outcome"] == "slope"]
    assert len(slopes) == 2 * 18 and np.allclose(slopes["value"], 1)
    assert front_outcomes(by_hops.iloc[:0]).empty
