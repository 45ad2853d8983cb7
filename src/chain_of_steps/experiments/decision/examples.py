"""Picks the example runs of the figures by a stated rule and draws their clean estimates.

No run is picked by hand: a panel shows the case of its task at a stated quantile of a measure, of
the main model's runs. Cases that share their value with others are not picked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from chain_of_steps.cases.folders import Case
from chain_of_steps.errors import UserError
from chain_of_steps.files import write_json
from chain_of_steps.films import draw_run
from chain_of_steps.measures import case_at, change, openness
from chain_of_steps.models.model import VideoModel
from chain_of_steps.tasks.observe import observer_of
from chain_of_steps.trajectory import Trajectory

MEASURES = {"change": change, "openness": openness}


@dataclass(frozen=True)
class Panel:
    """One panel of a figure: the case of `task` at `quantile` of a measure, `seeds` of its runs.

    control: whether the control without room is shown on it, too, with its first seed. columns: how
    many frames of a video, from the first to the last.
    """

    figure: str
    panel: str
    task: str
    measure: str
    quantile: float
    seeds: int = 1
    control: bool = False
    columns: int = 5


@dataclass(frozen=True)
class Picked:
    """A panel and its case. value: the measure of the case; median: of the median case."""

    panel: Panel
    case: str
    value: float
    median: float


@dataclass(frozen=True)
class Shown:
    """A model whose runs are drawn: its readouts, and the folder of its trajectories."""

    control: bool
    model: VideoModel
    readouts: pd.DataFrame
    trajectories: Path


PANELS = (
    Panel("figure1", "a", "maze", "change", 0.9, seeds=3, control=True, columns=2),
    Panel("figure1", "b", "chain", "change", 0.9, seeds=3, control=True, columns=2),
    Panel("figure2", "a", "grid", "openness", 0.95),
    Panel("figure2", "b", "fork", "openness", 0.95),
    Panel("figure2", "c", "tictactoe", "openness", 0.95),
    Panel("figure2", "d", "flood", "openness", 0.95),
    Panel("figure2", "e", "latin", "openness", 0.95),
    Panel("figure2", "f", "odd", "openness", 0.95),
)


def picks(readouts: pd.DataFrame) -> list[Picked]:
    """The case of each panel whose task the study has; of one without a case of its own, none.

    readouts: the rows of the main model.
    """
    found, tasks = [], set(readouts["task"])
    for panel in PANELS:
        if panel.task in tasks:
            ranked = MEASURES[panel.measure](readouts, panel.task)
            case = case_at(ranked, panel.quantile)
            if case is not None:
                found.append(Picked(panel, case, float(ranked[case]), float(ranked.median())))
    return found


def write_examples(
    folder: Path, chosen: Sequence[Picked], shown: Sequence[Shown], cases: Mapping[str, Case]
) -> None:
    """Writes one lossless film sheet (PNG, rows = steps, columns = frames) a run, and an index.

    examples.json: a list of the fields of a panel and its pick, model, control, and what `draw_run`
    says. Raises UserError if a picked case has no trajectory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for one in shown:
        # a dot: what a killed writer left
        shards = sorted(one.trajectories.glob("[!.]*.safetensors"))
        if not shards:
            raise UserError(f"{one.trajectories} holds no trajectory: run `cos sample` first.")
        for picked in chosen:
            panel = picked.panel
            if one.control and not panel.control:
                continue
            mine = one.readouts[one.readouts["case"] == picked.case]
            seeds = sorted(mine["seed"].unique())[: 1 if one.control else panel.seeds]
            trajectory = _with_case(shards, picked.case)
            for seed in map(int, seeds):
                file = f"{panel.figure}-{panel.panel}-{one.model.name}-{seed}.png"
                entries.append(
                    {
                        **asdict(panel),
                        "case": picked.case,
                        "value": picked.value,
                        "median": picked.median,
                        "model": one.model.name,
                        "control": one.control,
                        **draw_run(
                            folder / file,
                            one.model,
                            trajectory,
                            one.readouts,
                            picked.case,
                            seed,
                            observer_of(cases[picked.case]),
                            columns=panel.columns,
                        ),
                    }
                )
    write_json(folder / "examples.json", entries)


def _with_case(shards: Sequence[Path], case: str) -> Trajectory:
    for path in shards:
        trajectory = Trajectory.load(path)
        if case in set(trajectory.runs["case"]):
            return trajectory
    raise UserError(f"No trajectory holds {case}: run `cos sample` for its shard.")
