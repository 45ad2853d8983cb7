"""Picks the example runs of the figures by a stated rule and draws their clean estimates.

No run is picked by hand. The openness of a case is the mean effective number of candidates over
its seeds and steps. A panel shows, among the cases whose every seed ends right (or, if there are
none, among all), the one at a stated quantile of openness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chain_of_steps.errors import UserError
from chain_of_steps.files import write_json
from chain_of_steps.models.model import VideoModel
from chain_of_steps.trajectory import Trajectory
from chain_of_steps.video import write_png

FRACTIONS = (0.0, 0.06, 0.14, 0.24, 0.34, 0.46, 0.6, 0.8, 1.0)  # of the run; 1 is the result


@dataclass(frozen=True)
class Panel:
    """One panel of a figure: the case of `task` at `quantile` of openness, `seeds` of its runs."""

    figure: str
    panel: str
    task: str
    quantile: float
    seeds: int


PANELS = (
    Panel("figure1", "typical", "maze", 0.5, 3),
    Panel("figure1", "open", "maze", 0.95, 3),
    Panel("figure2", "a", "grid", 0.95, 1),
    Panel("figure2", "b", "tictactoe", 0.95, 1),
    Panel("figure2", "c", "shelf", 0.95, 1),
    Panel("figure2", "d", "odd", 0.95, 1),
    Panel("figure2", "e", "size", 0.95, 1),
    Panel("figure2", "f", "rotation", 0.95, 1),
)


def openness(readouts: pd.DataFrame, task: str) -> pd.Series:
    """Openness of the cases of `task` that may be shown, by case, from least to most.

    readouts: the rows of one model, as `read_trajectory` gives them. Ties are in order of name.
    """
    rows = readouts[readouts["task"] == task]
    last = rows["step"].max()
    final = rows[rows["step"] == last].groupby("case")["correct"].all()
    solved = final.index[final] if final.any() else final.index
    looks = rows[(rows["step"] < last) & rows["case"].isin(solved)]
    means = looks.groupby("case", sort=True)["n_candidates"].mean()
    return means.sort_values(kind="stable")


def pick_case(readouts: pd.DataFrame, task: str, quantile: float) -> str:
    """The case of `task` at `quantile` of openness."""
    ranked = openness(readouts, task).index
    return ranked[round(quantile * (len(ranked) - 1))]


def shown_steps(n_steps: int) -> list[int]:
    """The rows of a film sheet: looks 0 .. n_steps, the last being the result."""
    return sorted({round(fraction * n_steps) for fraction in FRACTIONS})


def film_sheet(video: np.ndarray) -> np.ndarray:
    """(rows, columns, H, W, 3) pictures as one picture without gaps."""
    rows, columns, height, width, _ = video.shape
    return video.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)


def write_examples(
    folder: Path, model: VideoModel, readouts: pd.DataFrame, trajectories: Path
) -> None:
    """Writes one lossless film sheet (PNG, rows = steps, columns = frames) a run, and an index.

    examples.json: a list of panel, case, its openness, that of the median case, seed, file, steps,
    sigmas, frames, and the readings of the shown steps (n_candidates, correct).
    Raises UserError if a picked case has no trajectory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = sorted(trajectories.glob("[!.]*.safetensors"))  # a dot: what a killed writer left
    if not shards:
        raise UserError(f"{trajectories} holds no trajectory: write a folder of `cos sample`.")
    entries = []
    for panel in PANELS:
        if panel.task not in set(readouts["task"]):
            continue
        case = pick_case(readouts, panel.task, panel.quantile)
        ranked = openness(readouts, panel.task)
        seeds = sorted(readouts.loc[readouts["case"] == case, "seed"].unique())[: panel.seeds]
        trajectory = _with_case(shards, case)
        for seed in map(int, seeds):
            file = f"{panel.figure}-{panel.panel}-{seed}.png"
            drawn = draw_run(folder / file, model, trajectory, readouts, case, seed)
            ranks = {"openness": ranked[case], "median_openness": ranked.median()}
            entries.append({**vars(panel), "case": case, **ranks, **drawn})
    write_json(folder / "examples.json", entries)


def draw_run(
    path: Path,
    model: VideoModel,
    trajectory: Trajectory,
    readouts: pd.DataFrame,
    case: str,
    seed: int,
) -> dict[str, Any]:
    """Writes the film sheet of one run; returns what the index says of it from `seed` on."""
    chosen = (trajectory.runs["case"] == case) & (trajectory.runs["seed"] == seed)
    row, steps = int(np.flatnonzero(chosen)[0]), shown_steps(trajectory.n_steps)
    looks = [
        trajectory.x[row, k] if k == trajectory.n_steps else trajectory.clean[row, k] for k in steps
    ]
    video = np.stack([model.decode(look[None])[0].numpy() for look in looks])
    frames = list(range(0, video.shape[1], max(1, (video.shape[1] - 1) // 4)))
    write_png(path, film_sheet(video[:, frames]))
    reading = _reading(readouts, case, seed, steps)
    return {
        "seed": seed,
        "file": path.name,
        "steps": steps,
        "sigmas": [trajectory.sigmas[k].item() for k in steps],
        "frames": frames,
        "n_candidates": reading["n_candidates"].tolist(),
        "correct": reading["correct"].tolist(),
    }


def _reading(readouts: pd.DataFrame, case: str, seed: int, steps: Sequence[int]) -> pd.DataFrame:
    run = readouts[(readouts["case"] == case) & (readouts["seed"] == seed)]
    return run.set_index("step").loc[list(steps)]


def _with_case(shards: Sequence[Path], case: str) -> Trajectory:
    for path in shards:
        trajectory = Trajectory.load(path)
        if case in set(trajectory.runs["case"]):
            return trajectory
    raise UserError(f"No trajectory holds {case}: run `cos sample` for its shard.")
