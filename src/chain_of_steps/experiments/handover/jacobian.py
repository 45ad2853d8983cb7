"""How a clean estimate hangs on the latent: norms of d clean / d x, by forward differentiation.

With an exact score the clean estimate of a puzzle with one right answer hangs on the picture alone,
so the derivative is 0: only a model that takes something from the latent has one. In which tiles it
answers to a change in which others tells how far it looks in one pass.

    answer   a random direction on all tiles that an answer can change
    others   one on all other tiles
    tile     the direction of the right answer on the tiles of one depth

Directions have length 1; a gain is the length of the answer to it. One forward derivative costs
about two passes, and is counted as two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from chain_of_steps.cases.folders import Case
from chain_of_steps.drawn import drawn, drawn_still
from chain_of_steps.edits import tile_mask
from chain_of_steps.experiments.handover.ends import steps_at
from chain_of_steps.experiments.handover.settings import Handover
from chain_of_steps.interventions import draw
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Runs, noise_seeds
from chain_of_steps.sampling import Velocity, cuts
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.places import places_of
from chain_of_steps.trajectory import Trajectory

COLUMNS = (
    *("model", "case", "task", "split", "seed", "need", "solutions", "step", "sigma"),
    *("source", "direction", "depth", "target", "distance", "gain"),
)
NOWHERE = -1


def derivative(velocity: Velocity, x: Tensor, sigma: float, k: int, along: Tensor) -> Tensor:
    """d clean / d x times `along`, both (B, C, F, h, w), at step k of noise level sigma."""

    def clean(at: Tensor) -> Tensor:
        return at - sigma * velocity(at, sigma, k).float()

    # the fused kernels of attention have no forward derivative
    with sdpa_kernel(SDPBackend.MATH):
        return torch.func.jvp(clean, (x,), (along,))[1]


@dataclass(frozen=True)
class Source:
    """A direction (C, F, h, w) of length 1; depth: of its tile, or -1."""

    name: str
    number: int
    depth: int
    along: Tensor


@dataclass(frozen=True)
class Places:
    """Where the tiles of a puzzle's right answer lie, as masks (F, h, w) by depth, and the rest."""

    by_depth: dict[int, Tensor]
    answer: Tensor
    others: Tensor
    shown: Tensor  # (C, F, h, w): the right answer less the first picture

    @classmethod
    def of(cls, model: VideoModel, case: Case) -> Places:
        puzzle = case.puzzle
        drawing = case.drawing
        right = drawn(model, puzzle, [puzzle.shown], drawing)[0]
        shown = right - drawn_still(model, puzzle, drawing)
        grid, by_depth = shown.shape[1:], {}
        h, w = grid[1:]
        for cell, depth in task_of(puzzle.task).depths(puzzle, puzzle.shown).items():
            if depth > 0:
                mask = tile_mask(places_of([cell], (h, w), puzzle.board, drawing), grid)
                by_depth[depth] = by_depth.get(depth, torch.zeros_like(mask)) | mask
        answer = torch.stack(list(by_depth.values())).any(0)
        return cls(by_depth, answer, ~answer, shown)

    def sources(self, seed: int, n: int) -> Iterator[Source]:
        for number in range(n):
            noise = draw(seed, number, self.shown.shape)
            for name, mask in (("answer", self.answer), ("others", self.others)):
                yield Source(name, number, NOWHERE, _unit(noise * mask))
        depths = sorted(self.by_depth)
        middle = len(depths) // 2
        # two neighbours: an exact score answers to both alike, see `contrasts`
        for depth in dict.fromkeys((depths[0], depths[middle - 1], depths[middle])):
            yield Source("tile", 0, depth, _unit(self.shown * self.by_depth[depth]))


def _unit(x: Tensor) -> Tensor:
    return x / x.norm().clamp_min(1e-12)


def jacobian_of(
    model: VideoModel, trajectory: Trajectory, cases: Sequence[Case], fields: Handover, batch: int
) -> tuple[pd.DataFrame, int]:
    """One row for each run, level, source and target, and the NFE.

    None where fields.directions is 0. cases: of tasks that say the depths of their tiles. Columns:
    COLUMNS. source, direction, depth: which direction. target: answer, others (lengths over all
    these tiles) or, of a tile, `tile` at some distance in inferences, negative for those before it.
    """
    if not fields.directions:
        return pd.DataFrame(columns=list(COLUMNS)), 0
    given = {case.name: case for case in cases}
    places = {case.name: Places.of(model, case) for case in cases}
    rows: list[dict] = []
    nfe = 0
    seeds = noise_seeds(trajectory.runs)
    for n, run in enumerate(trajectory.runs.itertuples()):
        mine, case = places[run.case], given[run.case]
        sources = list(mine.sources(seeds[n], fields.directions))
        alone = Runs(model, trajectory.runs.iloc[[n]], [case], trajectory.made_by["frames"])
        condition = alone.condition()
        for k in steps_at(trajectory.sigmas, fields.levels):
            sigma = trajectory.sigmas[k].item()
            known = {
                **{name: getattr(run, name) for name in ("model", "case", "task", "split", "seed")},
                **{"need": case.puzzle.need, "solutions": len(case.puzzle.solutions)},
                **{"step": k, "sigma": sigma},
            }
            for cut in cuts(len(sources), batch):
                some = sources[cut]
                velocity = model.velocity(condition.repeat(len(some)))
                x = trajectory.x[n, k].to(model.device).repeat(len(some), 1, 1, 1, 1)
                along = torch.stack([source.along for source in some]).to(x)
                found = derivative(velocity, x, sigma, k, along).cpu()
                nfe += 2 * velocity.nfe
                for source, answer in zip(some, found, strict=True):
                    rows += [known | entry for entry in _entries(mine, source, answer)]
    return pd.DataFrame(rows, columns=list(COLUMNS)), nfe


def _entries(places: Places, source: Source, answer: Tensor) -> Iterator[dict]:
    """The targets of one source and its gains."""
    said = {"source": source.name, "direction": source.number, "depth": source.depth}
    for target, mask in (("answer", places.answer), ("others", places.others)):
        yield {**said, "target": target, "distance": 0, "gain": answer[:, mask].norm().item()}
    if source.name == "tile":
        for depth, mask in places.by_depth.items():
            gain = answer[:, mask].norm().item()
            yield {**said, "target": "tile", "distance": depth - source.depth, "gain": gain}
