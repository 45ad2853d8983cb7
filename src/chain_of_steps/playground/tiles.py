"""The pictures of all tiles that puzzles drawn on the page can have, as the tasks paint them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product

import numpy as np

from chain_of_steps.tasks import chain, chain_lit, flood, latin, maze
from chain_of_steps.tasks.puzzle import shape_layer
from chain_of_steps.tasks.scene import Tile, render_tile

WALLS = "nswe"  # in the order in which mazes paint them


def some(layers: Iterable[str]) -> Iterator[Tile]:
    """Every choice of some layers, in their order."""
    layers = list(layers)
    for n in range(len(layers) + 1):
        yield from combinations(layers, n)


def _walled() -> list[Tile]:
    return [tuple(f"wall:{side}" for side in sides) for sides in some(WALLS)]


def _of_mazes() -> Iterator[Tile]:
    for walls, more in product(_walled(), some([maze.GOAL, maze.DOT])):
        yield (*walls, *more)


def _of_floods() -> Iterator[Tile]:
    for water, walls in product(some([flood.WATER]), _walled()):
        yield (*water, *walls)


def _of_chains() -> Iterator[Tile]:
    signs = [maze.GOAL, *(f"arrow:{turn}" for turn in range(len(chain.DIRECTIONS)))]
    below, marks = list(some([chain_lit.LIGHT, chain.START])), list(some([chain.MARK]))
    for under, sign, mark in product(below, signs, marks):
        yield (*under, sign, *mark)


def _of_squares() -> Iterator[Tile]:
    yield ("slot",)
    yield from ((shape_layer(pair),) for pair in latin.OBJECTS)


def _of_grids() -> Iterator[Tile]:
    yield ("block",)
    yield from some([maze.GOAL, maze.DOT])


TILES = {
    "maze": _of_mazes,
    "flood": _of_floods,
    "latin": _of_squares,
    "chain": _of_chains,
    "chain_lit": _of_chains,
    "grid": _of_grids,
}
"""Tasks that the page offers, as far as a study has them -> what their tiles may be."""


def key(tile: Tile) -> str:
    """How the page writes a tile."""
    return "+".join(tile)


def pictures(tasks: Iterable[str]) -> tuple[list[str], np.ndarray]:
    """Keys of the tiles of some tasks, and their pictures, uint8 (n, 16, 16, 3)."""
    tiles = dict.fromkeys(((), *(tile for task in tasks for tile in TILES[task]())))
    painted = np.stack([np.round(render_tile(tile) * 255) for tile in tiles])
    return list(map(key, tiles)), painted.astype(np.uint8)
