"""The puzzles: one module a task, each with the same five names.

    NAME, FAMILY, KEY_FRAMES    the task, its VBVR-style category, the frames a reader looks at
    propose(rng, split)         a random puzzle, or `Retry`
    movie(puzzle, candidate)    the 17 scenes that show one candidate answer
    empty(puzzle)               the key frames with no answer drawn

Cases for training and for evaluation never overlap: a puzzle belongs to one side by the digest of
its essence (`pool_of`), and the generator discards those of the other side.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import ModuleType

from chain_of_steps.errors import UserError
from chain_of_steps.tasks import (
    bounce,
    grid,
    identify,
    maze,
    move,
    occlude,
    odd,
    polyomino,
    reappear,
    rotation,
    shelf,
    size,
    tictactoe,
)
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle, Retry

TASKS: dict[str, ModuleType] = {
    module.NAME: module
    for module in (
        maze,
        grid,
        tictactoe,
        shelf,
        odd,
        size,
        rotation,
        reappear,
        occlude,
        bounce,
        polyomino,
        move,
        identify,
    )
}
POOLS = ("train", "evaluation")


def pool_of(puzzle: Puzzle) -> str:
    """The side of the divide: all out-of-domain puzzles and one in-domain one in four evaluate."""
    evaluates = puzzle.split == "out-of-domain" or int(puzzle.digest[:8], 16) % 4 == 0
    return POOLS[evaluates]


def stream(task: str, split: str, pool: str, seed: int | str) -> Iterator[Puzzle]:
    """Endless puzzles of one task, split and pool; the same for the same arguments.

    Evaluation puzzles do not repeat. Raises ValueError for an unknown name and UserError when
    there are no more of them.
    """
    for value, known in ((task, TASKS), (split, SPLITS), (pool, POOLS)):
        if value not in known:
            raise ValueError(f"unknown name {value!r}; one of {', '.join(known)}")
    rng = random.Random(f"{task}/{split}/{pool}/{seed}")
    seen: set[str] = set()
    misses = 0
    while True:
        try:
            puzzle = TASKS[task].propose(rng, split)
        except Retry:
            continue
        if pool_of(puzzle) != pool or puzzle.digest in seen:
            misses += 1
            if misses > 20_000:
                raise UserError(
                    f"{task} has only {len(seen)} different {split} cases: ask for fewer cases."
                )
            continue
        misses = 0
        if pool == "evaluation":
            seen.add(puzzle.digest)
        yield puzzle
