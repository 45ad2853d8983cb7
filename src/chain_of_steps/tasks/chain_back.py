"""The puzzle of `chain`, marked from the end of the way backwards.

So the frames run against the hops: what is decided first tells one order from the other.
"""

from __future__ import annotations

import random
from dataclasses import replace

from chain_of_steps.tasks import chain
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.chain import FAMILY, KEY_FRAMES, depths, empty
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.scene import Scene

__all__ = ["FAMILY", "KEY_FRAMES", "depths", "empty"]

NAME = "chain_back"
TITLE = "arrow chain, backwards"
ORDER = 15
STORY = (
    "The picture shows a board of tiles with arrows from straight above, a green dot on one "
    "tile and red frames on a few. {prompt} Each arrow points to the tile that comes next; "
    "one tile after another gets an orange frame, first the one at the end of the way and "
    "last the one after the green dot. The arrows stay as they are, and the camera does not "
    "move."
)
PROMPT = "Mark the way along the arrows from its end back to the green dot."


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    return replace(chain.propose(rng, split, board), task=NAME, prompt=PROMPT)


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    way = puzzle.candidates[candidate][::-1]
    return chain.forwards(chain.backdrop(puzzle), way, puzzle.board.frames)
