"""Videos drawn hop by hop, frame by frame or at once, from pixels to verdicts."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from judged import Pixels, judged, outcomes_of_runs
from repository import ROOT

from chain_of_steps.statistics.verdicts import FAILS, HOLDS, NO_ROOM, UNDECIDED
from chain_of_steps.study.claims import load_claims
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING
from chain_of_steps.tasks.reader import first_frame
from chain_of_steps.tasks.scene import render_movie
from chain_of_steps.trajectory import Trajectory

STEPS, REACH = 14, 3
DRAWINGS = ("chain", "chain_back", "chain_once")
CLAIMS = load_claims(ROOT / "workflow/paper/expected.yaml")
pytestmark = pytest.mark.slow


def serially(depth, frame, need):
    """Each step draws one more hop beyond the reach, in all frames."""
    return max(0, depth - REACH)


def by_frames(depth, frame, need):
    """Every second or third step draws one more latent frame, whole; a chain has its own pace."""
    return round((2 + need % 4 / 4) * frame)


def at_once(depth, frame, need):
    return 0


def run(machine) -> pd.Series:
    """Verdicts on ten chains in three drawings; machine: the step at which a tile is drawn."""
    cases, looks, rows = [], [], []
    for task in DRAWINGS:
        puzzles = (p for p in stream(task, "in-domain", "evaluation", 1) if 5 < p.need < 12)
        for n, puzzle in enumerate(itertools.islice(puzzles, 10)):
            true = render_movie(task_of(task).movie(puzzle, 0))
            still = np.broadcast_to(first_frame(puzzle), true.shape)
            video = np.repeat(still[None], STEPS + 1, 0)
            for depth, (r, c) in enumerate(puzzle.candidates[0], start=1):
                for frame in range(1, 5):
                    here = (slice(4 * frame - 3, 4 * frame + 1), slice(16 * r, 16 * r + 16))
                    here = (*here, slice(16 * c, 16 * c + 16))
                    video[(slice(machine(depth, frame, puzzle.need), None), *here)] = true[here]
            case = SimpleNamespace(
                name=f"in-domain/{task}/{n}", puzzle=puzzle, drawing=DEFAULT_DRAWING
            )
            cases.append(case)
            looks.append(torch.from_numpy(video))
            labels = {"model": "ours", "case": case.name, "task": task, "split": "in-domain"}
            rows.append({**labels, "seed": 0})
    stored = torch.stack(looks)  # in place of latents
    sigmas = torch.linspace(1, 0, STEPS + 1)
    runs = pd.DataFrame(rows)
    trajectory = Trajectory(runs, sigmas, stored, stored[:, :-1], [0] * STEPS, {})
    # what counts on other training seeds alone is asked of this one
    claims = [claim.model_copy(update={"held_out": False}) for claim in CLAIMS]
    return judged(claims, outcomes_of_runs(Pixels(), trajectory, cases), n_steps=STEPS)["verdict"]


def test_a_serial_machine_is_told_by_hops_and_not_by_frames():
    found = run(serially)
    assert found["steps-needed-beyond-the-reach"] == HOLDS
    assert found["order-by-hops"] == HOLDS
    assert found["commitment-later-for-greater-need"] == HOLDS
    assert found["not-by-frames"] in (HOLDS, UNDECIDED)


def test_a_chain_of_frames_is_told_by_frames():
    found = run(by_frames)
    assert found["not-by-frames"] == FAILS
    assert found["all-frames-at-once"] == FAILS
    assert found["order-by-hops"] != HOLDS


def test_what_is_there_at_once_has_no_room():
    found = run(at_once)
    for name in ("order-by-hops", "not-by-frames", "steps-needed-beyond-the-reach"):
        assert found[name] == NO_ROOM
    assert HOLDS not in set(found)
