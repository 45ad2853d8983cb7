"""Odd shape out: mark the one object that differs. Candidates are all objects.

Out of domain the odd one is an unseen colour-shape pair among more objects.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import Puzzle, objects_scene, pairs
from chain_of_steps.tasks.scene import FRAMES, Scene, reveal, with_tiles

NAME = "odd"
TITLE = "odd shape out"
FAMILY = "Perception"
ORDER = 5
STORY = (
    "The picture shows several objects on a plain ground. All are alike but one, which has "
    "another shape or another colour. {prompt} An orange frame appears around that object and "
    "around no other. All objects stay where they are, and the camera does not move."
)
PROMPT = "One object is different from all the others. Mark it."
KEY_FRAMES = (FRAMES - 1,)
OBJECTS = {"in-domain": (4, 8), "out-of-domain": (9, 13)}


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    odd = rng.choice(pairs(split))
    same = rng.randrange(2)  # the common pair shares the odd one's shape (0) or its colour (1)
    alike = [p for p in pairs("in-domain") if p != odd and p[same] == odd[same]]
    common = rng.choice(alike)
    cells = rng.sample(board.cells, rng.randint(*OBJECTS[split]))
    objects = [(cell, odd if n == 0 else common) for n, cell in enumerate(cells)]
    objects.sort()
    answer = [cell for cell, _ in objects].index(cells[0])
    candidates = tuple(cell for cell, _ in objects)
    layout = {"objects": objects, **board.entry}
    return Puzzle(NAME, split, PROMPT, layout, candidates, (answer,), answer)


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    first = objects_scene(puzzle.layout["objects"])
    cell = tuple(puzzle.candidates[candidate])
    done = with_tiles(first, {cell: (*first[cell], "ring")})
    return reveal(first, done, puzzle.board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [objects_scene(puzzle.layout["objects"])]
