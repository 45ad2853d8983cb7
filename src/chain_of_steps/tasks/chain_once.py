"""The puzzle of `chain`, marked all at once: the frames say nothing of the order of the hops."""

from __future__ import annotations

import random
from dataclasses import replace

from chain_of_steps.tasks import chain
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.chain import FAMILY, KEY_FRAMES, depths, empty
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.scene import Scene, hold

__all__ = ["FAMILY", "KEY_FRAMES", "depths", "empty"]

NAME = "chain_once"
TITLE = "arrow chain, at once"
ORDER = 16
STORY = (
    "The picture shows a board of tiles with arrows from straight above, a green dot on one "
    "tile and red frames on a few. {prompt} Each arrow points to the tile that comes next; "
    "all tiles of the way, up to the red frame where it ends, get an orange frame at the same "
    "time. The arrows stay as they are, and the camera does not move."
)
PROMPT = "Mark the whole way along the arrows from the green dot at once."


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    return replace(chain.propose(rng, split, board), task=NAME, prompt=PROMPT)


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    first, board = chain.backdrop(puzzle), puzzle.board
    done = chain.marked(first, puzzle.candidates[candidate])
    return hold(first, *[done] * board.beats, board=board)
