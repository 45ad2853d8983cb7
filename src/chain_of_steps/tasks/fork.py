"""Chain with forks: follow the arrows to a red frame, where some tiles leave a choice of two.

Every way along the arrows ends on a sink, so each is a right answer, and which one a run shows is
chosen by its noise. The need is the number of hops of the shortest; out of domain it is greater, as
in `chain`.

A candidate lists the tiles that it marks, in the order of the hops: the right ways first; then
every way that is right but for one hop, where it stops or goes to a neighbour that no arrow points
to and follows the first arrows from there; and the ways along first arrows from all other tiles.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from chain_of_steps.tasks import chain
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, Cell
from chain_of_steps.tasks.chain import (
    DIRECTIONS,
    KEY_FRAMES,
    START,
    Arrows,
    depths,
    direction,
    distinct_ways,
    forwards,
    hops,
    walk,
)
from chain_of_steps.tasks.maze import GOAL
from chain_of_steps.tasks.puzzle import Puzzle, Retry
from chain_of_steps.tasks.scene import Scene

__all__ = ["KEY_FRAMES", "depths"]

NAME = "fork"
TITLE = "arrow chain, forks"
FAMILY = "Spatiality"
ORDER = 20
STORY = (
    "The picture shows a board of tiles with arrows from straight above, a green dot on one "
    "tile and red frames on a few; some tiles have two arrows. {prompt} Each arrow points to "
    "a tile that may come next; one tile after another gets an orange frame, until the way "
    "ends in a red frame. The arrows stay as they are, and the camera does not move."
)
PROMPT = "Follow the arrows from the green dot, choose at each fork, and mark one way to an end."
WAYS = (2, 6)  # how many right ones a puzzle may have

Options = Mapping[Cell, Sequence[int]]  # the directions on each tile, none on a sink


def right_ways(options: Options, start: Cell) -> list[list[Cell]]:
    """Every way from `start` along arrows to a sink. Raises Retry where one would meet itself."""
    done: list[list[Cell]] = []
    todo = [[start]]
    while todo:
        way = todo.pop()
        if not options[way[-1]]:
            done.append(way)
        for turn in options[way[-1]]:
            cell = (way[-1][0] + DIRECTIONS[turn][0], way[-1][1] + DIRECTIONS[turn][1])
            if cell in way or len(done) > WAYS[1]:
                raise Retry
            todo.append([*way, cell])
    return sorted(done, key=len)


def draw_options(rng: random.Random, board: Board, way: list[Cell]) -> dict[Cell, list[int]]:
    """Arrows along `way` and anywhere else, as in a chain, and up to three second ones on it.

    Each of these leads to a sink along first arrows, so that few boards have to be thrown away.
    """
    arrows = chain.draw_arrows(rng, board, way)
    options = {cell: [] if turn is None else [turn] for cell, turn in arrows.items()}
    left = rng.randint(1, 3)
    for hop in rng.sample(range(len(way) - 1), len(way) - 1):
        cell, met = way[hop], set(way[: hop + 1])
        turns = [
            direction(cell, other)
            for other in board.neighbours(cell)
            if other != way[hop + 1] and _arrives(arrows, other, met)
        ]
        if turns and left:
            options[cell] = sorted([*options[cell], rng.choice(turns)])
            left -= 1
    return options


def _arrives(arrows: Arrows, cell: Cell, met: set[Cell]) -> bool:
    """Whether arrows lead from a cell to a sink, past none that was met."""
    way = chain.follow(arrows, cell, met)
    return bool(way) and arrows[way[-1]] is None


def wrong_ways(options: Options, ways: list[list[Cell]], board: Board) -> Iterator[list[Cell]]:
    """Ways that leave a right one at one hop, and those from other tiles; right ones among them."""
    first = {cell: turns[0] if turns else None for cell, turns in options.items()}
    for right in ways:
        for hop, cell in enumerate(right[:-1]):
            before = right[: hop + 1]
            yield before  # it stops
            for other in board.neighbours(cell):
                if direction(cell, other) not in options[cell]:  # it turns wrong
                    yield before + chain.follow(first, other, set(before))
    for cell in board.cells:
        yield chain.follow(first, cell, set())


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    need = rng.randint(*hops(split, board))
    options, ways = _board_of(rng, need, board)
    start = ways[0][0]
    solutions = distinct_ways(ways, start, board)
    candidates = distinct_ways([*ways, *wrong_ways(options, ways, board)], start, board)
    right = tuple(range(len(solutions)))
    layout = {"arrows": [options[cell] for cell in board.cells], "start": start, **board.entry}
    shown = rng.choice(right)
    return Puzzle(NAME, split, PROMPT, layout, tuple(candidates), right, shown, need=need)


def _board_of(
    rng: random.Random, need: int, board: Board
) -> tuple[dict[Cell, list[int]], list[list[Cell]]]:
    """Arrows, and the right ways, of which the shortest has `need` hops. Raises Retry for none."""
    for _ in range(400):  # of one need, as drawing another would make large ones rare
        way = walk(rng, board, need)
        options = draw_options(rng, board, way)
        try:
            ways = right_ways(options, way[0])
        except Retry:
            continue
        fits = WAYS[0] <= len(ways) <= WAYS[1] and len(ways[-1]) <= board.frames
        if fits and len(ways[0]) == need + 1:
            return options, ways
    raise Retry


def backdrop(puzzle: Puzzle) -> Scene:
    """The board without any mark."""
    arrows = zip(puzzle.board.cells, puzzle.layout["arrows"], strict=True)
    scene = {
        cell: tuple(f"arrow:{turn}" for turn in turns) if turns else (GOAL,)
        for cell, turns in arrows
    }
    start = tuple(puzzle.layout["start"])
    return {**scene, start: (START, *scene[start])}


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    return forwards(backdrop(puzzle), puzzle.candidates[candidate], puzzle.board.frames)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]
