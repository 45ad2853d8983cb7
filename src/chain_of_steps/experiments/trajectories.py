"""Clean runs: every case with every seed, all steps stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import torch
from tqdm import tqdm

from chain_of_steps.cases import Case
from chain_of_steps.models.wan import Condition, WanModel
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.trajectory import Recorder, Trajectory


def plan_runs(model: str, cases: Sequence[Case], seeds: Sequence[int]) -> pd.DataFrame:
    """One row a run, cases first, then seeds: model, case, task, split, seed."""
    return pd.DataFrame(
        [
            {
                "model": model,
                "case": case.name,
                "task": case.puzzle.task,
                "split": case.puzzle.split,
                "seed": seed,
            }
            for case in cases
            for seed in seeds
        ]
    )


def batches(n_runs: int, batch: int) -> Iterator[slice]:
    """Successive rows of the run table; clean and perturbed runs use the same cut."""
    for first in range(0, n_runs, batch):
        yield slice(first, min(first + batch, n_runs))


def condition_runs(
    model: WanModel, runs: pd.DataFrame, cases: Sequence[Case], n_frames: int
) -> Condition:
    """The condition of each run; every case is encoded once."""
    wanted = list(dict.fromkeys(runs["case"]))
    by_name = {case.name: case for case in cases}
    chosen = [by_name[name] for name in wanted]
    encoded = model.condition([c.image for c in chosen], [c.prompt for c in chosen], n_frames)
    return encoded.select([wanted.index(name) for name in runs["case"]])


def run_shard(
    model: WanModel,
    cases: Sequence[Case],
    seeds: Sequence[int],
    *,
    steps: int,
    shift: float,
    n_frames: int,
    batch: int,
) -> Trajectory:
    """Samples every case with every seed, `batch` runs at a time."""
    runs = plan_runs(model.name, cases, seeds)
    sigmas = flow_sigmas(steps, shift)
    width, height = cases[0].image.size
    parts, nfe, experts = [], 0, []
    progress = tqdm(total=len(runs) * steps, desc="sample", unit="NFE", mininterval=10, ascii=True)
    for rows in batches(len(runs), batch):
        part = runs.iloc[rows]
        velocity = model.velocity(condition_runs(model, part, cases, n_frames))
        recorder = Recorder()

        def watch(state, recorder=recorder, size=len(part)) -> None:
            recorder(state)
            progress.update(size)

        noise = model.noise_batch(part["seed"].tolist(), n_frames, height, width)
        last = sample(velocity, noise, sigmas, watch=watch)
        parts.append(recorder.stacked(last))
        nfe += velocity.nfe
        experts = recorder.experts
    progress.close()
    made_by = {
        "model": model.name,
        "model_digest": model.digest,
        "steps": steps,
        "shift": shift,
        "frames": n_frames,
        "batch": batch,
        "threads": torch.get_num_threads(),
        "nfe": nfe,
    }
    x, clean = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return Trajectory(runs, sigmas, x, clean, experts, made_by)
