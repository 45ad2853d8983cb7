"""The stage that picks and draws the example runs of Figures 1 and 2."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES, READOUTS, TRAJECTORIES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, main_model
from chain_of_steps.stage import Folder, Stage


class Settings(WithModels, WithExecution):
    pass


STAGE = Stage(
    name="examples",
    text="Pick the example runs of the figures by rule and draw their clean estimates.",
    settings=Settings,
    takes={"cases": CASES, "trajectories": TRAJECTORIES, "readouts": READOUTS},
    makes={"out": Folder("tables/examples")},
    loads_model=True,
)


def run(settings: Settings, *, cases: Path, trajectories: Path, readouts: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.experiments.decision.examples import write_examples
    from chain_of_steps.files import atomic_path
    from chain_of_steps.models.adapters import load_model

    name = main_model(settings)
    looks = read_table(readouts)
    adapter = load_model(settings, name)
    with atomic_path(out) as folder:
        write_examples(folder, adapter, looks[looks["model"] == name], trajectories)
