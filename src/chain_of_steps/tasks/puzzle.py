"""What every puzzle module shares: the puzzle record, random layouts and plain-English words."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chain_of_steps.tasks.board import Board, Cell
from chain_of_steps.tasks.scene import COLOURS, HELD_OUT_PAIRS, SHAPES

SPLITS = ("in-domain", "out-of-domain")

# Wrong colours that count as candidate answers. Colour has three channels: beside the true colour
# and the floor, a half-drawn third wrong colour could not be told from a blend of the others.
# These two surround the true one, so that none of the rest is taken for it.
WRONG_COLOURS: dict[str, tuple[str, str]] = {
    "red": ("yellow", "purple"),
    "green": ("blue", "yellow"),
    "blue": ("red", "cyan"),
    "yellow": ("red", "green"),
    "purple": ("red", "blue"),
    "cyan": ("green", "blue"),
}

Pair = tuple[str, str]  # (shape, colour)


class Retry(Exception):
    """A random layout that breaks the task's rules; the generator draws another."""


@dataclass(frozen=True)
class Puzzle:
    """One instance of a task.

    `layout` and `candidates` are plain JSON values: with the task module they say how to draw
    every candidate answer. `solutions` are the indices of the right candidates; `shown` is the
    one the ground-truth video shows. `essence` is the part of the layout that must not be shared
    between training and evaluation. `need`: how many inferences, one after another, the puzzle asks
    for, as known from its making; 0 where it asks for none.
    """

    task: str
    split: str
    prompt: str
    layout: dict[str, Any]
    candidates: tuple[Any, ...]
    solutions: tuple[int, ...]
    shown: int
    essence: Any = None
    need: int = 0

    @property
    def board(self) -> Board:
        """Its rows, columns and beats; the layout says them where they are not the default."""
        return Board(**self.layout.get("on_board", {}))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the kind and the essence; equal puzzles have equal digests."""
        parts = [kind_of(self.task), self.layout]
        if self.essence is not None:
            parts = [parts[0], self.essence, *self.board.entry.values()]
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def kind_of(task: str) -> str:
    """The puzzle that a task draws: `chain` for chain_lit, which draws it in another way."""
    return task.partition("_")[0]


def held_out(*key: object, one_in: int = 4) -> bool:
    """A fixed pseudo-random choice of about one in `one_in` combinations for the other split."""
    text = json.dumps(key, separators=(",", ":"))
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % one_in == 0


def pairs(split: str) -> list[Pair]:
    """Colour-shape pairs of a split; those out of domain are never shown in domain."""
    every = [(shape, colour) for shape in SHAPES for colour in COLOURS]
    return [pair for pair in every if (pair in HELD_OUT_PAIRS) == (split == "out-of-domain")]


def draw_pairs(rng: random.Random, split: str, n: int) -> list[Pair]:
    """`n` different pairs, the first of them of the split, the others always in domain."""
    first = rng.choice(pairs(split))
    rest = [pair for pair in pairs("in-domain") if pair != first]
    return [first, *rng.sample(rest, n - 1)]


def scatter(
    rng: random.Random, cells: Iterable[Cell], n: int, avoid: Sequence[Pair] = ()
) -> list[tuple[Cell, Pair]]:
    """Up to `n` bystander objects on free cells, in domain and different from `avoid`."""
    free = list(cells)
    chosen = rng.sample(free, min(n, len(free)))
    kinds = [pair for pair in pairs("in-domain") if pair not in avoid]
    return [(cell, rng.choice(kinds)) for cell in chosen]


def shape_layer(pair: Pair, size: str = "m") -> str:
    return f"{pair[0]}:{pair[1]}:{size}"


def name_of(pair: Pair) -> str:
    return f"{pair[1]} {pair[0]}"


def objects_scene(objects: Iterable[tuple[Sequence[int], Sequence[str]]]) -> dict[Cell, tuple]:
    """A scene of medium-sized objects from [[row, column], [shape, colour]] entries."""
    return {
        (row, column): (shape_layer((shape, colour)),) for (row, column), (shape, colour) in objects
    }
