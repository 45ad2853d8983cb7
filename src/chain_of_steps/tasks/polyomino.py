"""Rotate a polyomino a quarter turn. Candidates: its different rotations and mirror images.

Always clockwise: a prompt that named the way was a coin to the pocket model, which made the quarter
turn but did not read the word. Out of domain the polyomino has five cells instead of three or four.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, Cell
from chain_of_steps.tasks.puzzle import Puzzle, Retry, objects_scene, scatter
from chain_of_steps.tasks.scene import COLOURS, FRAMES, Scene, reveal, with_tiles

NAME = "polyomino"
TITLE = "polyomino turn"
FAMILY = "Transformation"
ORDER = 11
STORY = (
    "The picture shows a flat shape made of equal square tiles. {prompt} It is turned "
    "clockwise by ninety degrees inside its three by three field and is not mirrored. All "
    "other things stay as they are, and the camera does not move."
)
KEY_FRAMES = (FRAMES - 1,)
SIDE = 3
CELLS = {"in-domain": (3, 4), "out-of-domain": (5, 5)}


def turned(cells: list[Cell], quarter_turns: int) -> list[Cell]:
    """Cells of the 3 x 3 square after clockwise quarter turns (rows point down)."""
    for _ in range(quarter_turns % 4):
        cells = [(c, SIDE - 1 - r) for r, c in cells]
    return sorted(cells)


def mirrored(cells: list[Cell]) -> list[Cell]:
    return sorted((r, SIDE - 1 - c) for r, c in cells)


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    inside = {(r, c) for r in range(SIDE) for c in range(SIDE)}
    cells = [rng.choice(sorted(inside))]
    for _ in range(rng.randint(*CELLS[split]) - 1):
        beside = {n for c in cells for n in board.neighbours(c)} & inside
        cells.append(rng.choice(sorted(beside - set(cells))))
    images = [turned(cells, n) for n in range(4)]
    images += [mirrored(image) for image in images]
    candidates = [list(image) for image in dict.fromkeys(map(tuple, images))]
    answer = candidates.index(turned(cells, 1))
    if answer == 0:  # looks the same after the turn
        raise Retry
    corner = (rng.randint(0, board.rows - SIDE), rng.randint(0, board.columns - SIDE))
    free = [
        (r, c)
        for r, c in board.cells
        if not (0 <= r - corner[0] < SIDE and 0 <= c - corner[1] < SIDE)
    ]
    layout = {
        "corner": corner,
        "colour": rng.choice([c for c in COLOURS if c != "cyan"]),
        "bystanders": scatter(rng, free, rng.randint(0, 2)),
        **board.entry,
    }
    prompt = "Turn the shape a quarter clockwise."
    essence = [sorted(cells), corner, layout["colour"]]
    return Puzzle(NAME, split, prompt, layout, tuple(candidates), (answer,), answer, essence)


def _scene(puzzle: Puzzle, cells: list) -> Scene:
    row, col = puzzle.layout["corner"]
    square = {(row + r, col + c): ("slot",) for r in range(SIDE) for c in range(SIDE)}
    filled = (f"square:{puzzle.layout['colour']}:l",)
    solid = {(row + r, col + c): ("slot", *filled) for r, c in cells}
    return with_tiles(objects_scene(puzzle.layout["bystanders"]), {**square, **solid})


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    first = _scene(puzzle, puzzle.candidates[0])
    done = _scene(puzzle, puzzle.candidates[candidate])
    return reveal(first, done, puzzle.board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [_scene(puzzle, [])]
