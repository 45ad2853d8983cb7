"""Flood: colour every tile that water from the cyan disc can reach past no wall.

The need is the number of tiles that the water runs to the farthest one; out of domain it is
greater: on the default board 11 to 13 instead of 1 to 10. Between any two tiles there is at most
one way.

A candidate lists the tiles that it colours, each with the frame from which on: the right ones;
those up to each smaller distance; the right ones without what lies behind one of the passages; the
right ones and what a leak in one of the walls around them would let in.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, Cell
from chain_of_steps.tasks.maze import spanning_tree, walls_of
from chain_of_steps.tasks.puzzle import Puzzle, Retry
from chain_of_steps.tasks.scene import FRAMES, Scene

NAME = "flood"
TITLE = "flood"
FAMILY = "Spatiality"
ORDER = 19
STORY = (
    "The picture shows a board of tiles from straight above with dark walls and a cyan disc, "
    "from which water comes. {prompt} A cyan disc appears on tile after tile, through every gap "
    "and never through a wall, until no further tile can be reached. The walls stay as they "
    "are, and the camera does not move."
)
PROMPT = "Colour every tile that water from the cyan disc can reach."
KEY_FRAMES = (FRAMES - 1,)
WATER = "disc:cyan:l"
CUT = 0.1  # share of passages that are closed at random

Links = dict[Cell, set[Cell]]


def needs(split: str, board: Board) -> tuple[int, int]:
    """The least and the greatest need of a split; water runs one tile a frame."""
    longest = board.frames - 1
    usual, most = 10 * longest // 16, 13 * longest // 16
    return (1, usual) if split == "in-domain" else (usual + 1, most)


def distances(links: Links, start: Cell, closed: frozenset[Cell] = frozenset()) -> dict[Cell, int]:
    """The number of tiles to every cell that water comes to.

    closed: the two ends of a passage that it may not take, if any.
    """
    found, todo = {start: 0}, [start]
    for cell in todo:
        for other in sorted(links[cell]):
            if other not in found and {cell, other} != closed:
                found[other] = found[cell] + 1
                todo.append(other)
    return found


def close(links: Links, one: Cell, other: Cell) -> None:
    links[one].discard(other)
    links[other].discard(one)


def draw_links(rng: random.Random, board: Board, need: int) -> tuple[Links, Cell]:
    """Passages, and a start from which the farthest tile is `need` away. Raises Retry for none."""
    for _ in range(200):  # of one need, as drawing another would make large ones rare
        links = spanning_tree(rng, board)
        for cell in board.cells:
            for other in sorted(links[cell]):
                if cell < other and rng.random() < CUT:
                    close(links, cell, other)
        start = rng.choice(board.cells)
        found = distances(links, start)
        if max(found.values()) < need:
            continue
        for cell, distance in found.items():
            if distance == need:
                for other in [o for o in links[cell] if found[o] > need]:
                    close(links, cell, other)
        return links, start
    raise Retry


def all_floods(links: Links, start: Cell, board: Board) -> list[list[tuple[Cell, int]]]:
    """What each candidate colours and from which frame on, the right one first; no two alike."""
    right = distances(links, start)

    def every() -> Iterator[dict[Cell, int]]:
        yield right
        for most in range(1, max(right.values())):
            yield {cell: n for cell, n in right.items() if n <= most}
        for cell in right:
            for other in sorted(links[cell]):
                if right[other] > right[cell]:
                    yield distances(links, start, frozenset({cell, other}))
        for cell, n in right.items():
            for other in board.neighbours(cell):
                if other not in right:
                    beyond = {o: n + 1 + d for o, d in distances(links, other).items()}
                    yield {**right, **{o: d for o, d in beyond.items() if d < board.frames}}

    distinct: dict[frozenset[Cell], list[tuple[Cell, int]]] = {}
    for flood in every():
        coloured = {cell: n for cell, n in flood.items() if n}
        if coloured:
            distinct.setdefault(frozenset(coloured), sorted(coloured.items(), key=lambda e: e[1]))
    return list(distinct.values())


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    need = rng.randint(*needs(split, board))
    links, start = draw_links(rng, board, need)
    candidates = tuple(all_floods(links, start, board))
    layout = {"walls": walls_of(links, board), "start": start, **board.entry}
    return Puzzle(NAME, split, PROMPT, layout, candidates, (0,), 0, need=need)


def backdrop(puzzle: Puzzle) -> Scene:
    """The walls and the first disc."""
    placed = zip(puzzle.board.cells, puzzle.layout["walls"], strict=True)
    scene = {cell: tuple(f"wall:{side}" for side in sides) for cell, sides in placed}
    start = tuple(puzzle.layout["start"])
    return {**scene, start: (WATER, *scene[start])}


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    first = backdrop(puzzle)
    flood = [(tuple(cell), n) for cell, n in puzzle.candidates[candidate]]
    return [
        {**first, **{cell: (WATER, *first.get(cell, ())) for cell, n in flood if n <= frame}}
        for frame in range(puzzle.board.frames)
    ]


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]


def depths(puzzle: Puzzle, candidate: int) -> dict[Cell, int]:
    """The number of tiles that the water runs to each tile that a candidate colours."""
    return {tuple(cell): n for cell, n in puzzle.candidates[candidate]}
