"""Memory on runs built to have a known answer: one forgets, one remembers."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from behaving import FEW, N, memory_rows, puzzle_of
from PIL import Image

from chain_of_steps.experiments.behaviours import memory
from chain_of_steps.runs import run_shard
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.puzzle import name_of, shape_layer
from chain_of_steps.tasks.reader import first_frame
from chain_of_steps.tasks.scene import COLOURS, FLOOR, render, render_movie, with_tiles
from chain_of_steps.trajectory import Trajectory
from chain_of_steps.video import to_uint8


def ending(puzzle, *objects):
    """The last frame with only these (cell, pair, share) on the board, blended with the floor."""
    bare = task_of(puzzle.task).empty(puzzle)[-1]
    picture = render(bare)
    for cell, pair, share in objects:
        drawn = render(with_tiles(bare, {cell: (shape_layer(pair),)}))
        picture = picture + share * (drawn - render(bare))
    return picture


@pytest.mark.parametrize("task", memory.REMEMBERED)
def test_memory_errors_of_pictures_with_known_faults(task):
    puzzle = replace(puzzle_of(task), layout={**puzzle_of(task).layout, "bystanders": []})
    field = memory.REMEMBERED[task]
    puzzle.layout[field], puzzle.layout["large"] = ("disc", "red"), "blue"
    (shape, colour), place = memory.hidden_object(puzzle)
    elsewhere = ((place[0] + 1) % 5, place[1])
    frames = [
        ending(puzzle, (place, (shape, colour), 1)),
        ending(puzzle),
        ending(puzzle, (elsewhere, (shape, colour), 1)),
        ending(puzzle, (place, (shape, colour), 0.75), (elsewhere, (shape, colour), 0.25)),
        ending(puzzle, (place, (shape, "green"), 1)),
        ending(puzzle, (place, ("cross", colour), 1)),
    ]
    found = memory.read_memory(puzzle, np.stack(frames))
    red, green, floor = (np.array(c) / 255 for c in (COLOURS["red"], COLOURS["green"], FLOOR))
    far = np.linalg.norm(green - red) / np.linalg.norm(floor - red)
    assert found["position"].tolist() == pytest.approx([0, 1, 1, 0.25, 0, 0], abs=1e-5)
    assert found["colour"].tolist() == pytest.approx([0, 1, 0, 0.25, far, 0], abs=2e-3)
    assert found["identity"].tolist() == [0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("task", memory.REMEMBERED)
@pytest.mark.parametrize("split", ["in-domain", "out-of-domain"])
def test_controls_hold_nothing_of_what_is_to_be_remembered(task, split):
    for puzzle in itertools.islice(stream(task, split, "evaluation", 1), 20):
        pair, place = memory.hidden_object(puzzle)
        other = memory.changed_puzzle(puzzle)
        new, elsewhere = memory.hidden_object(other)
        assert name_of(pair) not in other.prompt
        assert name_of(new) in other.prompt
        assert not set(new) & set(pair)
        assert elsewhere != place
        first, changed = first_frame(puzzle), first_frame(other)
        (row, column) = (slice(16 * i, 16 * i + 16) for i in place)
        floor = np.array(FLOOR, np.float32) / 255
        for picture in (changed, memory.without_object(puzzle)):
            assert np.allclose(picture[row, column], floor)
        rest = np.ones(first.shape, bool)
        rest[row, column] = False
        assert np.array_equal(memory.without_object(puzzle)[rest], first[rest])


def test_a_run_that_forgets_at_step_12(remembering):
    model, cases = remembering
    puzzle = cases[0].puzzle
    movie = render_movie(task_of(puzzle.task).movie(puzzle, puzzle.shown))
    forgotten = movie.copy()
    forgotten[-4:] = render(task_of(puzzle.task).empty(puzzle)[-1])
    kept, lost = model.encode(torch.from_numpy(np.stack([movie, forgotten])))
    clean = torch.stack([kept] * 12 + [lost] * (N - 12))[None]
    runs = pd.DataFrame(
        [{"model": "m", "case": cases[0].name, "task": puzzle.task, "split": "s", "seed": 0}]
    )
    x = torch.cat([clean, lost[None, None]], dim=1)
    trajectory = Trajectory(runs, flow_sigmas(N, 5.0), x, clean, [0] * N, {"batch": 1})
    rows, nfe = memory.memory_shard(model, trajectory, cases[:1], [], seeds=[0], starts=[0])
    assert nfe == 0
    early, late = rows[rows["step"] < 12], rows[rows["step"] >= 12]
    assert len(early) == 12 and len(late) == N + 1 - 12
    assert (early[list(memory.ERRORS)].to_numpy() < 0.1).all()
    assert (late[list(memory.ERRORS)].to_numpy() > 0.9).all()


def test_memory_controls_are_runs_from_the_stored_latents_with_the_other_picture(remembering):
    model, cases = remembering
    made = {"steps": 4, "shift": 5.0, "n_frames": 17, "batch": 3}
    trajectory = run_shard(model, cases, [0, 1], **made)
    few = [case.name for case in cases[:3]]
    rows, nfe = memory.memory_shard(model, trajectory, cases, few, seeds=[1], starts=[0, 3])
    assert nfe == 3 * (4 + 4 + 1)
    counts = rows.groupby(["condition", "start"])["step"].agg(["size", "min"]).to_dict("index")
    assert counts == {
        ("absent", 0): {"size": 15, "min": 0},
        ("changed", 0): {"size": 15, "min": 0},
        ("clean", 0): {"size": 40, "min": 0},
        ("withheld", 3): {"size": 3, "min": 4},
    }
    assert set(rows.loc[rows["condition"] != "clean", "seed"]) == {1}

    # the run of the second case, made again one at a time
    case, puzzle = cases[1], cases[1].puzzle
    mine = rows[(rows["case"] == case.name) & (rows["step"] == 4)].set_index("condition")
    at = trajectory.select(
        np.flatnonzero((trajectory.runs["case"] == case.name) & (trajectory.runs["seed"] == 1))
    )
    picture = Image.fromarray(to_uint8(memory.without_object(puzzle)))
    for condition, start in (("absent", 0), ("withheld", 3)):
        velocity = model.velocity(model.condition([picture], [puzzle.prompt], 17))
        end = sample(velocity, at.x[:, start], at.sigmas, start=start)
        wanted = memory.read_memory(puzzle, model.decode(end, frames=[16])[:, 0].numpy())
        found = mine.loc[condition, list(memory.ERRORS)].astype(float).tolist()
        assert found == pytest.approx(wanted.iloc[0].tolist(), abs=1e-3)


def test_memory_table_tells_forgetting_from_remembering():
    finals = {
        ("clean", 0): 0.125,
        ("absent", 0): 1.0,
        ("changed", 0): 0.875,
        ("withheld", 1): 1.0,
        ("withheld", 3): 0.25,
    }
    table = memory.memory_table(memory_rows(finals), **FEW)
    table = table[(table["task"] == "all") & (table["split"] == "all")]
    table = table[table["quantity"] == "position"]

    def mean(part, condition, step=None):
        rows = table[(table["part"] == part) & (table["condition"] == condition)]
        rows = rows if step is None else rows[rows["step"] == step]
        assert len(rows) == 1
        return rows.iloc[0]

    assert mean("control", "absent")["mean"] == pytest.approx(0.875)
    assert mean("control", "changed")["mean"] == pytest.approx(0.75)
    assert mean("control", "absent")["p"] == pytest.approx(2 / 2**6)
    assert mean("held", "withheld", 1)["mean"] == 0
    assert mean("held", "withheld", 1)["high"] > 0.2  # six cases do not prove that nothing is held
    assert mean("held", "withheld", 3)["mean"] == pytest.approx(0.75)
    assert [mean("withheld", "withheld", k)["mean"] for k in (0, 1, 3)] == [1.0, 1.0, 0.25]
    assert mean("steps", "clean", 2)["mean"] == 0
    assert mean("worst", "clean")["mean"] == mean("final", "paired")["mean"] == 0.125


def test_memory_under_noise_counts_runs_that_were_right():
    rows = pd.DataFrame(
        [
            {"case": f"{task}{i}", "task": task, "kind": kind, "index": 0, "correct": kept}
            for task, kept, kind in (
                ("reappear", True, "step"),
                ("occlude", False, "step"),
                ("maze", False, "step"),
                ("maze", True, "clean"),
            )
            for i in range(4)
        ]
    ).assign(model="m", part="sweep", clean_correct=True, frame_is_read=False)
    spoiled = rows.assign(case=rows["case"] + "wrong", clean_correct=False, correct=True)
    table = memory.memory_noise_table(pd.concat([rows, spoiled]), **FEW)
    found = table.dropna(subset="index").set_index("task")
    assert found["mean"].to_dict() == {"reappear": 1, "occlude": 0, "memory": 0.5, "others": 0}
    assert found["n"].to_dict() == {"reappear": 4, "occlude": 4, "memory": 8, "others": 4}
