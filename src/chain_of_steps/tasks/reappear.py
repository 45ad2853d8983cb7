"""An object leaves the picture and returns to its exact place (the paper's working memory, a).

Candidates: the object at any place it could return to, and, at the right place, in two wrong
colours and every wrong shape. A still first frame fails, because the reader also asks for the
empty moment.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import (
    WRONG_COLOURS,
    Puzzle,
    draw_pairs,
    name_of,
    objects_scene,
    scatter,
    shape_layer,
)
from chain_of_steps.tasks.scene import FRAMES, SHAPES, Scene, hold, with_tiles

NAME = "reappear"
TITLE = "leave and return"
FAMILY = "Transformation"
ORDER = 8
STORY = (
    "The picture shows some coloured objects on a plain ground. {prompt} For a moment it is "
    "out of sight, then it comes back to where it was, with the shape and the colour that it "
    "had. All other objects stay as they are, and the camera does not move."
)
KEY_FRAMES = (8, FRAMES - 1)  # while it is away; at the end
LEAST = (3, 3, 4)  # it leaves, is away, comes back, and is there


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    pair = draw_pairs(rng, split, 1)[0]
    row, col = rng.randrange(board.rows), rng.randint(1, board.columns - 2)
    side = rng.choice(("left", "right"))
    free = [cell for cell in board.cells if cell[0] != row]
    bystanders = scatter(rng, free, rng.randint(1, 5), avoid=[pair])
    taken = {cell for cell, _ in bystanders}
    # [place, shape, colour] of the object at the end; the right one first
    candidates = [((row, col), *pair)]
    candidates += [(c, *pair) for c in board.cells if c not in taken and c != (row, col)]
    candidates += [((row, col), pair[0], other) for other in WRONG_COLOURS[pair[1]]]
    candidates += [((row, col), other, pair[1]) for other in SHAPES if other != pair[0]]
    prompt = f"The {name_of(pair)} leaves the picture on the {side} and returns to its place."
    layout = {"object": pair, "place": (row, col), "side": side, "bystanders": bystanders}
    layout |= board.entry
    return Puzzle(NAME, split, prompt, layout, tuple(candidates), (0,), 0)


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    away = objects_scene(puzzle.layout["bystanders"])
    layer = shape_layer(tuple(puzzle.layout["object"]))
    place = tuple(puzzle.layout["place"])
    board = puzzle.board
    edge = (place[0], 0 if puzzle.layout["side"] == "left" else board.columns - 1)
    end, *pair = puzzle.candidates[candidate]
    here, at_edge = with_tiles(away, {place: (layer,)}), with_tiles(away, {edge: (layer,)})
    back = with_tiles(away, {tuple(end): (shape_layer(tuple(pair)),)})
    # away in the middle of the movie, where the reader looks for it
    leaving = [here, *[at_edge] * ((board.beats - 1) // 2), away, at_edge]
    return hold(*leaving, *[back] * (board.latent_frames - len(leaving)), board=board)


def empty(puzzle: Puzzle) -> list[Scene]:
    away = objects_scene(puzzle.layout["bystanders"])
    return [away, away]
