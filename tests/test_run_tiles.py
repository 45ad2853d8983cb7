"""Tiles of stored runs: the step from which each is right to the end."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from chain_of_steps.runs import read_tiles
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING
from chain_of_steps.tasks.reader import first_frame
from chain_of_steps.tasks.scene import render_movie
from chain_of_steps.trajectory import Trajectory

STEPS = 14


def test_each_tile_of_a_run_says_from_which_step_it_is_right():
    """Hop n is drawn from step n - 1 on, and once more lost at the last step but one."""
    puzzle = next(p for p in stream("chain_once", "in-domain", "evaluation", 0) if p.need == 9)
    true = render_movie(task_of("chain_once").movie(puzzle, 0))
    looks = np.repeat(np.broadcast_to(first_frame(puzzle), true.shape)[None], STEPS + 1, 0).copy()
    for depth, (r, c) in enumerate(puzzle.candidates[0], start=1):
        place = (slice(None), slice(16 * r, 16 * r + 16), slice(16 * c, 16 * c + 16))
        looks[(slice(depth - 1, None), *place)] = true[place]
    r, c = (16 * i for i in puzzle.candidates[0][2])  # the third hop
    looks[-2, :, r : r + 16, c : c + 16] = looks[0, :, r : r + 16, c : c + 16]
    stored = torch.from_numpy(looks[None])  # in place of latents
    runs = pd.DataFrame([{"model": "m", "case": "a", "task": "chain_once", "seed": 3}])
    trajectory = Trajectory(
        runs, torch.linspace(1, 0, STEPS + 1), stored, stored[:, :-1], [0] * STEPS, {}
    )
    model = SimpleNamespace(decode=lambda latents: latents)
    case = SimpleNamespace(name="a", puzzle=puzzle, drawing=DEFAULT_DRAWING)
    table = read_tiles(model, trajectory, [case])
    assert list(table) == [*runs, "frame", "row", "column", "depth", "leads", "accepted"]
    assert (table["seed"] == 3).all()
    hops = table[table["depth"] > 0]
    assert set(hops["depth"]) == set(range(1, 10)) and set(hops["frame"]) == {1, 2, 3, 4}
    expected = np.where(hops["depth"] == 3, STEPS, hops["depth"] - 1)
    assert hops["leads"].tolist() == hops["accepted"].tolist() == expected.tolist()


def test_looks_that_are_left_out_name_the_next_one_that_is_read():
    puzzle = next(p for p in stream("chain_once", "in-domain", "evaluation", 0) if p.need == 9)
    true = render_movie(task_of("chain_once").movie(puzzle, 0))
    looks = np.repeat(np.broadcast_to(first_frame(puzzle), true.shape)[None], STEPS + 1, 0).copy()
    looks[5:] = true
    stored = torch.from_numpy(looks[None])
    runs = pd.DataFrame([{"model": "m", "case": "a", "task": "chain_once", "seed": 3}])
    sigmas = torch.linspace(1, 0, STEPS + 1)
    trajectory = Trajectory(runs, sigmas, stored, stored[:, :-1], [0] * STEPS, {})
    model = SimpleNamespace(decode=lambda latents: latents)
    case = SimpleNamespace(name="a", puzzle=puzzle, drawing=DEFAULT_DRAWING)
    for steps, first in ((range(0, STEPS, 4), 8), ([0, 5], 5), ([0, 4], STEPS)):
        table = read_tiles(model, trajectory, [case], steps)
        assert set(table.loc[table["depth"] > 0, "leads"]) == {first}
    nothing = read_tiles(model, trajectory.select([]), [case])
    assert nothing.empty and list(nothing) == list(table)
