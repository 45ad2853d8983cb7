"""An object flies diagonally through a chamber and bounces off floor and ceiling.

A column a latent frame: for boards that have as many of both.

Candidates are the places where it could land in the last column. In domain the chamber has all rows
but the first, the last, both or none; out of domain it has two or three, and never those.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, a_column_a_frame
from chain_of_steps.tasks.puzzle import (
    Puzzle,
    draw_pairs,
    name_of,
    objects_scene,
    scatter,
    shape_layer,
)
from chain_of_steps.tasks.scene import FRAMES, Scene, hold, with_tiles

NAME = "bounce"
TITLE = "bounce"
FAMILY = "Knowledge"
ORDER = 10
STORY = (
    "The picture shows a chamber between a floor and a ceiling and an object at one side. "
    "{prompt} It goes on along diagonals at an even speed, turns around at the floor and at "
    "the ceiling, and comes to rest in the last column. All other things stay as they are, "
    "and the camera does not move."
)
KEY_FRAMES = (FRAMES - 1,)


def chambers(split: str, board: Board) -> list[tuple[int, int]]:
    """First and last row of each chamber of a split."""
    last = board.rows - 1
    tall = [(0, last), (0, last - 1), (1, last), (1, last - 1)]
    if split == "in-domain":
        return tall
    flat = [(top, top + size - 1) for size in (3, 2) for top in range(board.rows - size + 1)]
    return [chamber for chamber in flat if chamber not in tall]


def flight(row: int, step: int, top: int, bottom: int, columns: int) -> list[int]:
    """Row of the ball in each column; `step` is -1 (up) or 1 (down) at the start."""
    rows = [row]
    while len(rows) < columns:
        if not top <= rows[-1] + step <= bottom:
            step = -step
        rows.append(rows[-1] + step)
    return rows


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    a_column_a_frame(NAME, board)
    top, bottom = rng.choice(chambers(split, board))
    row, step = rng.randint(top, bottom), rng.choice((-1, 1))
    pair = draw_pairs(rng, "in-domain", 1)[0]
    towards = rng.choice(("left", "right"))
    outside = [cell for cell in board.cells if not top - 1 <= cell[0] <= bottom + 1]
    layout = {
        "object": pair,
        "chamber": (top, bottom),
        "row": row,
        "step": step,
        "towards": towards,
        "bystanders": scatter(rng, outside, rng.randint(0, 3)),
        **board.entry,
    }
    word = "up" if step < 0 else "down"
    prompt = f"The {name_of(pair)} flies {word} and to the {towards} and bounces until it lands."
    candidates = tuple(range(top, bottom + 1))
    answer = candidates.index(flight(row, step, top, bottom, board.columns)[-1])
    return Puzzle(NAME, split, prompt, layout, candidates, (answer,), answer)


def backdrop(puzzle: Puzzle) -> Scene:
    (top, bottom), board = puzzle.layout["chamber"], puzzle.board
    scene = objects_scene(puzzle.layout["bystanders"])
    for row in (top - 1, bottom + 1):
        if 0 <= row < board.rows:
            scene.update({(row, col): ("block",) for col in range(board.columns)})
    return scene


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    layout, scene = puzzle.layout, backdrop(puzzle)
    board = puzzle.board
    rows = flight(layout["row"], layout["step"], *layout["chamber"], board.columns)
    rows[-1] = puzzle.candidates[candidate]
    columns = list(range(board.columns))
    if layout["towards"] == "left":
        columns.reverse()
    tile = (shape_layer(tuple(layout["object"])),)
    places = zip(rows, columns, strict=True)
    return hold(*(with_tiles(scene, {place: tile}) for place in places), board=board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]
