"""Size pattern: large, medium, small repeat along a row; fill the empty place.

Candidates are the three sizes. Out of domain: combinations of phase, order and place not seen.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import Puzzle, Retry, held_out, objects_scene, scatter
from chain_of_steps.tasks.scene import COLOURS, FRAMES, Scene, reveal, with_tiles

NAME = "size"
TITLE = "size pattern"
FAMILY = "Abstraction"
ORDER = 6
STORY = (
    "The picture shows a row of discs of one colour whose sizes repeat, large, medium and "
    "small, and one grey empty place. {prompt} A disc of the size that continues the pattern "
    "appears in the grey place. All other things stay as they are, and the camera does not "
    "move."
)
PROMPT = "The sizes in the row follow a pattern. Fill the empty place."
KEY_FRAMES = (FRAMES - 1,)
SIZES = ("l", "m", "s")


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    phase, order, gap = rng.randrange(3), rng.choice((1, -1)), rng.randrange(board.columns)
    if held_out(NAME, phase, order, gap) != (split == "out-of-domain"):
        raise Retry
    row, colour = rng.randrange(board.rows), rng.choice([c for c in COLOURS if c != "purple"])
    sizes = [SIZES[(phase + order * i) % 3] for i in range(board.columns)]
    free = [cell for cell in board.cells if abs(cell[0] - row) > 1]
    layout = {
        "row": row,
        "gap": gap,
        "colour": colour,
        "sizes": sizes,
        "bystanders": scatter(rng, free, rng.randint(0, 3)),
        **board.entry,
    }
    answer = SIZES.index(sizes[gap])
    return Puzzle(NAME, split, PROMPT, layout, SIZES, (answer,), answer)


def backdrop(puzzle: Puzzle) -> Scene:
    layout = puzzle.layout
    row = {
        (layout["row"], i): (f"disc:{layout['colour']}:{size}",)
        for i, size in enumerate(layout["sizes"])
    }
    scene = objects_scene(layout["bystanders"])
    return {**scene, **row, (layout["row"], layout["gap"]): ("slot",)}


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    first = backdrop(puzzle)
    place = (puzzle.layout["row"], puzzle.layout["gap"])
    disc = f"disc:{puzzle.layout['colour']}:{puzzle.candidates[candidate]}"
    done = with_tiles(first, {place: (disc,)})
    return reveal(first, done, puzzle.board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]
