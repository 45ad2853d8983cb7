"""A large square passes over a small object, which must survive (working memory, b).

A column a latent frame: for boards that have as many of both.

Candidates: the small object as it was, gone, in two wrong colours or in any wrong shape.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, a_column_a_frame
from chain_of_steps.tasks.puzzle import (
    WRONG_COLOURS,
    Puzzle,
    draw_pairs,
    name_of,
    objects_scene,
    scatter,
    shape_layer,
)
from chain_of_steps.tasks.scene import COLOURS, FRAMES, SHAPES, Scene, hold, with_tiles

NAME = "occlude"
TITLE = "pass over"
FAMILY = "Transformation"
ORDER = 9
STORY = (
    "The picture shows a large square at one side, a smaller object in the same row and some "
    "other objects. {prompt} While it passes, the smaller object is hidden; afterwards it is "
    "seen again, unchanged. All other objects stay as they are, and the camera does not move."
)
KEY_FRAMES = (FRAMES - 1,)


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    a_column_a_frame(NAME, board)
    small = draw_pairs(rng, split, 1)[0]
    colour = rng.choice([c for c in COLOURS if c not in (small[1], "cyan")])
    row, col = rng.randrange(board.rows), rng.randint(1, board.columns - 2)
    free = [cell for cell in board.cells if cell[0] != row]
    bystanders = scatter(rng, free, rng.randint(0, 4), avoid=[small])
    # [shape, colour] of the small object at the end, or null if it is gone; the right one first
    candidates = [small, None]
    candidates += [(small[0], other) for other in WRONG_COLOURS[small[1]]]
    candidates += [(other, small[1]) for other in SHAPES if other != small[0]]
    prompt = f"The large {colour} square moves over the {name_of(small)} to the other side."
    layout = {
        "small": small,
        "place": (row, col),
        "large": colour,
        "from": rng.choice(("left", "right")),
        "bystanders": bystanders,
        **board.entry,
    }
    return Puzzle(NAME, split, prompt, layout, tuple(candidates), (0,), 0)


def _scene(puzzle: Puzzle, beat: int, small: tuple | None) -> Scene:
    layout = puzzle.layout
    scene = objects_scene(layout["bystanders"])
    row, col = layout["place"]
    if small is not None:
        scene = with_tiles(scene, {(row, col): (shape_layer(tuple(small)),)})
    column = beat if layout["from"] == "left" else puzzle.board.columns - 1 - beat
    return with_tiles(scene, {(row, column): (f"square:{layout['large']}:l",)})


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    true, end = puzzle.layout["small"], puzzle.candidates[candidate]
    beats = range(puzzle.board.latent_frames)
    scenes = (_scene(puzzle, beat, true if beat < 2 else end) for beat in beats)
    return hold(*scenes, board=puzzle.board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [_scene(puzzle, puzzle.board.beats, None)]
