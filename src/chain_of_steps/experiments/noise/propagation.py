"""How far an injection spreads along the steps: clean estimates against those of the clean run.

Dissimilarity is 1 - CKA (0: unaffected, 1: destroyed) with space-time positions as samples and
channels as features, beside it relative L2 (arXiv 2603.16870, section 3.2, Fig. 3c). Most of a
latent is given by the picture, so that other answers hardly show in it; hence both measures are
also taken on the positions alone where the candidates of the puzzle differ (`decisive_places`).
What two clean runs differ by that share the case but not the seed (`seed_floor`), the seed but not
the case (`case_floor`), or everything but the batch layout (`repeat_floor`), says what a number
means: 0 and 1 of a normalised one are the first two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.cka import cka, compare, relative_l2
from chain_of_steps.interventions import by_row
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.model import VideoModel
from chain_of_steps.probes import Site, hooked
from chain_of_steps.runs import by_step
from chain_of_steps.sampling import Edit, StepState, sample
from chain_of_steps.tasks.observe import observer_of
from chain_of_steps.tasks.places import on_grid
from chain_of_steps.trajectory import Trajectory

MEASURED = ("dissimilarity", "relative_l2", "tiles_dissimilarity", "tiles_l2")
LEAST = 8  # positions; below it CKA says more about their number than about the latents
ESTIMATE = "clean estimate"  # the site of a comparison of latents; others are "layer <i>"


Places = Mapping[str, Tensor]
"""Case -> bool (F, h, w): the positions of a latent where the candidates of its puzzle differ."""


def decisive_places(cases: Sequence[Case], grid: Sequence[int], ahead: int = 0) -> Places:
    """The decisive positions of every puzzle on a latent grid (F, h, w); others have none.

    ahead: how many of the latent frames come before the video, where nothing is decided.
    """
    frames, *size = grid

    def places(case: Case) -> Tensor:
        shown = (frames - ahead, *size)
        found = on_grid(observer_of(case).decisive, shown, case.puzzle.board, case.drawing)
        return torch.from_numpy(np.pad(found, ((ahead, 0), (0, 0), (0, 0))))

    return {case.name: places(case) for case in cases if case.is_puzzle}


def differences(latents: Tensor, reference: Tensor, places: Tensor | None) -> Tensor:
    """MEASURED (..., 4) of latents (..., C, F, h, w); nan on fewer than LEAST decisive places."""
    whole = compare(latents, reference)
    if places is None or places.sum() < LEAST:
        some = (torch.full_like(whole[0], torch.nan),) * 2
    else:
        # as if the places were all positions of a latent
        some = compare(*(x[..., places][..., None, None] for x in (latents, reference)))
    return torch.stack([*whole, *some], dim=-1)


class Comparison:
    """A `watch` that compares every clean estimate with that of the same step of the clean runs."""

    def __init__(self, trajectory: Trajectory, places: Places) -> None:
        self.trajectory = trajectory
        self.places = [places.get(case) for case in trajectory.runs["case"]]
        self.steps: list[int] = []
        self.found: list[Tensor] = []

    def __call__(self, state: StepState) -> None:
        self.steps.append(state.k)
        rows = zip(state.clean.cpu(), self.trajectory.clean[:, state.k], self.places, strict=True)
        self.found.append(torch.stack([differences(*row) for row in rows]))

    def table(self) -> pd.DataFrame:
        return flow_rows(self.trajectory, self.steps, torch.stack(self.found, dim=1))


def flow_rows(
    trajectory: Trajectory, steps: Sequence[int], measured: Tensor, site: str = ESTIMATE
) -> pd.DataFrame:
    """Long form of comparisons (runs, steps, 4): run columns, site, step, sigma, MEASURED."""
    values = dict(zip(MEASURED, measured.flatten(0, 1).T.numpy(), strict=True))
    return by_step(trajectory, steps).assign(site=site, **values)


def layer_flow(
    model: VideoModel,
    condition: Condition,
    trajectory: Trajectory,
    edits: Sequence[Edit],
    start: int,
    layers: Sequence[int],
) -> tuple[pd.DataFrame, int]:
    """The same for the hidden states after some layers, from step `start` on: rows and NFE.

    edits: one a run. Clean and edited runs share each batch, so no hidden state is stored; of
    guided models only the conditional branch is compared.
    """
    n = len(trajectory.runs)
    velocity = model.velocity(condition.select([*range(n), *range(n)]))
    tables = []

    def read(site: Site, before: Tensor, after: Tensor) -> None:
        if site.layer in layers and site.branch == "cond":
            clean, edited = after.chunk(2)
            found = torch.full((n, 1, len(MEASURED)), torch.nan, dtype=torch.float64)
            found[:, 0, 0] = 1 - cka(edited, clean)
            found[:, 0, 1] = relative_l2(edited, clean)
            tables.append(flow_rows(trajectory, [site.step], found, f"layer {site.layer}"))

    def twice(x: Tensor) -> Tensor:
        return torch.cat([x, x]).to(model.device)

    with hooked(velocity, model.blocks, read=read):
        sample(
            velocity,
            twice(trajectory.x[:, start]),
            trajectory.sigmas,
            start=start,
            clean=twice(trajectory.clean[:, start - 1]) if start else None,
            edit=by_row([*[None] * n, *edits]),
        )
    return pd.concat(tables, ignore_index=True), velocity.nfe


def seed_floor(trajectory: Trajectory, seeds: Sequence[int], places: Places) -> pd.DataFrame:
    """Rows of two clean runs of a case: each seed of `seeds` against the next one stored."""
    stored = list(dict.fromkeys(trajectory.runs["seed"]))
    if len(stored) == 1:
        return pd.DataFrame()
    following = dict(zip(stored, [*stored[1:], stored[0]], strict=True))
    here = trajectory.select(np.flatnonzero(trajectory.runs["seed"].isin(seeds)))
    others = zip(here.runs["case"], here.runs["seed"].map(following), strict=True)
    return _floor(here, trajectory, others, places, "other seed")


def case_floor(trajectory: Trajectory, places: Places) -> pd.DataFrame:
    """Rows of clean runs against those of the next case stored, of the same task where it has one.

    They are compared where the candidates of the first of the two differ.
    """
    cases = trajectory.runs.drop_duplicates("case").set_index("case")["task"]
    if len(cases) == 1:
        return pd.DataFrame()
    names = cases.index.to_series()
    following = names.groupby(cases).transform(lambda mine: np.roll(mine, -1))
    alone = following == names
    following[alone] = np.roll(names, -1)[alone]
    others = zip(trajectory.runs["case"].map(following), trajectory.runs["seed"], strict=True)
    return _floor(trajectory, trajectory, others, places, "other case")


def repeat_floor(trajectory: Trajectory, again: Trajectory, places: Places) -> pd.DataFrame:
    """Rows of clean runs against the same runs made again in batches of another size."""
    same = zip(again.runs["case"], again.runs["seed"], strict=True)
    return _floor(again, trajectory, same, places, "repeat")


def _floor(
    trajectory: Trajectory,
    other: Trajectory,
    others: Iterable[tuple[str, int]],
    places: Places,
    kind: str,
) -> pd.DataFrame:
    """others: case and seed of the run among `other` that each run is held against."""
    at = {(run.case, run.seed): row for row, run in enumerate(other.runs.itertuples())}
    pairs = zip(trajectory.clean, trajectory.runs["case"], others, strict=True)
    found = [
        differences(clean, other.clean[at[key]], places.get(case)) for clean, case, key in pairs
    ]
    steps = range(trajectory.n_steps)
    return flow_rows(trajectory, steps, torch.stack(found)).assign(kind=kind)
