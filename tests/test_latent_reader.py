"""Reading without decoding, in a codec that loses nothing: what pictures say, latents say."""

import itertools

import native
import numpy as np
import pytest
import torch
from machines import pipe_of

from chain_of_steps.cheap import in_latents
from chain_of_steps.drawn import drawn, drawn_empty, drawn_still
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import read_latents
from chain_of_steps.tasks import stream
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.observe import Observer

# ways that share tiles, several key frames, several solutions, tiles that change among others
TASKS = ("maze", "reappear", "grid", "latin", "polyomino")


def of(task, drawing):
    puzzle = next(itertools.islice(stream(task, "in-domain", "evaluation", 0), 1, None))
    model = WanModel(pipe_of(native.ExactCodec(), [puzzle]), max_sequence_length=24)
    answers = drawn(model, puzzle, range(len(puzzle.candidates)), drawing)
    return puzzle, model, Observer(puzzle, drawing), answers


@pytest.mark.parametrize("task", TASKS)
def test_latents_that_lose_nothing_say_what_pictures_say(task):
    puzzle, model, observer, answers = of(task, DEFAULT_DRAWING)
    n = len(answers)
    read = in_latents(model, observer, answers)
    still, empty = (one(model, puzzle)[None] for one in (drawn_still, drawn_empty))
    ghost = 0.7 * answers + 0.3 * answers.roll(1, 0)
    looks = torch.cat([answers, ghost, (answers + answers.roll(1, 0)) / 2, still, empty])
    found, expected = read(looks), read_latents(model, observer, looks)
    assert found.accepted[:n].tolist() == list(range(n)) == found.leads[: 2 * n][n:].tolist()
    for name in ("accepted", "leads", "correct", "readable"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    for name in ("evidence", "weight", "score", "n_candidates"):
        pictures = getattr(expected, name)
        assert np.allclose(getattr(found, name), pictures, atol=0.05, equal_nan=True), name


def test_what_is_no_mixture_of_answers_is_not_read():
    _, model, observer, answers = of("maze", DEFAULT_DRAWING)
    noise = torch.randn(3, *answers.shape[1:], generator=torch.Generator().manual_seed(0))
    found = in_latents(model, observer, answers)(noise)
    assert (found.accepted == -1).all() and (found.leads == -1).all()
    assert not found.readable.any() and np.isnan(found.n_candidates).all()


@pytest.mark.slow
def test_larger_tiles_have_several_positions():
    """Two by two latents a tile, in a frame with ground around; 33 frames for 17."""
    puzzle, model, observer, answers = of("chain", Drawing(32, 224, 160, 33))
    found = in_latents(model, observer, answers)(answers)
    assert found.accepted.tolist() == list(range(len(answers)))
    assert found.correct.sum() == len(puzzle.solutions)
