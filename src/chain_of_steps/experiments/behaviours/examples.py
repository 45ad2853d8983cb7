"""Picks the example runs of Figures 4 and 5 by a stated rule and draws their clean estimates.

typical    the case at the median of openness among those that every seed solves, first seed
corrected  among the runs that are not right at step 0 and right at the end, the one at the
           median of the commitment step
flips      where no run is corrected: the one whose answer changes most often
lag        the run at a quantile of the lag between localisation and motion
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.behaviours.correction import by_run, states
from chain_of_steps.experiments.behaviours.perception import NAME, onsets
from chain_of_steps.files import write_json
from chain_of_steps.films import draw_run, shown_steps
from chain_of_steps.measures import case_at, openness
from chain_of_steps.models.model import VideoModel
from chain_of_steps.trajectory import Trajectory


@dataclass(frozen=True)
class Pick:
    """One run to show, and the rule that found it."""

    figure: str
    panel: str
    task: str
    rule: str
    case: str
    seed: int


def picks(readouts: pd.DataFrame, perception: pd.DataFrame, cases: pd.DataFrame) -> list[Pick]:
    """The runs of both figures; tasks that the study lacks are left out.

    readouts, perception: the rows of one model, as `read_trajectory` and `perception_shard` give
    them. cases: their index.
    """
    found, tasks = [], set(readouts["task"])
    for panel, task in (("a", "reappear"), ("b", "occlude")):
        if task in tasks:
            case = case_at(openness(readouts, task), 0.5)
            if case is None:
                continue
            seed = int(readouts.loc[readouts["case"] == case, "seed"].min())
            found.append(Pick("figure4", panel, task, "typical", case, seed))
    for panel, task in (("c", "bounce"), ("d", "polyomino")):
        if task in tasks:
            mine = readouts[readouts["task"] == task]
            found.append(Pick("figure4", panel, task, *_corrected(mine, cases)))
    runs = onsets(perception[perception["condition"] == "clean"]) if NAME in tasks else []
    for panel, quantile in (("median lag", 0.5), ("long lag", 0.95)):
        if len(runs):
            run = _at(runs, ["excluded", "lag", "localised_step"], quantile, "lag")
            found.append(Pick("figure5", panel, NAME, "lag", run["case"], int(run["seed"])))
    return found


def _corrected(readouts: pd.DataFrame, cases: pd.DataFrame) -> tuple[str, str, int]:
    """Rule, case and seed of the run that shows self-correction."""
    runs = by_run(states(readouts, cases))
    improved = runs[runs["improved"]]
    if len(improved):
        run, rule = _at(improved, ["commitment"], 0.5, "commitment"), "corrected"
    else:
        run, rule = _at(runs, ["flips"], 1.0, "flips"), "flips"
    return rule, run["case"], int(run["seed"])


def _at(runs: pd.DataFrame, order: Sequence[str], quantile: float, known: str) -> pd.Series:
    """The run at a quantile in the order of some columns, among those where `known` is not nan."""
    there = runs.dropna(subset=known)
    ranked = (there if len(there) else runs).sort_values([*order, "case", "seed"], kind="stable")
    return ranked.iloc[round(quantile * (len(ranked) - 1))]


def write_picks(
    folder: Path,
    model: VideoModel,
    readouts: pd.DataFrame,
    chosen: Sequence[Pick],
    trajectories: Path,
    cases: pd.DataFrame,
) -> None:
    """Writes a film sheet (PNG, rows = steps, columns = frames) a run, and examples.json.

    An entry of the index has the fields of a Pick, those of `draw_run`, and states (right, wrong,
    open) of the shown steps. Raises UserError if a run has no trajectory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting, entries = dict(enumerate(chosen)), {}
    for path in sorted(trajectories.glob("*.safetensors")):
        trajectory = Trajectory.load(path)
        here = set(trajectory.runs["case"])
        for number in [n for n, pick in waiting.items() if pick.case in here]:
            pick = waiting.pop(number)
            mine = readouts[(readouts["case"] == pick.case) & (readouts["seed"] == pick.seed)]
            state = states(mine, cases).set_index("step")["state"]
            file = folder / f"{pick.figure}-{pick.panel.replace(' ', '-')}.png"
            drawn = draw_run(file, model, trajectory, readouts, pick.case, pick.seed)
            shown = state.loc[shown_steps(trajectory.n_steps)].tolist()
            entries[number] = {**vars(pick), **drawn, "states": shown}
    if waiting:
        missing = next(iter(waiting.values())).case
        raise UserError(f"{trajectories} has no run of {missing}: run `cos sample` for its shard.")
    write_json(folder / "examples.json", [entries[number] for number in sorted(entries)])
