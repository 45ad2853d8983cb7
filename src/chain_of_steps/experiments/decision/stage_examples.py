"""The stage that picks and draws the example runs of Figures 1 and 2."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES, READOUTS
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, control_of, main_model
from chain_of_steps.stage import Files, Folder, Stage


class Settings(WithModels, WithExecution):
    pass


STAGE = Stage(
    name="examples",
    text="Pick the example runs of the figures by rule and draw their clean estimates.",
    settings=Settings,
    takes={
        "cases": CASES,
        "trajectories": Files("trajectories", ("{model}/{shard}.safetensors",), every_model=True),
        "readouts": READOUTS,
    },
    makes={"out": Folder("tables/examples")},
    loads_model=True,
)


def run(settings: Settings, *, cases: Path, trajectories: Path, readouts: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases.folders import cases_of
    from chain_of_steps.experiments.decision.examples import Shown, picks, write_examples
    from chain_of_steps.files import atomic_path
    from chain_of_steps.models.adapters import load_codec

    main, control = main_model(settings), control_of(settings)
    looks = read_table(readouts)
    chosen = picks(looks[looks["model"] == main])
    mine = {case.name: case for case in cases_of(cases, looks)}
    shown = [
        Shown(name == control, load_codec(settings, name), looks[looks["model"] == name], folder)
        for name in (main, control)
        if name is not None
        for folder in [trajectories / name]
    ]
    with atomic_path(out) as folder:
        write_examples(folder, chosen, shown, mine)
