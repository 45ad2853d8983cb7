"""What a run is: its plan, its condition, a shard of runs with all steps stored, and its readings.

Everything an experiment does starts here: one rule for cutting a batch, one way to a condition, and
one way to read many looks at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.errors import UserError
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.model import VideoModel
from chain_of_steps.progress import progress
from chain_of_steps.sampling import sample, sample_by
from chain_of_steps.tasks.reader import Reader, Reading
from chain_of_steps.trajectory import Recorder, Trajectory


def plan_runs(model: str, cases: Sequence[Case], seeds: Sequence[int]) -> pd.DataFrame:
    """One row a run, cases first, then seeds: model, case, task, split, seed."""
    return pd.DataFrame(
        [
            {
                "model": model,
                "case": case.name,
                "task": case.task,
                "split": case.split,
                "seed": seed,
            }
            for case in cases
            for seed in seeds
        ]
    )


def batches(runs: pd.DataFrame, batch: int) -> Iterator[np.ndarray]:
    """Rows of the run table that share a forward pass: at most `batch`, all of one seed.

    A batch's size decides low bits, so clean and perturbed runs use this cut. It keeps seeds
    apart, as an experiment may take up some of them.
    """
    for rows in runs.groupby("seed", sort=False).indices.values():
        for first in range(0, len(rows), batch):
            yield rows[first : first + batch]


def condition_runs(
    model: VideoModel, runs: pd.DataFrame, cases: Sequence[Case], n_frames: int
) -> Condition:
    """The condition of each run; every case is encoded once."""
    wanted = list(dict.fromkeys(runs["case"]))
    by_name = {case.name: case for case in cases}
    chosen = [by_name[name] for name in wanted]
    encoded = model.condition([c.image for c in chosen], [c.prompt for c in chosen], n_frames)
    return encoded.select([wanted.index(name) for name in runs["case"]])


def frames_of(cases: Sequence[Case], frames: int | None) -> int:
    """Frames of the videos of these cases, which share their tensors; `frames` for puzzles.

    Raises UserError where their sizes or numbers of frames differ.
    """
    shapes = {case.shape: case for case in cases}
    if len(shapes) > 1:
        (one, first), (other, second) = list(shapes.items())[:2]
        raise UserError(
            f"{first.name} has {one} and {second.name} has {other} (width, height, frames), but "
            "cases of one job must be alike: write execution.shard: 1, or video.frames and "
            "video.area that fit all."
        )
    return cases[0].frames or frames


def run_shard(
    model: VideoModel,
    cases: Sequence[Case],
    seeds: Sequence[int],
    *,
    steps: int,
    shift: float,
    n_frames: int,
    batch: int,
    solver: str = "euler",
) -> Trajectory:
    """Samples every case with every seed, `batch` runs at a time; solver: euler or unipc."""
    runs = plan_runs(model.name, cases, seeds)
    unipc = model.unipc(steps, shift) if solver == "unipc" else None
    sigmas = model.sigmas(steps, shift) if unipc is None else unipc.sigmas
    width, height = cases[0].image.size
    shape = model.latent_shape(n_frames, height, width)
    x = torch.empty(len(runs), steps + 1, *shape)
    clean = torch.empty(len(runs), steps, *shape)
    nfe, experts = 0, []
    with progress(total=len(runs) * steps, desc="sample", unit="NFE") as bar:
        for rows in batches(runs, batch):
            part = runs.iloc[rows]
            velocity = model.velocity(condition_runs(model, part, cases, n_frames))
            noise = model.noise_batch(part["seed"].tolist(), n_frames, height, width)
            recorder = Recorder(bar)
            if unipc is None:
                last = sample(velocity, noise, sigmas, watch=recorder)
            else:
                last = sample_by(model.unipc(steps, shift), velocity, noise, watch=recorder)
            x[rows], clean[rows] = recorder.stacked(last)
            nfe += velocity.nfe
            experts = recorder.experts
    made_by = {
        "model": model.name,
        "model_digest": model.digest,
        "steps": steps,
        "shift": shift,
        "solver": solver,
        "frames": n_frames,
        "batch": batch,
        "threads": torch.get_num_threads(),
        "nfe": nfe,
    }
    return Trajectory(runs, sigmas, x, clean, experts, made_by)


def read_latents(model: VideoModel, reader: Reader, latents: Tensor) -> Reading:
    """Reads latents (S, C, F, h, w); only the key frames are decoded."""
    return reader.read(model.decode(latents, frames=reader.key_frames).numpy())


def read_trajectory(
    model: VideoModel, trajectory: Trajectory, cases: Sequence[Case]
) -> pd.DataFrame:
    """One row for each (run, step): the clean estimate of steps 0 .. N-1, then the result as N.

    Columns: those of the run table, step, sigma, answer, correct, score, n_candidates, solution
    (strongest evidence for a right answer), evidence (list, one weight a candidate).
    """
    steps = trajectory.n_steps + 1
    by_name = {case.name: case for case in cases}
    tables = []
    groups = trajectory.runs.groupby("case", sort=False).indices
    for name, rows in progress(groups.items(), desc="read", unit="cases"):
        reader = Reader(by_name[name].puzzle)
        looks = torch.cat([trajectory.clean[rows], trajectory.x[rows, -1:]], dim=1).flatten(0, 1)
        reading = read_latents(model, reader, looks)
        table = trajectory.runs.iloc[np.repeat(rows, steps)].reset_index(drop=True)
        table["step"] = np.tile(np.arange(steps), len(rows))
        table["sigma"] = np.tile(trajectory.sigmas.numpy(), len(rows))
        table["answer"] = reading.answer
        table["correct"] = reading.correct
        table["score"] = reading.score
        table["n_candidates"] = reading.n_candidates
        table["solution"] = reading.evidence[:, list(reader.puzzle.solutions)].max(1)
        table["evidence"] = list(reading.evidence.astype(np.float32))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
