"""Find, then move: the named object slides to the named edge (perception before action).

Candidates: each object moved to that edge, and the named one moved to the other edges.
"""

from __future__ import annotations

import random

from chain_of_steps.tasks.board import DEFAULT_BOARD, Board, Cell
from chain_of_steps.tasks.puzzle import (
    Puzzle,
    Retry,
    draw_pairs,
    name_of,
    objects_scene,
    shape_layer,
)
from chain_of_steps.tasks.scene import FRAMES, Scene, hold, with_tiles

NAME = "move"
TITLE = "find, then move"
FAMILY = "Perception"
ORDER = 12
STORY = (
    "The picture shows several coloured objects on a plain ground. {prompt} It slides in a "
    "straight line until it reaches that edge and then stays. All other objects stay as they "
    "are, and the camera does not move."
)
KEY_FRAMES = (FRAMES - 1,)
EDGES = {"left": (0, -1), "right": (0, 1), "top": (-1, 0), "bottom": (1, 0)}


def slide(cell: Cell, edge: str, board: Board = DEFAULT_BOARD) -> list[Cell]:
    """Cells from `cell` to the edge, both included."""
    (r, c), (dr, dc) = cell, EDGES[edge]
    path = []
    while 0 <= r < board.rows and 0 <= c < board.columns:
        path.append((r, c))
        r, c = r + dr, c + dc
    return path


def propose(rng: random.Random, split: str, board: Board = DEFAULT_BOARD) -> Puzzle:
    n = rng.randint(3, 5)
    kinds = draw_pairs(rng, split, n)
    cells = rng.sample(board.cells, n)
    edge = rng.choice(sorted(EDGES))
    taken = set(cells)

    def clear(cell: Cell, towards: str) -> bool:
        path = slide(cell, towards, board)
        return len(path) > 1 and not taken & set(path[1:])

    if not clear(cells[0], edge):
        raise Retry
    # [object, edge]; the right one first
    candidates = [(0, edge)]
    candidates += [(i, edge) for i in range(1, n) if clear(cells[i], edge)]
    candidates += [(0, other) for other in EDGES if other != edge and clear(cells[0], other)]
    if len(candidates) < 3:
        raise Retry
    prompt = f"Move the {name_of(kinds[0])} to the {edge} edge."
    layout = {"objects": list(zip(cells, kinds, strict=True)), "edge": edge, **board.entry}
    return Puzzle(NAME, split, prompt, layout, tuple(candidates), (0,), 0)


def movie(puzzle: Puzzle, candidate: int) -> list[Scene]:
    objects = puzzle.layout["objects"]
    index, edge = puzzle.candidates[candidate]
    cell, pair = objects[index]
    scene = objects_scene(o for i, o in enumerate(objects) if i != index)
    board = puzzle.board
    path = slide(tuple(cell), edge, board)
    stops = [path[min(beat, len(path) - 1)] for beat in range(board.latent_frames)]
    scenes = (with_tiles(scene, {stop: (shape_layer(tuple(pair)),)}) for stop in stops)
    return hold(*scenes, board=board)


def empty(puzzle: Puzzle) -> list[Scene]:
    movable = {index for index, _ in puzzle.candidates}
    objects = puzzle.layout["objects"]
    return [objects_scene(o for i, o in enumerate(objects) if i not in movable)]
