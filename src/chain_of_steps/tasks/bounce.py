"""An object flies diagonally through a chamber and bounces off floor and ceiling.

A column a beat, and chambers of fixed rows: for the default board alone.

Candidates are the places where it could land in the last column. Out of domain: chambers of two
rows and the low or high chambers of three rows, never seen in domain.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD
from chain_of_steps.tasks.puzzle import (
    Puzzle,
    draw_pairs,
    name_of,
    objects_scene,
    scatter,
    shape_layer,
)
from chain_of_steps.tasks.scene import FRAMES, Scene, hold, with_tiles

NAME = "bounce"
TITLE = "bounce"
FAMILY = "Knowledge"
ORDER = 10
KEY_FRAMES = (FRAMES - 1,)
CHAMBERS = {  # (first row, last row)
    "in-domain": ((0, 4), (0, 3), (1, 4), (1, 3)),
    "out-of-domain": ((0, 2), (2, 4), (0, 1), (1, 2), (2, 3), (3, 4)),
}


def flight(row: int, step: int, top: int, bottom: int) -> list[int]:
    """Row of the ball in each column; `step` is -1 (up) or 1 (down) at the start."""
    rows = [row]
    while len(rows) < DEFAULT_BOARD.columns:
        if not top <= rows[-1] + step <= bottom:
            step = -step
        rows.append(rows[-1] + step)
    return rows


def propose(rng: random.Random, split: str) -> Puzzle:
    top, bottom = rng.choice(CHAMBERS[split])
    row, step = rng.randint(top, bottom), rng.choice((-1, 1))
    pair = draw_pairs(rng, "in-domain", 1)[0]
    towards = rng.choice(("left", "right"))
    outside = [cell for cell in DEFAULT_BOARD.cells if not top - 1 <= cell[0] <= bottom + 1]
    layout = {
        "object": pair,
        "chamber": (top, bottom),
        "row": row,
        "step": step,
        "towards": towards,
        "bystanders": scatter(rng, outside, rng.randint(0, 3)),
    }
    word = "up" if step < 0 else "down"
    prompt = f"The {name_of(pair)} flies {word} and to the {towards} and bounces until it lands."
    candidates = tuple(range(top, bottom + 1))
    answer = candidates.index(flight(row, step, top, bottom)[-1])
    return Puzzle(NAME, split, prompt, layout, candidates, (answer,), answer)


def backdrop(puzzle: Puzzle) -> Scene:
    top, bottom = puzzle.layout["chamber"]
    scene = objects_scene(puzzle.layout["bystanders"])
    for row in (top - 1, bottom + 1):
        if 0 <= row < DEFAULT_BOARD.rows:
            scene.update({(row, col): ("block",) for col in range(DEFAULT_BOARD.columns)})
    return scene


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    layout, scene = puzzle.layout, backdrop(puzzle)
    rows = flight(layout["row"], layout["step"], *layout["chamber"])
    rows[-1] = puzzle.candidates[candidate]
    columns = (
        range(DEFAULT_BOARD.columns)
        if layout["towards"] == "right"
        else range(DEFAULT_BOARD.columns - 1, -1, -1)
    )
    tile = (shape_layer(tuple(layout["object"])),)
    places = zip(rows, columns, strict=True)
    return hold(*(with_tiles(scene, {place: tile}) for place in places))


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]
