"""How far an injection spreads along the steps: clean estimates against those of the clean run.

Dissimilarity is 1 - CKA (0: unaffected, 1: destroyed) with space-time positions as samples and
channels as features, beside it relative L2 (arXiv 2603.16870, section 3.2, Fig. 3c). What two
clean runs differ by that share nothing but the case (`seed_floor`), or everything but the batch
layout (`repeat_floor`), says what a number means.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cka import cka, compare, relative_l2
from chain_of_steps.interventions import by_row
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.model import VideoModel
from chain_of_steps.probes import Site, hooked
from chain_of_steps.runs import by_step
from chain_of_steps.sampling import Edit, StepState, sample
from chain_of_steps.trajectory import Trajectory

ESTIMATE = "clean estimate"  # the site of a comparison of latents; others are "layer <i>"


class Comparison:
    """A `watch` that compares every clean estimate with that of the same step of the clean runs."""

    def __init__(self, trajectory: Trajectory) -> None:
        self.trajectory = trajectory
        self.steps: list[int] = []
        self.found: list[tuple[Tensor, Tensor]] = []

    def __call__(self, state: StepState) -> None:
        self.steps.append(state.k)
        self.found.append(compare(state.clean.cpu(), self.trajectory.clean[:, state.k]))

    def table(self) -> pd.DataFrame:
        measures = (torch.stack(values, dim=1) for values in zip(*self.found, strict=True))
        return flow_rows(self.trajectory, self.steps, *measures)


def flow_rows(
    trajectory: Trajectory,
    steps: Sequence[int],
    dissimilarity: Tensor,
    relative: Tensor,
    site: str = ESTIMATE,
) -> pd.DataFrame:
    """Long form of comparisons (runs, steps): run columns, site, step, sigma, both measures."""
    return by_step(trajectory, steps).assign(
        site=site,
        dissimilarity=dissimilarity.flatten().numpy(),
        relative_l2=relative.flatten().numpy(),
    )


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
            found = (1 - cka(edited, clean)).cpu(), relative_l2(edited, clean).cpu()
            tables.append(flow_rows(trajectory, [site.step], *found, f"layer {site.layer}"))

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


def seed_floor(trajectory: Trajectory, seeds: Sequence[int]) -> pd.DataFrame:
    """Rows of two clean runs of a case: each seed of `seeds` against the next one stored."""
    stored = list(dict.fromkeys(trajectory.runs["seed"]))
    if len(stored) == 1:
        return pd.DataFrame()
    following = dict(zip(stored, [*stored[1:], stored[0]], strict=True))
    here = trajectory.select(np.flatnonzero(trajectory.runs["seed"].isin(seeds)))
    return _floor(here, trajectory, here.runs["seed"].map(following), "other seed")


def repeat_floor(trajectory: Trajectory, again: Trajectory) -> pd.DataFrame:
    """Rows of clean runs against the same runs made again in batches of another size."""
    return _floor(again, trajectory, again.runs["seed"], "repeat")


def _floor(trajectory: Trajectory, other: Trajectory, seeds: pd.Series, kind: str) -> pd.DataFrame:
    at = {(run.case, run.seed): row for row, run in enumerate(other.runs.itertuples())}
    pairs = zip(trajectory.clean, trajectory.runs["case"], seeds, strict=True)
    found = [compare(clean, other.clean[at[case, seed]]) for clean, case, seed in pairs]
    measures = (torch.stack(values) for values in zip(*found, strict=True))
    return flow_rows(trajectory, range(trajectory.n_steps), *measures).assign(kind=kind)
