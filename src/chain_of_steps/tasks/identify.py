"""Identify and localise: one object of kind A, or two of kind B, on a blank board; mark them.

Made for the layer swap (paper, section 5.2): a puzzle and its `twin` differ only in which of the
two sets is present. Candidates: set A present and marked, set B present and marked. The absent set
cannot be seen, so one picture with one prompt stands for many puzzles and may recur in training:
this task serves the swap, and says little about generalisation.
"""

from __future__ import annotations

import random
from dataclasses import replace

from chain_of_steps.tasks.puzzle import (
    ALL_CELLS,
    Puzzle,
    draw_pairs,
    name_of,
    objects_scene,
)
from chain_of_steps.tasks.scene import FRAMES, Scene, hold, with_tiles

NAME = "identify"
FAMILY = "Perception"
KEY_FRAMES = (FRAMES - 1,)
SETS = ("a", "b")


def propose(rng: random.Random, split: str) -> Puzzle:
    kinds = draw_pairs(rng, split, 2)
    rng.shuffle(kinds)
    cells = rng.sample(ALL_CELLS, 3)
    present = rng.choice(SETS)
    prompt = f"Mark the {name_of(kinds[0])} or the two objects like a {name_of(kinds[1])}."
    layout = {
        "a": [(cells[0], kinds[0])],
        "b": [(cells[1], kinds[1]), (cells[2], kinds[1])],
        "present": present,
    }
    answer = SETS.index(present)
    # both twins fall on the same side of the train/evaluation divide
    essence = [layout["a"], layout["b"]]
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
    return hold(first, first, done, done, done)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [objects_scene(puzzle.layout[puzzle.layout["present"]])]
