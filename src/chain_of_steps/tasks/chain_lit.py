"""The puzzle of `chain` with its way coloured in the first picture: nothing is left to infer.

Its videos are as long and drawn in the same order, so it is the control of equal length, need 0.
Its depths are those of `chain`: how far along the way a tile lies, though nothing is inferred.
"""

from __future__ import annotations

import random
from dataclasses import replace

from chain_of_steps.tasks import chain
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.chain import FAMILY, KEY_FRAMES, PROMPT, depths
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.scene import Scene

__all__ = ["FAMILY", "KEY_FRAMES", "PROMPT", "depths"]

NAME = "chain_lit"
TITLE = "arrow chain, way shown"
ORDER = 17
STORY = (
    "The picture shows a board of tiles with arrows from straight above, a green dot on one "
    "tile, red frames on a few, and a way that is coloured yellow. {prompt} Each arrow points "
    "to the tile that comes next; one tile after another of the yellow way gets an orange "
    "frame, until it ends in a red frame. The arrows stay as they are, and the camera does "
    "not move."
)
LIGHT = "square:yellow:l"


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    return replace(chain.propose(rng, split, board), task=NAME, need=0)


def backdrop(puzzle: Puzzle) -> Scene:
    """The board with the right way coloured, without any mark."""
    scene = chain.backdrop(puzzle)
    way = [tuple(cell) for cell in puzzle.candidates[puzzle.shown]]
    return {**scene, **{cell: (LIGHT, *scene[cell]) for cell in way}}


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    return chain.forwards(backdrop(puzzle), puzzle.candidates[candidate], puzzle.board.frames)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]
