"""A shard of runs: every run as if it were made alone, and read as what it shows."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from chain_of_steps.cases.folders import Case, write_case
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import Runs, batches, read_trajectory, run_shard
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.scene import render_movie
from chain_of_steps.trajectory import Trajectory


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> list[Case]:
    root = tmp_path_factory.mktemp("cases")
    found = []
    for task in ("maze", "reappear", "odd"):
        name = f"in-domain/{task}/00000"
        (root / name).mkdir(parents=True)
        write_case(root / name, next(stream(task, "in-domain", "evaluation", 0)))
        found.append(Case(name, root / name))
    return found


@pytest.fixture(scope="module")
def model(build_pocket, cases) -> WanModel:
    pipe = build_pocket([case.prompt for case in cases], seed=5)
    return WanModel(pipe, name="tiny", max_sequence_length=16)


def test_runs_are_planned_case_by_case_and_cut_into_batches(model, cases):
    runs = Runs.planned(model, cases, [3, 1], 17).table
    assert set(runs["model"]) == {"tiny"}
    assert runs["case"].tolist() == [case.name for case in cases for _ in range(2)]
    assert runs["seed"].tolist() == [3, 1] * 3
    assert runs["task"].tolist() == ["maze"] * 2 + ["reappear"] * 2 + ["odd"] * 2
    for size in (1, 2, 4, 100):
        cut = [list(rows) for rows in batches(runs, size)]
        assert sorted(itertools.chain(*cut)) == list(range(6))
        assert all(len(rows) <= size for rows in cut)
        assert all(runs["seed"].iloc[rows].nunique() == 1 for rows in cut)


def test_each_run_gets_the_condition_of_its_case(model, cases):
    condition = Runs.planned(model, cases, [0, 1], 17).select([4, 0, 1]).condition()
    for row, case in enumerate((cases[2], cases[0], cases[0])):
        alone = model.condition([case.image], [case.prompt], 17)
        assert torch.equal(condition.picture["latents"][row : row + 1], alone.picture["latents"])
        assert torch.allclose(
            condition.text["embeds"][row : row + 1], alone.text["embeds"], atol=1e-6
        )


def test_a_shard_holds_every_run_as_if_made_alone(model, cases, tmp_path):
    options = {"steps": 3, "shift": 5.0, "n_frames": 17}
    found = run_shard(model, cases, [4, 7], batch=2, **options)
    assert found.made_by["nfe"] == 6 * 3
    for row, (case, seed) in enumerate(itertools.product(cases, [4, 7])):
        assert found.runs.loc[row, ["case", "seed"]].tolist() == [case.name, seed]
        velocity = model.velocity(model.condition([case.image], [case.prompt], 17))
        states = []
        last = sample(
            velocity, model.noise(seed, 17, 80, 80), flow_sigmas(3, 5.0), watch=states.append
        )
        assert torch.allclose(found.x[row, -1], last[0], atol=1e-4)
        for k, state in enumerate(states):
            assert torch.allclose(found.x[row, k], state.x[0], atol=1e-4)
            assert torch.allclose(found.clean[row, k], state.clean[0], atol=1e-4)
    path = tmp_path / "a.safetensors"
    found.save(path)
    again = Trajectory.load(path)
    pd.testing.assert_frame_equal(again.runs, found.runs)
    for name in ("sigmas", "x", "clean"):
        assert torch.equal(getattr(again, name), getattr(found, name))
    assert (again.experts, again.made_by) == (found.experts, found.made_by)


@pytest.mark.parametrize("shift", [1.0, 5.0, 12.0])
def test_estimates_that_are_not_stored_are_those_of_the_run(model, cases, tmp_path, shift):
    found = run_shard(model, cases[:1], [4], steps=6, shift=shift, batch=1, n_frames=17)
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    found.save(whole)
    found.save(half, estimates=False)
    again = Trajectory.load(half)
    assert torch.equal(again.x, found.x)
    assert torch.allclose(again.clean, found.clean, atol=1e-5, rtol=1e-5)
    one = found.x[0, 0].nbytes
    assert whole.stat().st_size - half.stat().st_size == pytest.approx(6 * one, rel=0.02)


def test_a_trajectory_of_ground_truth_is_read_as_such(model, cases):
    """Clean estimates: each candidate in turn; the result: the truth."""
    steps = 3
    videos = []
    for case in cases:
        puzzle = case.puzzle
        shown = [0, 1, puzzle.shown, puzzle.shown]
        movies = [task_of(puzzle.task).movie(puzzle, candidate) for candidate in shown]
        videos.append(torch.from_numpy(np.stack([render_movie(movie) for movie in movies])))
    looks = torch.stack([model.encode(video) for video in videos])
    runs = Runs.planned(model, cases, [0], 17).table
    x = torch.zeros(3, steps + 1, *looks.shape[2:])
    x[:, -1] = looks[:, -1]
    trajectory = Trajectory(runs, flow_sigmas(steps, 5.0), x, looks[:, :steps], [0] * steps, {})
    table = read_trajectory(model, trajectory, cases)
    for case in cases:
        rows = table[table["case"] == case.name]
        shown = case.puzzle.shown
        assert rows["step"].tolist() == [0, 1, 2, 3]
        assert rows["sigma"].tolist() == pytest.approx(trajectory.sigmas.tolist())
        assert rows["answer"].tolist() == [0, 1, shown, shown]
        right = [answer in case.puzzle.solutions for answer in rows["answer"]]
        assert rows["correct"].tolist() == right
        assert ((rows["score"] == 1) == right).all()
        assert ((rows["solution"] > 0.7) == right).all()
        assert {len(row) for row in rows["evidence"]} == {len(case.puzzle.candidates)}
