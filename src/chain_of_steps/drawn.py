"""A puzzle's answers as latents: drawn as its case is, and encoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from chain_of_steps.models.model import VideoModel
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.puzzle import Puzzle


def drawn(
    model: VideoModel,
    puzzle: Puzzle,
    candidates: Sequence[int],
    drawing: Drawing = DEFAULT_DRAWING,
) -> Tensor:
    """Latents (n, C, F, h, w) of the videos that show some candidates."""
    films = (drawing.film(puzzle, n) for n in candidates)
    if drawing.fits(puzzle.board):
        return model.encode(torch.from_numpy(np.stack(list(films)))).cpu()
    # large ones one by one: a codec needs many times the memory of the video
    return torch.cat([model.encode(torch.from_numpy(film)[None]).cpu() for film in films])


def drawn_empty(model: VideoModel, puzzle: Puzzle, drawing: Drawing = DEFAULT_DRAWING) -> Tensor:
    """Latent (C, F, h, w) of the video whose key frames are what a reader takes for empty."""
    task, board = task_of(puzzle.task), puzzle.board
    movie = drawing.movie(puzzle, puzzle.shown)[:1]
    for key, scene in zip(map(board.frame, task.KEY_FRAMES), task.empty(puzzle), strict=True):
        movie += [scene] * (key + 1 - len(movie))
    movie += movie[-1:] * (board.frames - len(movie))
    return model.encode(torch.from_numpy(drawing.held(movie, board))[None]).cpu()[0]


def drawn_still(model: VideoModel, puzzle: Puzzle, drawing: Drawing = DEFAULT_DRAWING) -> Tensor:
    """Latent (C, F, h, w) of the video that shows the first picture throughout."""
    frames = drawing.frames_on(puzzle.board)
    video = np.repeat(drawing.still(puzzle)[None], frames, axis=0)
    return model.encode(torch.from_numpy(video)[None]).cpu()[0]
