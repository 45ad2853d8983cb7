"""Tic-tac-toe: put a cross where it wins. Candidates are all empty cells.

Out of domain every winning move completes a (line, cell) combination never used in domain.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import Puzzle, Retry, held_out
from chain_of_steps.tasks.scene import FRAMES, Scene, reveal, with_tiles

NAME = "tictactoe"
TITLE = "tic-tac-toe"
FAMILY = "Knowledge"
ORDER = 3
STORY = (
    "The picture shows a game of tic-tac-toe, three rows of three fields, with crosses and "
    "noughts that have been set. {prompt} One dark cross appears in an empty field so that "
    "three crosses stand in one line. All other marks stay as they are, and the camera does "
    "not move."
)
PROMPT = "It is the turn of the crosses. Put a cross where it wins the game."
KEY_FRAMES = (FRAMES - 1,)
LEAST = (4, 4, 3)
LINES = (
    *((3 * i, 3 * i + 1, 3 * i + 2) for i in range(3)),
    *((i, i + 3, i + 6) for i in range(3)),
    (0, 4, 8),
    (2, 4, 6),
)


def winning_moves(board: str, player: str) -> dict[int, list[tuple[int, ...]]]:
    """Empty cell -> the lines that `player` completes there. `board` is nine of `x`, `o`, `.`."""
    wins: dict[int, list[tuple[int, ...]]] = {}
    for line in LINES:
        marks = [board[i] for i in line]
        if marks.count(player) == 2 and marks.count(".") == 1:
            wins.setdefault(line[marks.index(".")], []).append(line)
    return wins


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    crosses = rng.choice((2, 3))
    noughts = crosses + rng.choice((0, 1))  # one more where the noughts began
    marks = ["x"] * crosses + ["o"] * noughts + ["."] * (9 - crosses - noughts)
    rng.shuffle(marks)
    drawn = "".join(marks)
    if any(drawn[a] == drawn[b] == drawn[c] != "." for a, b, c in LINES):
        raise Retry
    wins = winning_moves(drawn, "x")
    unusual = [
        held_out(NAME, line, cell, one_in=3) for cell, lines in wins.items() for line in lines
    ]
    if not unusual or set(unusual) != {split == "out-of-domain"}:
        raise Retry
    candidates = tuple(i for i in range(9) if drawn[i] == ".")
    solutions = tuple(n for n, cell in enumerate(candidates) if cell in wins)
    layout = {"board": drawn, **board.entry}
    return Puzzle(NAME, split, PROMPT, layout, candidates, solutions, rng.choice(solutions))


def _lines(row: int, col: int) -> tuple[str, ...]:
    return ("wall:e",) * (col < 2) + ("wall:s",) * (row < 2)


def backdrop(puzzle: Puzzle) -> Scene:
    scene = {}
    for i, mark in enumerate(puzzle.layout["board"]):
        row, col = divmod(i, 3)
        drawn = () if mark == "." else (f"mark:{mark}",)
        scene[(row + 1, col + 1)] = _lines(row, col) + drawn
    return scene


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    first = backdrop(puzzle)
    row, col = divmod(puzzle.candidates[candidate], 3)
    done = with_tiles(first, {(row + 1, col + 1): (*_lines(row, col), "mark:x")})
    return reveal(first, done, puzzle.board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]
