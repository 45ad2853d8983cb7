"""Perception before action on videos of known content and runs of a known lag."""

import numpy as np
import pandas as pd
import pytest
from behaving import FEW, evidence_rows, frames_of, memory_rows, puzzle_of

from chain_of_steps.experiments.behaviours import memory, perception
from chain_of_steps.runs import run_shard
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.scene import with_tiles

# Memory


def test_evidence_of_videos_with_known_content():
    puzzle = puzzle_of("move", 1)
    movie = task_of("move").movie(puzzle, puzzle.shown)
    start = tuple(puzzle.layout["objects"][0][0])
    still = [movie[0]] * len(movie)
    cleared = [movie[0], *[with_tiles(movie[0], {start: ()})] * 16]
    nothing = [movie[0], *[{}] * 16]
    shown = np.stack([frames_of(scenes) for scenes in (movie, still, cleared, nothing)])
    half = (shown[0] + shown[1]) / 2
    found = perception.read_evidence(puzzle, np.concatenate([shown, half[None]]))
    assert found["localised"].tolist() == pytest.approx([1, 0, 1, 0, 0.5], abs=1e-5)
    assert found["motion"].tolist() == pytest.approx([1, 0, 0, 0, 0.5], abs=1e-5)


def test_the_null_has_the_target_alone_and_the_same_prompt():
    puzzle = puzzle_of("move", 2)
    null = perception.alone(puzzle)
    assert null.prompt == puzzle.prompt
    assert null.layout["objects"] == puzzle.layout["objects"][:1]
    movie = task_of("move").movie(null, null.shown)
    assert all(len(scene) == 1 for scene in movie)
    found = perception.read_evidence(null, frames_of(movie)[None])
    assert found.to_numpy().tolist() == [pytest.approx([1, 1], abs=1e-5)]


def test_a_known_lag_is_found_and_held_against_its_null():
    lags = (4, 5, 5, 6, 7, 5)
    tables = [evidence_rows(f"c{i}", 0, "clean", 3, 3 + lag) for i, lag in enumerate(lags)]
    tables += [evidence_rows(f"c{i}", 0, "alone", 2, 3) for i in range(6)]
    tables.append(evidence_rows("never", 0, "clean", 3, 9, level=0.4))
    rows = pd.concat(tables, ignore_index=True).sample(frac=1, random_state=0)
    runs = perception.onsets(rows)
    assert runs.loc[runs["condition"] == "clean", "lag"].dropna().tolist() == list(lags)
    assert runs.loc[runs["case"] == "never", "excluded"].tolist() == [1]
    table = perception.perception_table(rows, **FEW)
    table = table[table["split"] == "all"].set_index(["condition", "quantity"])
    assert table.loc[("clean", "lag_median"), "mean"] == 5
    assert table.loc[("alone", "lag_median"), "mean"] == 1
    beyond = table.loc[("difference", "lag_mean")]
    assert beyond["mean"] == pytest.approx(np.mean(lags) - 1)
    assert beyond["p"] == pytest.approx(2 / 2**6)
    assert 0 < beyond["low"] <= beyond["mean"] <= beyond["high"]
    assert table.loc[("clean", "excluded"), "mean"] == pytest.approx(1 / 7)
    shares = table.loc[("clean", "lag_share")].set_index("step")["mean"]
    assert shares.to_dict() == pytest.approx({4: 1 / 6, 5: 3 / 6, 6: 1 / 6, 7: 1 / 6})
    curve = table.loc[("clean", "localised")].set_index("step")["mean"]
    assert curve[2] == pytest.approx(0.3 / 0.95)
    assert curve[3] == 1


def test_perception_reads_stored_runs_and_makes_the_null(remembering):
    model, cases = remembering
    trajectory = run_shard(model, cases[-2:], [0, 1], steps=3, shift=5.0, n_frames=17, batch=2)
    rows, nfe = perception.perception_shard(model, trajectory, cases, [cases[-1].name], seeds=[0])
    assert nfe == 3
    assert rows.groupby(["condition", "seed"]).size().to_dict() == {
        ("alone", 0): 4,
        ("clean", 0): 4,
        ("clean", 1): 4,
    }
    puzzle = cases[-1].puzzle
    row = int(
        np.flatnonzero((trajectory.runs["task"] == "move") & (trajectory.runs["seed"] == 1))[0]
    )
    video = model.decode(trajectory.clean[row, 1:2])[:, list(puzzle.board.beat_ends)].numpy()
    wanted = perception.read_evidence(puzzle, video).iloc[0]
    found = rows[(rows["seed"] == 1) & (rows["step"] == 1)].iloc[0]
    assert found[list(perception.EVIDENCE)].tolist() == pytest.approx(wanted.tolist(), abs=1e-6)


def test_without_its_puzzles_a_shard_has_no_rows(remembering):
    model, cases = remembering
    trajectory = run_shard(model, cases[-1:], [0], steps=2, shift=5.0, n_frames=17, batch=1)
    rows, nfe = memory.memory_shard(model, trajectory, cases, [], seeds=[0], starts=[0])
    assert (len(rows), nfe) == (0, 0)
    assert set(memory.ERRORS) <= set(rows)
    table = memory.memory_table(rows, **FEW)
    some = memory.memory_table(memory_rows({("clean", 0): 0.5, ("absent", 0): 1.0}), **FEW)
    assert len(table) == 0
    assert list(table) == list(some)
