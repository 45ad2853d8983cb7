"""Latin square of order five: fill the empty places so that no line has an object twice.

The need is the number of rounds of elimination: each round fills every place that only one object
fits, given what the rounds before have filled. Squares that this does not complete are left out,
so there is one completion. Out of domain it takes 5 to 8 rounds instead of 1 to 4.

A candidate says what is in each empty place, None where it stays empty: the completion, and all
that differ from it in one place.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, Cell
from chain_of_steps.tasks.puzzle import Pair, Puzzle, Retry, shape_layer
from chain_of_steps.tasks.scene import FRAMES, Scene, reveal, with_tiles

NAME = "latin"
TITLE = "latin square"
FAMILY = "Abstraction"
ORDER = 18
STORY = (
    "The picture shows a square of five rows and five columns with objects and some grey "
    "empty places. {prompt} The right object appears in each grey place, so that each row and "
    "each column holds all five. The objects that are there stay as they are, and the camera "
    "does not move."
)
PROMPT = "Fill the empty places so that no row and no column has an object twice."
KEY_FRAMES = (FRAMES - 1,)
ROUNDS = {"in-domain": (1, 4), "out-of-domain": (5, 8)}
SIDE = 5
LEAST = (SIDE, SIDE, 3)
OBJECTS: tuple[Pair, ...] = (  # all in domain; told apart by shape alone
    ("disc", "green"),
    ("square", "red"),
    ("triangle", "blue"),
    ("diamond", "yellow"),
    ("cross", "purple"),
)
PLACES: tuple[Cell, ...] = tuple((r, c) for r in range(SIDE) for c in range(SIDE))


def random_square(rng: random.Random) -> dict[Cell, int]:
    """A random Latin square, row by row."""
    rows: list[list[int]] = []
    tries = 0
    while len(rows) < SIDE:
        row = rng.sample(range(SIDE), SIDE)
        tries += 1
        if all(a != b for other in rows for a, b in zip(other, row, strict=True)):
            rows.append(row)
        elif tries > 400:
            rows, tries = [], 0
    return {place: rows[place[0]][place[1]] for place in PLACES}


def rounds(given: dict[Cell, int]) -> dict[Cell, int] | None:
    """The round in which elimination fills each empty place, from 1; None where it gets stuck."""
    known, when = dict(given), {}
    while len(known) < len(PLACES):
        new = {}
        for r, c in PLACES:
            if (r, c) not in known:
                out = {known.get((r, i)) for i in range(SIDE)}
                out |= {known.get((i, c)) for i in range(SIDE)}
                left = [n for n in range(SIDE) if n not in out]
                if len(left) == 1:
                    new[r, c] = left[0]
        if not new:
            return None
        known |= new
        when |= dict.fromkeys(new, 1 + max(when.values(), default=0))
    return when


def holes_of(rng: random.Random, square: dict[Cell, int], need: int) -> list[Cell] | None:
    """Places to empty so that it takes `need` rounds to fill them; None where fewer do."""
    holes: list[Cell] = []
    found = 0
    for place in rng.sample(PLACES, len(PLACES)):
        when = rounds({p: n for p, n in square.items() if p not in (*holes, place)})
        if when is None or max(when.values()) > need:
            continue
        holes.append(place)
        found = max(when.values())
        # not always as many as there could be
        if found == need and len(holes) > 2 and rng.random() < 0.25:
            break
    return sorted(holes) if found == need else None


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    need = rng.randint(*ROUNDS[split])
    for _ in range(200):  # of one need, as drawing another would make large ones rare
        square = random_square(rng)
        holes = holes_of(rng, square, need)
        if holes:
            break
    else:
        raise Retry
    corner = (rng.randint(0, board.rows - SIDE), rng.randint(0, board.columns - SIDE))
    right = [square[place] for place in holes]
    candidates = [right]
    for n, true in enumerate(right):
        wrong = [other for other in (*range(SIDE), None) if other != true]
        candidates += [[*right[:n], other, *right[n + 1 :]] for other in wrong]
    layout = {
        "square": [square[place] for place in PLACES],
        "holes": holes,
        "corner": corner,
        **board.entry,
    }
    return Puzzle(NAME, split, PROMPT, layout, tuple(candidates), (0,), 0, need=need)


def _cell(puzzle: Puzzle, place: list | Cell) -> Cell:
    """Where a place of the square is on the board."""
    (top, left), (r, c) = puzzle.layout["corner"], place
    return top + r, left + c


def backdrop(puzzle: Puzzle) -> Scene:
    """The square with its empty places."""
    given = zip(PLACES, puzzle.layout["square"], strict=True)
    scene = {_cell(puzzle, place): (shape_layer(OBJECTS[n]),) for place, n in given}
    return with_tiles(scene, {_cell(puzzle, hole): ("slot",) for hole in puzzle.layout["holes"]})


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    first = backdrop(puzzle)
    filling = zip(puzzle.layout["holes"], puzzle.candidates[candidate], strict=True)
    filled = {_cell(puzzle, h): (shape_layer(OBJECTS[n]),) for h, n in filling if n is not None}
    return reveal(first, with_tiles(first, filled), puzzle.board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]


def depths(puzzle: Puzzle, candidate: int) -> dict[Cell, int]:
    """The round in which elimination fills each empty place."""
    holes = [tuple(hole) for hole in puzzle.layout["holes"]]
    given = dict(zip(PLACES, puzzle.layout["square"], strict=True))
    when = rounds({place: n for place, n in given.items() if place not in holes}) or {}
    return {_cell(puzzle, hole): when[hole] for hole in holes}
