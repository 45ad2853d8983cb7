"""Where things are on the board: tile masks for each frame, from a puzzle's own scenes."""

from __future__ import annotations

import re

import numpy as np

from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.maze import DOT, GOAL
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.scene import COLOURS, SHAPES, Scene

BACKGROUND = "background"
REGIONS = (BACKGROUND, "objects", "named", "path")
FURNITURE = ("wall", "slot", "block")  # layers of the board itself

_NAMED = re.compile(rf"\b({'|'.join(COLOURS)}) ({'|'.join((*SHAPES, 'dot', 'frame'))})s?\b")


def tile_masks(puzzle: Puzzle, drawing: Drawing = DEFAULT_DRAWING) -> dict[str, np.ndarray]:
    """Region -> bool (T, rows, columns), by frame of the movie that shows `puzzle.shown`.

    background: nothing but floor, walls, slots and blocks; objects: everything else; named: the
    objects that the prompt calls by colour and shape; path: the tiles that ever differ from the
    first frame, where the answer gets drawn (the same in every frame). A task whose prompt names
    nothing has an empty `named`; `path` overlaps the others.
    """
    scenes = drawing.movie(puzzle, puzzle.shown)
    names = named_layers(puzzle.prompt)
    objects = _where(scenes, puzzle.board, lambda layer: not layer.startswith(FURNITURE))
    path = np.zeros((puzzle.board.rows, puzzle.board.columns), bool)
    for row, column in np.ndindex(path.shape):
        path[row, column] = len({scene.get((row, column), ()) for scene in scenes}) > 1
    return {
        BACKGROUND: ~objects,
        "objects": objects,
        "named": _where(scenes, puzzle.board, lambda layer: layer.startswith(names)),
        "path": np.repeat(path[None], len(scenes), axis=0),
    }


def named_layers(prompt: str) -> tuple[str, ...]:
    """How the layers begin that a prompt names, such as `disc:red:` for "the red disc"."""
    special = {"green dot": f"{DOT.rpartition(':')[0]}:", "red frame": GOAL}
    found = [match.groups() for match in _NAMED.finditer(prompt)]
    return tuple(special.get(f"{c} {shape}", f"{shape}:{c}:") for c, shape in found)


def _where(scenes: list[Scene], board: Board, wanted) -> np.ndarray:
    """bool (T, rows, columns): tiles with a layer that is `wanted`."""
    mask = np.zeros((len(scenes), board.rows, board.columns), bool)
    for frame, scene in enumerate(scenes):
        for cell, tile in scene.items():
            mask[(frame, *cell)] = any(map(wanted, tile))
    return mask
