"""Identify and localise: one object of kind A, or two of kind B, on a blank board; mark them.

Made for the layer swap (paper, section 5.2): a puzzle and its `twin` differ only in which of the
two sets is present. Candidates: set A present and marked, set B present and marked. The absent set
cannot be seen; that training shows no picture of an evaluation puzzle or of its twin rests on the
cell of A following from those of B, and the digest from the prompt and that cell.
"""

from __future__ import annotations

import random
from dataclasses import replace

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import (
    Puzzle,
    Retry,
    draw_pairs,
    name_of,
    objects_scene,
)
from chain_of_steps.tasks.scene import FRAMES, Scene, reveal, with_tiles

NAME = "identify"
TITLE = "identify"
FAMILY = "Perception"
ORDER = 13
STORY = (
    "The picture shows one or two coloured objects on a plain ground. {prompt} An orange "
    "frame appears around each of the objects that are there. All objects stay where they "
    "are, and the camera does not move."
)
KEY_FRAMES = (FRAMES - 1,)
SETS = ("a", "b")


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    kinds = draw_pairs(rng, split, 2)
    rng.shuffle(kinds)
    b = rng.sample(range(len(board.cells)), 2)
    a = -sum(b) % len(board.cells)
    if a in b:
        raise Retry
    present = rng.choice(SETS)
    prompt = f"Mark the {name_of(kinds[0])} or the two objects like a {name_of(kinds[1])}."
    layout = {
        "a": [(board.cells[a], kinds[0])],
        "b": [(board.cells[cell], kinds[1]) for cell in b],
        "present": present,
        **board.entry,
    }
    answer = SETS.index(present)
    # seen in the picture of either twin, so both fall on one side of the train/evaluation divide
    essence = [kinds, a]
    return Puzzle(NAME, split, prompt, layout, SETS, (answer,), answer, essence)


def twin(puzzle: Puzzle) -> Puzzle:
    """The same puzzle with the other set present."""
    answer = 1 - puzzle.shown
    layout = {**puzzle.layout, "present": SETS[answer]}
    return replace(puzzle, layout=layout, solutions=(answer,), shown=answer)


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    first = objects_scene(puzzle.layout[puzzle.layout["present"]])
    marked = objects_scene(puzzle.layout[puzzle.candidates[candidate]])
    done = with_tiles({}, {cell: (*tile, "ring") for cell, tile in marked.items()})
    return reveal(first, done, puzzle.board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [objects_scene(puzzle.layout[puzzle.layout["present"]])]
