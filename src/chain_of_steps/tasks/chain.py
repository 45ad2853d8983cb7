"""Chain: follow the arrows from the green dot to a red frame, and mark tile after tile of the way.

Every tile but a few sinks has an arrow that points to a tile beside it. The need is the number of
hops; out of domain it is greater: 14 to 16 instead of 1 to 13 on the default board.

A candidate lists the tiles that it marks, in the order of the hops (the start is shown, not
marked): the right way; every way that is right but for one hop, where it stops or goes to another
neighbour and follows the arrows from there; the ways from all other tiles. A way ends where it
would close, and with the movie. chain_back and chain_once draw the same answers in another order,
and chain_lit shows the way in the first picture.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from itertools import pairwise

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, Cell
from chain_of_steps.tasks.maze import GOAL
from chain_of_steps.tasks.puzzle import Puzzle, Retry
from chain_of_steps.tasks.scene import FRAMES, Scene

NAME = "chain"
TITLE = "arrow chain"
FAMILY = "Spatiality"
ORDER = 14
STORY = (
    "The picture shows a board of tiles with arrows from straight above, a green dot on one "
    "tile and red frames on a few. {prompt} Each arrow points to the tile that comes next; "
    "one tile after another gets an orange frame, until the way ends in a red frame. The "
    "arrows stay as they are, and the camera does not move."
)
PROMPT = "Follow the arrows from the green dot and mark the way to its end."
KEY_FRAMES = (FRAMES - 1,)
START = "disc:green:l"
MARK = "ring"
DIRECTIONS = ((-1, 0), (0, 1), (1, 0), (0, -1))  # of arrow:0 to arrow:3

Arrows = Mapping[Cell, int | None]  # the direction on each tile, None on a sink


def hops(split: str, board: Board) -> tuple[int, int]:
    """The least and the greatest number of hops of a split; a frame marks one tile."""
    longest = min(board.frames - 1, 2 * len(board.cells) // 3)
    usual = 13 * longest // 16
    return (1, usual) if split == "in-domain" else (usual + 1, longest)


def walk(rng: random.Random, board: Board, moves: int) -> list[Cell]:
    """A random way over the board that meets no cell twice. Raises Retry if none is found."""
    for _ in range(2000):  # of one length, as drawing another would make long ones rare
        way = [rng.choice(board.cells)]
        while len(way) <= moves:
            free = [cell for cell in board.neighbours(way[-1]) if cell not in way]
            if not free:
                break
            way.append(rng.choice(free))
        else:
            return way
    raise Retry


def direction(cell: Cell, towards: Cell) -> int:
    return DIRECTIONS.index((towards[0] - cell[0], towards[1] - cell[1]))


def draw_arrows(rng: random.Random, board: Board, way: list[Cell]) -> dict[Cell, int | None]:
    """Arrows along `way`, any on the other tiles, and further sinks, each with an arrow into it."""
    towards: dict[Cell, Cell | None]
    towards = {cell: rng.choice(board.neighbours(cell)) for cell in board.cells}
    towards |= {**dict(pairwise(way)), way[-1]: None}
    taken = set(way)
    off = [cell for cell in board.cells if cell not in taken]
    wanted = rng.randint(1, max(1, len(board.cells) // 12))
    for sink in rng.sample(off, len(off)):
        into = [cell for cell in board.neighbours(sink) if cell not in taken]
        if wanted and into and sink not in taken:
            feeder = rng.choice(into)
            towards |= {sink: None, feeder: sink}
            taken |= {sink, feeder}
            wanted -= 1
    if taken == set(way):
        raise Retry
    return {
        cell: None if target is None else direction(cell, target)
        for cell, target in towards.items()
    }


def follow(arrows: Arrows, cell: Cell, met: set[Cell]) -> list[Cell]:
    """The cells from `cell` on along the arrows, to a sink or before one that was met."""
    way: list[Cell] = []
    while cell not in met and cell not in way:
        way.append(cell)
        turn = arrows[cell]
        if turn is None:
            break
        cell = (cell[0] + DIRECTIONS[turn][0], cell[1] + DIRECTIONS[turn][1])
    return way


def all_ways(arrows: Arrows, start: Cell, board: Board) -> list[list[Cell]]:
    """What each candidate marks, the right one first; no two mark the same tiles."""
    right = follow(arrows, start, set())
    found = [right]
    for hop, cell in enumerate(right[:-1]):
        before = right[: hop + 1]
        found.append(before)  # it stops
        for other in board.neighbours(cell):
            if other != right[hop + 1]:  # it turns wrong
                found.append(before + follow(arrows, other, set(before)))
    found += [follow(arrows, cell, set()) for cell in board.cells]
    return distinct_ways(found, start, board)


def distinct_ways(found: Iterable[list[Cell]], start: Cell, board: Board) -> list[list[Cell]]:
    """What each way marks, the start left out; of those that mark the same tiles, the first."""
    distinct: dict[frozenset[Cell], list[Cell]] = {}
    for way in found:
        marked = [cell for cell in way if cell != start][: board.frames - 1]
        if marked:
            distinct.setdefault(frozenset(marked), marked)
    return list(distinct.values())


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    way = walk(rng, board, rng.randint(*hops(split, board)))
    arrows = draw_arrows(rng, board, way)
    layout = {
        "arrows": [arrows[cell] for cell in board.cells],
        "start": way[0],
        **board.entry,
    }
    candidates = tuple(all_ways(arrows, way[0], board))
    return Puzzle(NAME, split, PROMPT, layout, candidates, (0,), 0, need=len(way) - 1)


def backdrop(puzzle: Puzzle) -> Scene:
    """The board without any mark."""
    arrows = zip(puzzle.board.cells, puzzle.layout["arrows"], strict=True)
    scene = {cell: (GOAL,) if turn is None else (f"arrow:{turn}",) for cell, turn in arrows}
    start = tuple(puzzle.layout["start"])
    return {**scene, start: (START, *scene[start])}


def marked(scene: Scene, cells: list) -> Scene:
    """`scene` with a mark on each of some cells."""
    return {**scene, **{tuple(cell): (*scene.get(tuple(cell), ()), MARK) for cell in cells}}


def forwards(scene: Scene, way: list, frames: int) -> list[Scene]:
    """A movie that marks one more tile each frame, in the order of the hops."""
    parts = [marked(scene, way[:n]) for n in range(len(way) + 1)]
    return [parts[min(frame, len(way))] for frame in range(frames)]


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    return forwards(backdrop(puzzle), puzzle.candidates[candidate], puzzle.board.frames)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]


def depths(puzzle: Puzzle, candidate: int) -> dict[Cell, int]:
    """The number of hops to each tile that a candidate marks."""
    return {tuple(cell): n for n, cell in enumerate(puzzle.candidates[candidate], start=1)}
