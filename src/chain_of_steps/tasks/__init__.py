"""The puzzles: one module a task, each of the form of `Task`. Cheap to import.

A task is known by its module's name, so a new one is a new file and no list has to name it. None
is imported here: who works on mazes should not depend on, nor be made again with, tic-tac-toe.

Cases for training and for evaluation never overlap: a puzzle belongs to one side by the digest of
its essence (`pool_of`), and the generator discards those of the other side.
"""

from __future__ import annotations

import pkgutil
import random
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Protocol, cast

from chain_of_steps.errors import UserError, suggestion

if TYPE_CHECKING:
    from chain_of_steps.tasks.board import Board
    from chain_of_steps.tasks.puzzle import Puzzle
    from chain_of_steps.tasks.scene import Scene

# modules here that are no task
SHARED = frozenset(
    {"board", "puzzle", "scene", "drawing", "reader", "restore", "observe", "regions", "places"}
)
POOLS = ("train", "evaluation")


class Task(Protocol):
    """What the module of a task holds."""

    NAME: str  # that of the module, which configurations and tables write
    TITLE: str  # what figures call it
    FAMILY: str  # its category, one of VBVR-Bench's five
    ORDER: int  # where figures put it among the others; of equal ones the name decides
    STORY: str  # its prompt as a paragraph, with {prompt} for the sentence that asks

    @property
    def KEY_FRAMES(self) -> tuple[int, ...]:
        """The frames that a reader looks at."""

    def propose(self, rng: random.Random, split: str, board: Board = ...) -> Puzzle:
        """A random puzzle, drawn from `rng` alone. Raises Retry where a layout breaks a rule.

        A task that takes no board has puzzles on the default one alone.
        """

    def movie(self, puzzle: Puzzle, candidate: int) -> list[Scene]:
        """The scenes that show one candidate answer, one a frame."""

    def empty(self, puzzle: Puzzle) -> list[Scene]:
        """A scene for each key frame, with no answer drawn."""

    # A task that some boards have no room for has
    #     LEAST: tuple[int, int, int], the rows, columns and beats that it takes.
    # A task of known need may also have
    #     depths(puzzle, candidate) -> dict[Cell, int]
    # the number of inferences that the tile of each cell of an answer takes. One whose answer is a
    # trail may also be drawn as a dot that leaves none:
    #     travelling(puzzle, candidate) -> list[Scene], TRAVEL_PROMPT


@cache
def task_names() -> tuple[str, ...]:
    """The names of all tasks in the order of the alphabet; no task is imported."""
    return tuple(sorted({module.name for module in pkgutil.iter_modules(__path__)} - SHARED))


def task_of(name: str) -> Task:
    """The task of a name. Raises UserError where there is none."""
    known = task_names()
    if name not in known:
        hint = suggestion(name, known, f"write one of {', '.join(known)}.")
        raise UserError(f"no task is called {name!r}: {hint}")
    return cast(Task, import_module(f"{__name__}.{name}"))


def in_order(names: Iterable[str]) -> list[str]:
    """Names of tasks as figures show them, by their ORDER."""
    return sorted(names, key=lambda name: (task_of(name).ORDER, name))


def pool_of(puzzle: Puzzle) -> str:
    """The side of the divide: all out-of-domain puzzles and one in-domain one in four evaluate."""
    evaluates = puzzle.split == "out-of-domain" or int(puzzle.digest[:8], 16) % 4 == 0
    return POOLS[evaluates]


def proposer(task: str, board: Board | None = None) -> Callable[[random.Random, str], Puzzle]:
    """`propose` of a task on a board, the default one where none is given.

    Raises UserError where the task has no puzzles on it.
    """
    from chain_of_steps.tasks.board import DEFAULT_BOARD

    propose = task_of(task).propose
    if board is None or board == DEFAULT_BOARD:
        return propose
    if "board" not in signature(propose).parameters:
        raise UserError(
            f"{task} has puzzles on {DEFAULT_BOARD} alone, not on {board}: leave one of them out."
        )
    rows, columns, beats = getattr(task_of(task), "LEAST", (0, 0, 0))
    if board.rows < rows or board.columns < columns or board.beats < beats:
        raise UserError(
            f"{task} takes {rows} x {columns} tiles and {beats} beats, but the board has {board}: "
            f"leave {task} out, or write a larger board."
        )
    return partial(propose, board=board)


def stream(
    task: str, split: str, pool: str, seed: int | str, board: Board | None = None
) -> Iterator[Puzzle]:
    """Endless puzzles of one task, split, pool and board; the same for the same arguments.

    Evaluation puzzles do not repeat; tasks that draw one kind of puzzle have the same ones, so that
    their runs are pairs. Raises ValueError for an unknown name, and UserError when there are no
    more puzzles or the task has none on that board.
    """
    # here, as it brings NumPy, which the names alone do not need
    from chain_of_steps.tasks.puzzle import SPLITS, Retry, kind_of

    for value, known in ((task, task_names()), (split, SPLITS), (pool, POOLS)):
        if value not in known:
            raise ValueError(f"unknown name {value!r}; one of {', '.join(known)}")
    propose = proposer(task, board)
    name = kind_of(task) if pool == "evaluation" else task
    rng = random.Random(f"{name}/{split}/{pool}/{seed}")
    seen: set[str] = set()
    misses = 0
    while True:
        try:
            puzzle = propose(rng, split)
        except Retry:
            puzzle = None
        if puzzle is None or pool_of(puzzle) != pool or puzzle.digest in seen:
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
