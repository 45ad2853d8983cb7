"""Put the named object on the named shelf tier. Candidates are the four tiers.

Out of domain the object is a colour-shape pair that no in-domain puzzle shows.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import (
    Puzzle,
    draw_pairs,
    name_of,
    objects_scene,
    scatter,
    shape_layer,
)
from chain_of_steps.tasks.scene import FRAMES, Scene, hold, with_tiles

NAME = "shelf"
TITLE = "named shelf"
FAMILY = "Spatiality"
ORDER = 4
STORY = (
    "The picture shows a shelf with four tiers at the right side and some coloured objects. "
    "{prompt} It is lifted to the height of that tier, set down there and then stays. All "
    "other objects and the shelf stay as they are, and the camera does not move."
)
KEY_FRAMES = (FRAMES - 1,)
TIERS = ("top", "second", "third", "lowest")
SPOT = 3  # the shelf is columns 3 and 4; objects are put into column 3
LEAST = (4, 5, 3)


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    pair = draw_pairs(rng, split, 1)[0]
    start = (board.rows - 1, rng.randint(0, 2))
    tier = rng.randrange(len(TIERS))
    others = [(r, SPOT + 1) for r in range(len(TIERS))]
    others += [(r, c) for r in range(3) for c in range(2)]
    bystanders = scatter(rng, others, rng.randint(1, 4), avoid=[pair])
    prompt = f"Put the {name_of(pair)} on the {TIERS[tier]} shelf."
    layout = {"object": pair, "start": start, "bystanders": bystanders, "tier": tier}
    layout |= board.entry
    tiers = tuple(range(len(TIERS)))
    return Puzzle(NAME, split, prompt, layout, tiers, (tier,), tier)


def backdrop(puzzle: Puzzle) -> Scene:
    scene = objects_scene(puzzle.layout["bystanders"])
    for row in range(len(TIERS)):
        for col in (SPOT, SPOT + 1):
            scene[(row, col)] = ("wall:s", *scene.get((row, col), ()))
    return scene


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    scene = backdrop(puzzle)
    layer = shape_layer(tuple(puzzle.layout["object"]))
    row, col = puzzle.layout["start"]
    tier = puzzle.candidates[candidate]

    def at(r: int, c: int) -> Scene:
        return with_tiles(scene, {(r, c): (*scene.get((r, c), ()), layer)})

    # along the floor to the free column before the shelf, up, and in
    board, last = puzzle.board, at(tier, SPOT)
    way = [at(row, col), at(row, SPOT - 1), at(tier, SPOT - 1)]
    return hold(*way, *[last] * (board.latent_frames - len(way)), board=board)


def empty(puzzle: Puzzle) -> list[Scene]:
    return [backdrop(puzzle)]
