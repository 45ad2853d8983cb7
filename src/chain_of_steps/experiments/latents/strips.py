"""The given picture and the last frame of clean estimates of a run, under one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chain_of_steps.cases.folders import Case
from chain_of_steps.experiments.latents.places import SHOWN
from chain_of_steps.films import film_sheet, smaller
from chain_of_steps.models.model import VideoModel
from chain_of_steps.trajectory import Trajectory
from chain_of_steps.video import write_png


def draw_strip(path: Path, model: VideoModel, trajectory: Trajectory, case: Case) -> dict[str, Any]:
    """Writes the strip of the first run; returns what the index says of it.

    steps: of each row after the given picture; the last one, N, is the result.
    """
    n = trajectory.n_steps
    steps = sorted({min(round(share * n), n - 1) for share in SHOWN})
    looks = [*(trajectory.clean[0, k] for k in steps), trajectory.x[0, -1]]
    last = trajectory.made_by["frames"] - 1
    pictures = [model.decode(look[None], frames=[last])[0, 0].numpy() for look in looks]
    given = np.asarray(case.image.convert("RGB"), np.float32) / 255
    write_png(path, film_sheet(smaller(np.stack([given, *pictures]))[:, None]))
    return {
        "figure": "latents_map",
        **{"case": case.name, "seed": int(trajectory.runs["seed"].iloc[0]), "file": path.name},
        **{"steps": [None, *steps, n], "frames": [last]},
    }
