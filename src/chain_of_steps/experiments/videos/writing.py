"""Writes the runs of a trajectory, of noise and of the ensemble into a folder of videos."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd
import torch

from chain_of_steps.cases.folders import Case
from chain_of_steps.cases.videos import SINGLE, VideoFolder
from chain_of_steps.models.model import VideoModel
from chain_of_steps.progress import progress
from chain_of_steps.trajectory import Trajectory


def write_trajectory(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    videos: VideoFolder,
    steps_every: int | None = None,
) -> None:
    """The result of every run, and the clean estimate of every `steps_every`-th step."""
    by_name = {case.name: case for case in cases}
    steps = range(0, trajectory.n_steps, steps_every) if steps_every else ()
    runs = trajectory.runs.reset_index(drop=True)
    for row in progress(runs.itertuples(), total=len(runs), desc="videos", unit="runs"):
        case, run = by_name[row.case], f"seed-{row.seed}"
        labels = {"model": row.model, "seed": row.seed}

        def write(name: str, latent: torch.Tensor, case=case, labels=labels, **more) -> None:
            video = model.decode(latent[None])[0].cpu().numpy()
            videos.write(name, case, video, **labels, **more)

        write(run, trajectory.x[row.Index, -1], condition="clean", label=SINGLE)
        for k in steps:
            more = {"step": k, "sigma": trajectory.sigmas[k].item(), "label": f"step {k}"}
            name = f"{run}/steps/checkpoint-{k}"
            write(name, trajectory.clean[row.Index, k], condition="steps", **more)


class NoiseVideos:
    """What `run_conditions` calls with the table of a batch and its ends: writes their videos."""

    def __init__(self, model: VideoModel, cases: Sequence[Case], videos: VideoFolder) -> None:
        self.model, self.videos = model, videos
        self.by_name = {case.name: case for case in cases}

    def __call__(self, table: pd.DataFrame, ends: torch.Tensor) -> None:
        """ends (conditions, B, C, F, h, w), in the order of the rows."""
        # the column `index` has the name of a method of named tuples
        rows = table.rename(columns={"index": "place"}).itertuples(index=False)
        for row, latent in zip(rows, ends.flatten(0, 1), strict=True):
            if row.kind == "clean":
                continue
            index = row.place
            where = "" if pd.isna(index) else f" {index}"
            label = f"noise, {row.kind}{where}, {row.mode}"
            self.videos.write(
                f"noise/{slug(f'{row.kind} {row.mode}{where}')}/seed-{row.seed}",
                self.by_name[row.case],
                self.model.decode(latent[None])[0].cpu().numpy(),
                **{"model": row.model, "seed": row.seed, "condition": "noise", "label": label},
                **{"kind": row.kind, "mode": row.mode, "index": index, "sigma": row.sigma},
            )


class EnsembleVideos:
    """What `run_ensembles` calls with a case, a method and the latent that goes on."""

    def __init__(self, model: VideoModel, seed: int, videos: VideoFolder) -> None:
        self.model, self.seed, self.videos = model, seed, videos

    def __call__(self, case: Case, method: str, latent: torch.Tensor) -> None:
        video = self.model.decode(latent[None])[0].cpu().numpy()
        labels = {"model": self.model.name, "seed": self.seed, "kind": method, "label": method}
        run = f"ensemble/{slug(method)}/seed-{self.seed}"
        self.videos.write(run, case, video, condition="ensemble", **labels)


def slug(words: str) -> str:
    """Words as a folder's name."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
