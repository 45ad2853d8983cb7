"""Decodes clean estimates and reads them: the answer, and the evidence for each candidate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases import Case
from chain_of_steps.models.base import VideoModel
from chain_of_steps.progress import progress
from chain_of_steps.tasks.reader import Reader, Reading
from chain_of_steps.trajectory import Trajectory


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
