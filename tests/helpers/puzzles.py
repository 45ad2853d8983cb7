"""Puzzles drawn for tests, and what can be seen in their scenes."""

import itertools

import numpy as np
import pytest

from chain_of_steps.tasks import stream, task_names, task_of
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.scene import (
    SHAPES,
)

MANY, SOME, FEW = 300, 100, 30
BOTH = [(task, split) for task in task_names() for split in SPLITS]
every_task = pytest.mark.parametrize("task", task_names())
every_task_and_split = pytest.mark.parametrize(("task", "split"), BOTH)


def draw(task: str, split: str, n: int, pool: str = "evaluation", seed: int = 0) -> list[Puzzle]:
    return list(itertools.islice(stream(task, split, pool, seed), n))


def truth(puzzle: Puzzle) -> list:
    return task_of(puzzle.task).movie(puzzle, puzzle.shown)


def shapes_in(scene) -> list[tuple[str, str]]:
    """(shape, colour) of every coloured shape in a scene, except the dots of a drawn route."""
    layers = [layer.split(":") for tile in scene.values() for layer in tile]
    return [(parts[0], parts[1]) for parts in layers if parts[0] in SHAPES]


def near(pixel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel * 255 - colour).max() < 2)
