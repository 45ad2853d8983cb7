"""Mirrors: follow a beam of light from the green dot until it leaves the board, and mark its way.

The arrow on the start says where the beam sets out. It goes straight on over bare tiles, and a
mirror turns it by a right angle. The need is the number of tiles that it comes to; out of domain it
is greater, as in `chain`. What is different from a chain: no tile says where the beam goes on, it
hangs on where the beam comes from.

A candidate lists the tiles that it marks, in the order in which the beam comes to them: the right
way; every way that is right but for one tile, where it stops or goes on in another direction; the
beams that set out alike from all other tiles. A way ends where it would meet itself, at the edge,
and with the movie.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import pairwise

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, Cell
from chain_of_steps.tasks.chain import (
    DIRECTIONS,
    KEY_FRAMES,
    START,
    depths,
    direction,
    distinct_ways,
    forwards,
    hops,
    walk,
)
from chain_of_steps.tasks.puzzle import Puzzle, Retry
from chain_of_steps.tasks.scene import Scene

__all__ = ["KEY_FRAMES", "depths"]

NAME = "mirror"
TITLE = "mirrors"
FAMILY = "Spatiality"
ORDER = 19
PROMPT = "Follow the light from the green dot over the mirrors and mark its way."
# where light that sets out in each direction goes on: behind "/", behind "\\"
TURNS = ((1, 0, 3, 2), (3, 2, 1, 0))
BARE = 0.3  # share of tiles off the way that have no mirror

Mirrors = Mapping[Cell, int | None]  # 0 or 1 as in TURNS, None on a bare tile


def onwards(mirrors: Mirrors, cell: Cell, heading: int) -> int:
    """The direction in which light that comes to a cell goes on."""
    mirror = mirrors[cell]
    return heading if mirror is None else TURNS[mirror][heading]


def beside(cell: Cell, heading: int) -> Cell:
    return cell[0] + DIRECTIONS[heading][0], cell[1] + DIRECTIONS[heading][1]


def follow(mirrors: Mirrors, cell: Cell, heading: int, met: set[Cell]) -> list[Cell]:
    """The cells to which light comes that sets out from `cell`, to the edge or what was met."""
    way: list[Cell] = []
    cell = beside(cell, heading)
    while cell in mirrors and cell not in met and cell not in way:
        way.append(cell)
        heading = onwards(mirrors, cell, heading)
        cell = beside(cell, heading)
    return way


def draw_mirrors(rng: random.Random, board: Board, way: list[Cell]) -> dict[Cell, int | None]:
    """Mirrors that send light along `way` and off the board behind it. Raises Retry for none."""
    last = direction(*way[-2:])
    outwards = [
        heading
        for heading in range(4)
        if heading != (last + 2) % 4 and beside(way[-1], heading) not in board.cells
    ]
    if not outwards:
        raise Retry
    headings = [direction(*pair) for pair in pairwise(way)] + [rng.choice(outwards)]
    mirrors = {cell: _drawn(rng) for cell in board.cells} | {way[0]: None}
    for cell, (before, after) in zip(way[1:], pairwise(headings), strict=True):
        mirrors[cell] = None if before == after else [turn[before] for turn in TURNS].index(after)
    return mirrors


def _drawn(rng: random.Random) -> int | None:
    return None if rng.random() < BARE else rng.randrange(2)


def all_ways(mirrors: Mirrors, start: Cell, heading: int, board: Board) -> list[list[Cell]]:
    """What each candidate marks, the right one first; no two mark the same tiles."""
    right = follow(mirrors, start, heading, {start})

    def every() -> Iterator[list[Cell]]:
        yield right
        came = heading
        for number, cell in enumerate(right, start=1):
            before, met = right[:number], {start, *right[:number]}
            yield before  # it stops
            goes = onwards(mirrors, cell, came)
            for other in range(4):
                if other not in (goes, (came + 2) % 4):  # it turns wrong
                    yield before + follow(mirrors, cell, other, met)
            came = goes
        for cell in board.cells:
            yield follow(mirrors, cell, heading, {start})

    return distinct_ways(every(), start, board)


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    way = walk(rng, board, rng.randint(*hops(split, board)))
    mirrors = draw_mirrors(rng, board, way)
    heading = direction(*way[:2])
    layout = {
        "mirrors": [mirrors[cell] for cell in board.cells],
        "start": way[0],
        "heading": heading,
        **board.entry,
    }
    candidates = tuple(all_ways(mirrors, way[0], heading, board))
    return Puzzle(NAME, split, PROMPT, layout, candidates, (0,), 0, need=len(way) - 1)


def backdrop(puzzle: Puzzle) -> Scene:
    """The board without any mark."""
    placed = zip(puzzle.board.cells, puzzle.layout["mirrors"], strict=True)
    scene = {cell: (f"mirror:{turn}",) for cell, turn in placed if turn is not None}
    start = tuple(puzzle.layout["start"])
    return {**scene, start: (START, f"arrow:{puzzle.layout['heading']}")}


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    return forwards(backdrop(puzzle), puzzle.candidates[candidate], puzzle.board.frames)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]
