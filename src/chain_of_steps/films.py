"""Film sheets: the clean estimates of a run as one picture, rows = steps, columns = frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chain_of_steps.models.model import VideoModel
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.trajectory import Trajectory
from chain_of_steps.video import write_png

SEEN = 0.2  # weight of what is not right, from which a tile shows it to the eye
LONGEST = 320  # pixels a side of one picture of a sheet
FRACTIONS = (0.0, 0.06, 0.14, 0.24, 0.34, 0.46, 0.6, 0.8, 1.0)  # of the run; 1 is the result


def shown_steps(n_steps: int) -> list[int]:
    """The rows of a film sheet: looks 0 .. n_steps, the last being the result."""
    return sorted({round(fraction * n_steps) for fraction in FRACTIONS})


def film_sheet(video: np.ndarray) -> np.ndarray:
    """(rows, columns, H, W, 3) pictures as one picture without gaps."""
    rows, columns, height, width, _ = video.shape
    return video.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)


def smaller(pictures: np.ndarray) -> np.ndarray:
    """Pictures (..., H, W, 3) of at most LONGEST pixels a side: means of squares of pixels."""
    *lead, height, width, _ = pictures.shape
    by = -(-max(height, width) // LONGEST)
    if by == 1:
        return pictures
    rows, columns = height // by, width // by
    cut = pictures[..., : rows * by, : columns * by, :]
    return cut.reshape(*lead, rows, by, columns, by, 3).mean((-4, -2))


def draw_run(
    path: Path,
    model: VideoModel,
    trajectory: Trajectory,
    readouts: pd.DataFrame,
    case: str,
    seed: int,
    observer: Observer | None = None,
    *,
    columns: int = 5,
) -> dict[str, Any]:
    """Writes the film sheet of one run; returns what the index says of it from `seed` on.

    columns: how many frames it shows, from the first to the last.
    With the reader of its puzzle it says of each row, in the last latent frame: off, how many tiles
    show anything but what is right, though nothing is to be drawn there; undecided, how many tiles
    of the right answer are not accepted. Those are lists of numbers, empty without the reader.
    """
    chosen = (trajectory.runs["case"] == case) & (trajectory.runs["seed"] == seed)
    row, steps = int(np.flatnonzero(chosen)[0]), shown_steps(trajectory.n_steps)
    looks = [
        trajectory.x[row, k] if k == trajectory.n_steps else trajectory.clean[row, k] for k in steps
    ]
    video = np.stack([model.decode(look[None])[0].numpy() for look in looks])
    frames = list(range(0, video.shape[1], max(1, (video.shape[1] - 1) // (columns - 1))))
    write_png(path, film_sheet(smaller(video[:, frames])))
    reading = _reading(readouts, case, seed, steps)
    return {
        "seed": seed,
        "file": path.name,
        "steps": steps,
        "sigmas": [trajectory.sigmas[k].item() for k in steps],
        "frames": frames,
        # none where nothing is readable
        "n_candidates": [None if np.isnan(n) else n for n in reading["n_candidates"].tolist()],
        "correct": reading["correct"].tolist(),
        **_tiles(observer, video),
    }


def _tiles(observer: Observer | None, video: np.ndarray) -> dict[str, list[int]]:
    if observer is None:
        return {"off": [], "undecided": []}
    found = observer.read_tiles(video)
    last = found.frame == found.frame.max()
    way = last & (found.depth > 0)
    off = (found.weight < 1 - SEEN) & (last & ~way)
    return {
        "off": off.sum(1).tolist(),
        "undecided": (~found.accepted & way).sum(1).tolist(),
    }


def _reading(readouts: pd.DataFrame, case: str, seed: int, steps: Sequence[int]) -> pd.DataFrame:
    run = readouts[(readouts["case"] == case) & (readouts["seed"] == seed)]
    return run.set_index("step").loc[list(steps)]
