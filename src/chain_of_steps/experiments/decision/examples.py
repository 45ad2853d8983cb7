"""Picks the example runs of the figures by a stated rule and draws their clean estimates.

No run is picked by hand: a panel shows the case of its task at a stated quantile of openness (see
`measures.openness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from chain_of_steps.errors import UserError
from chain_of_steps.files import write_json
from chain_of_steps.films import draw_run
from chain_of_steps.measures import openness, pick_case
from chain_of_steps.models.model import VideoModel
from chain_of_steps.trajectory import Trajectory


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


def _with_case(shards: Sequence[Path], case: str) -> Trajectory:
    for path in shards:
        trajectory = Trajectory.load(path)
        if case in set(trajectory.runs["case"]):
            return trajectory
    raise UserError(f"No trajectory holds {case}: run `cos sample` for its shard.")
