"""Open grid with obstacles and several shortest ways: any shortest one is right.

Out of domain the way is longer (6 to 8 moves instead of 3 to 5).
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.maze import GOAL, dotted
from chain_of_steps.tasks.puzzle import ALL_CELLS, Puzzle, Retry, neighbours
from chain_of_steps.tasks.scene import FRAMES, Cell, Scene

NAME = "grid"
TITLE = "open grid"
FAMILY = "Spatiality"
ORDER = 2
PROMPT = "Draw a shortest way around the blocks from the green dot to the red frame."
KEY_FRAMES = (FRAMES - 1,)
MOVES = {"in-domain": (3, 5), "out-of-domain": (6, 8)}
MOST_WAYS = 40


def shortest_ways(free: set[Cell], start: Cell, goal: Cell) -> list[list[Cell]]:
    """Every shortest path over free cells, in a fixed order; none if there is no path."""
    ways = [[start]]
    seen = {start}
    while ways and ways[0][-1] != goal:
        longer = [[*w, c] for w in ways for c in neighbours(w[-1]) if c in free and c not in seen]
        seen |= {way[-1] for way in longer}
        done = [way for way in longer if way[-1] == goal]
        ways = done or longer
        if len(ways) > 20 * MOST_WAYS:
            raise Retry
    return ways


def propose(rng: random.Random, split: str) -> Puzzle:
    blocks = set(rng.sample(ALL_CELLS, rng.randint(0, 5)))
    start, goal = rng.sample([cell for cell in ALL_CELLS if cell not in blocks], 2)
    ways = shortest_ways(set(ALL_CELLS) - blocks, start, goal)
    shortest, longest = MOVES[split]
    if not 2 <= len(ways) <= MOST_WAYS or not shortest <= len(ways[0]) - 1 <= longest:
        raise Retry
    layout = {"blocks": sorted(blocks), "start": start, "goal": goal}
    everyone = tuple(range(len(ways)))
    return Puzzle(NAME, split, PROMPT, layout, tuple(ways), everyone, rng.choice(everyone))


def backdrop(puzzle: Puzzle) -> Scene:
    scene = {tuple(cell): ("block",) for cell in puzzle.layout["blocks"]}
    return {**scene, tuple(puzzle.layout["goal"]): (GOAL,)}


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    route = puzzle.candidates[candidate]
    scene = backdrop(puzzle)
    growing = [dotted(scene, route[: n + 1]) for n in range(len(route))]
    return [growing[min(frame, len(route) - 1)] for frame in range(FRAMES)]


def empty(puzzle: Puzzle) -> list[Scene]:
    return [dotted(backdrop(puzzle), [puzzle.layout["start"]])]
