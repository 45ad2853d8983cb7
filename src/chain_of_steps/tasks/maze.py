"""Maze with one way through: leave a chain of green dots from the start to the red frame.

Every candidate is a route from the start: the one to the goal, and one into each dead end.
Out of domain the way is longer: on the default board 11 to 16 moves instead of 4 to 10. The need is
the number of moves.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, Cell
from chain_of_steps.tasks.puzzle import Puzzle, Retry
from chain_of_steps.tasks.scene import FRAMES, Scene

NAME = "maze"
TITLE = "maze"
FAMILY = "Spatiality"
ORDER = 1
STORY = (
    "The picture shows a maze from straight above, with dark walls on a light ground, a green "
    "dot where it begins and a red frame where it ends. {prompt} The way goes from tile to "
    "tile, never passes a wall and enters no dead end. The walls and the red frame stay as "
    "they are, and the camera does not move."
)
PROMPT = "Draw the way through the maze from the green dot to the red frame."
TRAVEL_PROMPT = "Move the green dot through the maze to the red frame."
KEY_FRAMES = (FRAMES - 1,)
DOT = "disc:green:m"
GOAL = "goal"
_SIDES = {(-1, 0): "n", (1, 0): "s", (0, -1): "w", (0, 1): "e"}


def moves(split: str, board: Board) -> tuple[int, int]:
    """The least and the greatest number of moves of a split; one cell a frame is drawn."""
    longest = board.frames - 1
    usual = 10 * longest // 16
    return (4, usual) if split == "in-domain" else (usual + 1, longest)


def spanning_tree(rng: random.Random, board: Board = DEFAULT_BOARD) -> dict[Cell, set[Cell]]:
    """A random maze without loops; half of them grow deep corridors, half many branches."""
    deep = rng.random() < 0.5
    links: dict[Cell, set[Cell]] = {cell: set() for cell in board.cells}
    frontier = [rng.choice(board.cells)]
    reached = set(frontier)
    while frontier:
        i = len(frontier) - 1 if deep else rng.randrange(len(frontier))
        unseen = [cell for cell in board.neighbours(frontier[i]) if cell not in reached]
        if not unseen:
            frontier.pop(i)
            continue
        cell = rng.choice(unseen)
        links[frontier[i]].add(cell)
        links[cell].add(frontier[i])
        reached.add(cell)
        frontier.append(cell)
    return links


def routes_from(links: dict[Cell, set[Cell]], start: Cell) -> dict[Cell, list[Cell]]:
    """The only route from `start` to every cell of a tree."""
    routes = {start: [start]}
    todo = [start]
    while todo:
        cell = todo.pop()
        for step in sorted(links[cell]):
            if step not in routes:
                routes[step] = [*routes[cell], step]
                todo.append(step)
    return routes


def walls_of(links: dict[Cell, set[Cell]], board: Board) -> list[str]:
    """The sides of each cell that have a wall."""
    return [
        "".join(side for (dr, dc), side in _SIDES.items() if (r + dr, c + dc) not in links[(r, c)])
        for r, c in board.cells
    ]


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    links = spanning_tree(rng, board)
    start = rng.choice(board.cells)
    routes = routes_from(links, start)
    shortest, longest = moves(split, board)
    goals = [cell for cell, route in routes.items() if shortest <= len(route) - 1 <= longest]
    if not goals:
        raise Retry
    # lengths first, then cells: long ways are rare among cells but matter as much
    length = rng.choice(sorted({len(routes[cell]) for cell in goals}))
    goal = rng.choice([cell for cell in goals if len(routes[cell]) == length])
    # a way that goes on beyond the goal is the right one drawn too far, not a candidate of its own
    dead_ends = [
        cell
        for cell in board.cells
        if len(links[cell]) == 1 and cell != start and goal not in routes[cell]
    ]
    candidates = tuple(
        routes[cell] for cell in [goal, *dead_ends] if len(routes[cell]) <= board.frames
    )
    if len(candidates) < 2:
        raise Retry
    layout = {"walls": walls_of(links, board), "start": start, "goal": goal, **board.entry}
    return Puzzle(NAME, split, PROMPT, layout, candidates, (0,), 0, need=length - 1)


def backdrop(puzzle: Puzzle) -> Scene:
    """The maze without any dot."""
    scene = {
        cell: tuple(f"wall:{side}" for side in sides)
        for cell, sides in zip(puzzle.board.cells, puzzle.layout["walls"], strict=True)
    }
    goal = tuple(puzzle.layout["goal"])
    return {**scene, goal: (*scene[goal], GOAL)}


def dotted(scene: Scene, route: list) -> Scene:
    """`scene` with a dot on every cell of a route."""
    return {**scene, **{tuple(c): (*scene.get(tuple(c), ()), DOT) for c in route}}


def growing(scene: Scene, route: list, frames: int) -> list[Scene]:
    """A movie of a route that grows by one cell a frame, from its start on."""
    parts = [dotted(scene, route[: n + 1]) for n in range(len(route))]
    return [parts[min(frame, len(route) - 1)] for frame in range(frames)]


def moving(scene: Scene, route: list, frames: int) -> list[Scene]:
    """A movie of a dot that is one cell further each frame, until it is at the end of a route."""
    places = [dotted(scene, [cell]) for cell in route]
    return [places[min(frame, len(route) - 1)] for frame in range(frames)]


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    return growing(backdrop(puzzle), puzzle.candidates[candidate], puzzle.board.frames)


def travelling(puzzle: Puzzle, candidate: int) -> list[Scene]:
    """The same route as one dot that moves and leaves no trail."""
    return moving(backdrop(puzzle), puzzle.candidates[candidate], puzzle.board.frames)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [dotted(backdrop(puzzle), [puzzle.layout["start"]])]


def depths(puzzle: Puzzle, candidate: int) -> dict[Cell, int]:
    """The number of moves to each cell of a route."""
    return {tuple(cell): n for n, cell in enumerate(puzzle.candidates[candidate])}
