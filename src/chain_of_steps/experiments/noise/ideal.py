"""What the same noise does to the exact posterior: a sampler that knows the right answers alone.

A denoiser that is exact takes whatever latent it is given to a right answer, so its score never
drops, whatever is disturbed. Where one answer is right it is the same one as well, and there is
nothing to compute: both losses are 0 at every step and frame. Where several are right, noise may
take it to another. That share of changed answers says nothing against a model; only what a model
loses beyond it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.experiments.behaviours.posterior import IdealVelocity, encoded_answers
from chain_of_steps.experiments.noise.perturbation import (
    Fork,
    Meter,
    Perturbation,
    condition_rows,
    with_readings,
)
from chain_of_steps.experiments.noise.tables import IDEAL
from chain_of_steps.interventions import by_row
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Runs, edits_of
from chain_of_steps.sampling import sample
from chain_of_steps.trajectory import Recorder, Trajectory


def ideal_runs(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    perturbations: Sequence[Perturbation],
) -> pd.DataFrame:
    """Rows as `perturb_shard` gives them, of part IDEAL, for puzzles of several right answers.

    Each run starts from the first latent of the model's and has its noise; "clean" is the ideal's
    own undisturbed run. The network is not asked.
    """
    by_name = {case.name: case for case in cases if case.is_puzzle}
    tables = []
    for name, rows in trajectory.runs.groupby("case", sort=False).indices.items():
        case = by_name.get(name)
        if case is None or len(case.puzzle.solutions) < 2:
            continue
        z = encoded_answers(model, case.puzzle, case.drawing)[list(case.puzzle.solutions)]
        clean, end = _undisturbed(z, trajectory.select(rows))
        ends, conditions = [end], [clean.runs.assign(kind="clean", nfe=0)]
        for perturbation in perturbations:
            done = _fork(z, clean, perturbation)
            ends.append(done.end)
            conditions.append(condition_rows(clean, perturbation, done))
        runs = Runs.stored(model, clean, cases)
        tables.append(with_readings(runs, torch.stack(ends), conditions))
    return pd.concat(tables, ignore_index=True).assign(part=IDEAL) if tables else pd.DataFrame()


def _undisturbed(z: Tensor, stored: Trajectory) -> tuple[Trajectory, Tensor]:
    """The ideal's own runs from the first latents of stored ones, and where they end."""
    recorder = Recorder()
    end = sample(IdealVelocity(z), stored.x[:, 0], stored.sigmas, watch=recorder)
    x, clean = recorder.stacked(end)
    return replace(stored, x=x, clean=clean), end


def _fork(z: Tensor, clean: Trajectory, perturbation: Perturbation) -> Fork:
    noise = perturbation.noise
    start = noise.first_step
    meter = Meter(by_row(edits_of(noise, clean)), len(clean.runs))
    before = clean.clean[:, start - 1] if start else None
    velocity = IdealVelocity(z)
    end = sample(velocity, clean.x[:, start], clean.sigmas, start=start, clean=before, edit=meter)
    return Fork(end, meter, 0)
