"""Maze with one way through: leave a chain of green dots from the start to the red frame.

Every candidate is a route from the start: the one to the goal, and one into each dead end.
Out of domain the way is longer (11 to 16 moves instead of 4 to 10).
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.puzzle import ALL_CELLS, Puzzle, Retry, neighbours
from chain_of_steps.tasks.scene import FRAMES, Cell, Scene

NAME = "maze"
TITLE = "maze"
FAMILY = "Spatiality"
ORDER = 1
PROMPT = "Draw the way through the maze from the green dot to the red frame."
KEY_FRAMES = (FRAMES - 1,)
MOVES = {"in-domain": (4, 10), "out-of-domain": (11, 16)}
DOT = "disc:green:m"
GOAL = "goal"
_SIDES = {(-1, 0): "n", (1, 0): "s", (0, -1): "w", (0, 1): "e"}


def spanning_tree(rng: random.Random) -> dict[Cell, set[Cell]]:
    """A random maze without loops; half of them grow deep corridors, half many branches."""
    deep = rng.random() < 0.5
    links: dict[Cell, set[Cell]] = {cell: set() for cell in ALL_CELLS}
    frontier = [rng.choice(ALL_CELLS)]
    reached = set(frontier)
    while frontier:
        i = len(frontier) - 1 if deep else rng.randrange(len(frontier))
        unseen = [cell for cell in neighbours(frontier[i]) if cell not in reached]
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


def propose(rng: random.Random, split: str) -> Puzzle:
    links = spanning_tree(rng)
    start = rng.choice(ALL_CELLS)
    routes = routes_from(links, start)
    shortest, longest = MOVES[split]
    goals = [cell for cell, route in routes.items() if shortest <= len(route) - 1 <= longest]
    if not goals:
        raise Retry
    # lengths first, then cells: long ways are rare among cells but matter as much
    length = rng.choice(sorted({len(routes[cell]) for cell in goals}))
    goal = rng.choice([cell for cell in goals if len(routes[cell]) == length])
    # a way that goes on beyond the goal is the right one drawn too far, not a candidate of its own
    dead_ends = [
        cell
        for cell in ALL_CELLS
        if len(links[cell]) == 1 and cell != start and goal not in routes[cell]
    ]
    candidates = tuple(routes[cell] for cell in [goal, *dead_ends] if len(routes[cell]) <= FRAMES)
    if len(candidates) < 2:
        raise Retry
    walls = [
        "".join(side for (dr, dc), side in _SIDES.items() if (r + dr, c + dc) not in links[(r, c)])
        for r, c in ALL_CELLS
    ]
    layout = {"walls": walls, "start": start, "goal": goal}
    return Puzzle(NAME, split, PROMPT, layout, candidates, (0,), 0)


def backdrop(puzzle: Puzzle) -> Scene:
    """The maze without any dot."""
    scene = {
        cell: tuple(f"wall:{side}" for side in sides)
        for cell, sides in zip(ALL_CELLS, puzzle.layout["walls"], strict=True)
    }
    goal = tuple(puzzle.layout["goal"])
    return {**scene, goal: (*scene[goal], GOAL)}


def dotted(scene: Scene, route: list) -> Scene:
    """`scene` with a dot on every cell of a route."""
    return {**scene, **{tuple(c): (*scene.get(tuple(c), ()), DOT) for c in route}}


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    route = puzzle.candidates[candidate]
    scene = backdrop(puzzle)
    growing = [dotted(scene, route[: n + 1]) for n in range(len(route))]
    return [growing[min(frame, len(route) - 1)] for frame in range(FRAMES)]


def empty(puzzle: Puzzle) -> list[Scene]:
    return [dotted(backdrop(puzzle), [puzzle.layout["start"]])]
