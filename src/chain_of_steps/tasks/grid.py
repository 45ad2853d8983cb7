"""Open grid with obstacles and several shortest ways: any shortest one is right.

Out of domain the way is longer: on the default board 6 to 8 moves instead of 3 to 5. The need is
the number of moves.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, Cell
from chain_of_steps.tasks.maze import GOAL, dotted, growing, moving
from chain_of_steps.tasks.maze import depths as depths
from chain_of_steps.tasks.puzzle import Puzzle, Retry
from chain_of_steps.tasks.scene import FRAMES, Scene

NAME = "grid"
TITLE = "open grid"
FAMILY = "Spatiality"
ORDER = 2
STORY = (
    "The picture shows a board from straight above with some dark blocks, a green dot and a "
    "red frame. {prompt} The way goes from tile to tile, up, down, left or right, never over "
    "a block, and no other way is shorter. The blocks and the red frame stay as they are, and "
    "the camera does not move."
)
PROMPT = "Draw a shortest way around the blocks from the green dot to the red frame."
TRAVEL_PROMPT = "Move the green dot on a shortest way around the blocks to the red frame."
KEY_FRAMES = (FRAMES - 1,)
MOST_WAYS = 40


def moves(split: str, board: Board) -> tuple[int, int]:
    """The least and the greatest number of moves of a split."""
    longest = min(board.rows + board.columns - 2, board.frames - 1)
    usual = 5 * longest // 8
    return (3, usual) if split == "in-domain" else (usual + 1, longest)


def shortest_ways(
    free: set[Cell], start: Cell, goal: Cell, board: Board = DEFAULT_BOARD
) -> list[list[Cell]]:
    """Every shortest path over free cells, in a fixed order; none if there is no path."""
    ways = [[start]]
    seen = {start}
    while ways and ways[0][-1] != goal:
        open_ = free - seen
        longer = [[*w, c] for w in ways for c in board.neighbours(w[-1]) if c in open_]
        seen |= {way[-1] for way in longer}
        done = [way for way in longer if way[-1] == goal]
        ways = done or longer
        if len(ways) > 20 * MOST_WAYS:
            raise Retry
    return ways


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    blocks = set(rng.sample(board.cells, rng.randint(0, len(board.cells) // 5)))
    start, goal = rng.sample([cell for cell in board.cells if cell not in blocks], 2)
    ways = shortest_ways(set(board.cells) - blocks, start, goal, board)
    shortest, longest = moves(split, board)
    if not 2 <= len(ways) <= MOST_WAYS or not shortest <= len(ways[0]) - 1 <= longest:
        raise Retry
    layout = {"blocks": sorted(blocks), "start": start, "goal": goal, **board.entry}
    everyone = tuple(range(len(ways)))
    shown = rng.choice(everyone)
    need = len(ways[0]) - 1
    return Puzzle(NAME, split, PROMPT, layout, tuple(ways), everyone, shown, need=need)


def backdrop(puzzle: Puzzle) -> Scene:
    scene = {tuple(cell): ("block",) for cell in puzzle.layout["blocks"]}
    return {**scene, tuple(puzzle.layout["goal"]): (GOAL,)}


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    return growing(backdrop(puzzle), puzzle.candidates[candidate], puzzle.board.frames)


def travelling(puzzle: Puzzle, candidate: int) -> list[Scene]:
    """The same way as one dot that moves and leaves no trail."""
    return moving(backdrop(puzzle), puzzle.candidates[candidate], puzzle.board.frames)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [dotted(backdrop(puzzle), [puzzle.layout["start"]])]
