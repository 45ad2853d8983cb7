"""The stage that picks and draws the example runs of Figures 4 and 5."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.behaviours.places import RUNS
from chain_of_steps.places import CASES, READOUTS, TRAJECTORIES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, main_model
from chain_of_steps.stage import Folder, Stage


class Settings(WithModels, WithExecution):
    pass


STAGE = Stage(
    name="behaviour-examples",
    text="Pick the example runs of Figures 4 and 5 by rule and draw their clean estimates.",
    settings=Settings,
    takes={
        "cases": CASES,
        "trajectories": TRAJECTORIES,
        "readouts": READOUTS,
        "perception": RUNS["perception"],
    },
    makes={"out": Folder("tables/behaviour_examples")},
    loads_model=True,
)


def run(
    settings: Settings,
    *,
    cases: Path,
    trajectories: Path,
    readouts: Path,
    perception: Path,
    out: Path,
) -> None:
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.behaviours.examples import picks, write_picks
    from chain_of_steps.files import atomic_path
    from chain_of_steps.models.adapters import load_codec

    name = main_model(settings)
    index, looks = read_table(cases / INDEX), read_table(readouts)
    looks = looks[looks["model"] == name]
    chosen = picks(looks, read_table(perception), index)
    adapter = load_codec(settings, name)
    with atomic_path(out) as folder:
        write_picks(folder, adapter, looks, chosen, trajectories, index)
