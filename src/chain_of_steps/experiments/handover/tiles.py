"""Does the latent carry a partial answer? Some tiles of a way put in or taken out, others read.

    transplant  the first tiles of a way that turns wrong, and the right way's tiles beside them
                bare: do later tiles of the wrong way follow, and do later ones of the right way go?
    erase       the first tiles of the right way are made bare: do later ones go?

Tiles are read in the last frame, each as the one of two appearances that is nearer: in the clean
estimate of the step itself, one pass later, and at the end of the run. A tile that lies d
inferences behind the last one that was put in can follow by what others show alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.drawn import drawn, drawn_still
from chain_of_steps.edits import Erase, Put, Transplant
from chain_of_steps.experiments.handover.ends import steps_at
from chain_of_steps.experiments.handover.mistakes import WAYS, branches, cells_of
from chain_of_steps.experiments.handover.settings import Handover
from chain_of_steps.interventions import by_row
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Runs, batches, noise_seeds, rerun
from chain_of_steps.sampling import StepState
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.board import Cell
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.observe import Observer, look_of
from chain_of_steps.tasks.places import places_of
from chain_of_steps.tasks.puzzle import Puzzle, kind_of
from chain_of_steps.tasks.scene import split_tiles
from chain_of_steps.trajectory import Trajectory

COLUMNS = (
    *("model", "case", "task", "split", "seed", "need", "intervention", "way", "step", "sigma"),
    *("turn", "moved", "depth", "distance", "follows_next", "follows", "plain_next", "plain"),
)


@dataclass(frozen=True)
class Move:
    """Tiles that are put in from a video, and those that are read.

    puzzle: of two candidates; that numbered `shows` looks as what is put in does. turn: tiles
    before the first that is moved; size: how many of a way are. read: (way, depth, distance,
    cell), of the tiles that are not moved. drawing: of the video.
    """

    name: str
    puzzle: Puzzle
    shows: int
    turn: int
    size: int
    moved: tuple[Cell, ...]
    y: Tensor
    read: tuple[tuple[str, int, int, Cell], ...]
    drawing: Drawing = DEFAULT_DRAWING

    def put(self, step: int, seed: int) -> Put:
        size = (self.y.shape[-2], self.y.shape[-1])
        places = places_of(self.moved, size, self.puzzle.board, self.drawing)
        if self.name == "erase":
            return Erase(step, places, seed=seed)
        return Transplant(step, places, self.shows, seed=seed)


def moves(
    model: VideoModel, puzzle: Puzzle, fields: Handover, drawing: Drawing = DEFAULT_DRAWING
) -> list[Move]:
    """What is moved in the runs of a puzzle of WAYS."""
    n, found = fields.prefix, []
    right = puzzle.candidates[puzzle.shown]
    first = kind_of(puzzle.task) == "maze"  # whose ways begin with the start, which is shown
    for branch in branches(puzzle, fields.turns, n + 2):
        few = replace(puzzle, candidates=(right, puzzle.candidates[branch.candidate]))
        few = replace(few, solutions=(0,), shown=0)
        read = [
            (way, branch.common + i + 1 - first, i + 1 - n, cell)
            for way, cells in (("wrong", branch.wrong), ("right", branch.way))
            for i, cell in enumerate(cells)
            if i >= n
        ]
        moved = (*branch.wrong[:n], *branch.way[:n])
        y = drawn(model, few, [1], drawing)[0]
        where = (branch.common, n, moved)
        found.append(Move("transplant", few, 1, *where, y, tuple(read), drawing))
    cells = cells_of(right)[first:]
    bare = right[:first]  # a way of no tiles but the one that is shown
    few = replace(puzzle, candidates=(right, bare), solutions=(0,), shown=0)
    read = [("right", i + 1, i + 1 - n, cell) for i, cell in enumerate(cells) if i >= n]
    if read:
        still = drawn_still(model, puzzle, drawing)
        found.append(Move("erase", few, 1, 0, n, tuple(cells[:n]), still, tuple(read), drawing))
    return found


def tiles_of(
    model: VideoModel, trajectory: Trajectory, cases: Sequence[Case], fields: Handover, batch: int
) -> tuple[pd.DataFrame, int]:
    """One row for each run, move, level and tile that is read, and the NFE.

    Columns: COLUMNS. way: right or wrong, to which the tile belongs. turn: tiles of the way before
    the first that was moved; moved: how many were, of one way. depth: of the tile, in inferences;
    distance: from the last that was moved. follows_next, follows: the tile looks as in the video
    that was put in more than in the other, in the next clean estimate and at the end; plain_next,
    plain: so it does in the run that was forked.
    """
    ways = [case for case in cases if kind_of(case.puzzle.task) in WAYS]
    by_case = {case.name: moves(model, case.puzzle, fields, case.drawing) for case in ways}
    given = {case.name: case for case in cases}
    rows: list[dict] = []
    nfe = 0
    for picked in batches(trajectory.runs, batch):
        rest = [row for row in picked if trajectory.runs["case"][row] in by_case]
        for number in range(fields.turns + 1):
            # a batch holds the runs that have such a move
            mine = [r for r in rest if number < len(by_case[trajectory.runs["case"][r]])]
            if not mine:
                continue
            runs = trajectory.select(mine)
            chosen = [by_case[name][number] for name in runs.runs["case"]]
            asked = [given[name] for name in runs.runs["case"]]
            condition = Runs(model, runs.runs, asked, runs.made_by["frames"]).condition()
            for k in steps_at(runs.sigmas, fields.tile_levels):
                edits = [
                    move.put(k, seed).edit(runs.n_steps, move.y)
                    for move, seed in zip(chosen, noise_seeds(runs.runs), strict=True)
                ]
                states: list[StepState] = []

                def watch(state: StepState, k: int = k, states: list = states) -> None:
                    if state.k == k:
                        states.append(state)

                ends, spent = rerun(model, condition, runs, k, edit=by_row(edits), watch=watch)
                nfe += spent
                following = states[0].clean.cpu()
                for n, move in enumerate(chosen):
                    looks = (following[n], ends[n], runs.clean[n, k], runs.x[n, -1])
                    seen = _read(model, move, torch.stack(looks))
                    rows += _rows(runs, n, k, move, seen)
    return pd.DataFrame(rows, columns=list(COLUMNS)), nfe


def _read(model: VideoModel, move: Move, looks: Tensor) -> np.ndarray:
    """bool (S, tiles to read): whether each is nearer to what was put in, in the last frame."""
    last = move.puzzle.board.frames - 1
    observer = Observer(move.puzzle, move.drawing)
    frames = model.decode(looks, frames=observer.frames_for([last])).numpy()
    seen = split_tiles(observer.boards(frames, [last]))[:, 0]
    movies = [task_of(move.puzzle.task).movie(move.puzzle, n)[last] for n in (0, 1)]
    found = []
    for *_, (row, column) in move.read:
        looks_like = [look_of(movie.get((row, column), ()), move.drawing) for movie in movies]
        distances = [np.square(seen[:, row, column] - one).sum((1, 2, 3)) for one in looks_like]
        found.append(distances[move.shows] < distances[1 - move.shows])
    return np.stack(found, axis=1)


def _rows(runs: Trajectory, n: int, k: int, move: Move, seen: np.ndarray) -> list[dict]:
    run = runs.runs.iloc[n]
    return [
        {
            **{name: run[name] for name in ("model", "case", "task", "split", "seed")},
            **{"need": move.puzzle.need, "intervention": move.name, "way": way},
            **{"step": k, "sigma": runs.sigmas[k].item()},
            **{"turn": move.turn, "moved": move.size},
            **{"depth": depth, "distance": distance},
            **dict(
                zip(("follows_next", "follows", "plain_next", "plain"), seen[:, i], strict=True)
            ),
        }
        for i, (way, depth, distance, _) in enumerate(move.read)
    ]
