"""Rotation pattern: each arrow in a row is turned a quarter from the one before; fill the gap.

Candidates are the four directions. Out of domain: unseen combinations of start, turn and place.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import Puzzle, Retry, held_out, objects_scene, scatter
from chain_of_steps.tasks.scene import FRAMES, Scene, reveal, with_tiles

NAME = "rotation"
TITLE = "rotation pattern"
FAMILY = "Abstraction"
ORDER = 7
STORY = (
    "The picture shows a row of dark arrows and one grey empty place. {prompt} From one arrow "
    "to the next the turn is always a quarter to the same side, and the arrow that fits "
    "appears in the grey place. All other things stay as they are, and the camera does not "
    "move."
)
PROMPT = "Each arrow in the row is turned further. Draw the missing arrow."
KEY_FRAMES = (FRAMES - 1,)


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    start, turn, gap = rng.randrange(4), rng.choice((1, -1)), rng.randrange(board.columns)
    if held_out(NAME, start, turn, gap) != (split == "out-of-domain"):
        raise Retry
    row = rng.randrange(board.rows)
    free = [cell for cell in board.cells if abs(cell[0] - row) > 1]
    turns = [(start + turn * i) % 4 for i in range(board.columns)]
    layout = {
        "row": row,
        "gap": gap,
        "turns": turns,
        "bystanders": scatter(rng, free, rng.randint(1, 4)),
        **board.entry,
    }
    answer = turns[gap]
    return Puzzle(NAME, split, PROMPT, layout, (0, 1, 2, 3), (answer,), answer)


def backdrop(puzzle: Puzzle) -> Scene:
    layout = puzzle.layout
    row = {(layout["row"], i): (f"arrow:{turn}",) for i, turn in enumerate(layout["turns"])}
    scene = objects_scene(layout["bystanders"])
    return {**scene, **row, (layout["row"], layout["gap"]): ("slot",)}


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    first = backdrop(puzzle)
    place = (puzzle.layout["row"], puzzle.layout["gap"])
    done = with_tiles(first, {place: (f"arrow:{puzzle.candidates[candidate]}",)})
    return reveal(first, done, puzzle.board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]
