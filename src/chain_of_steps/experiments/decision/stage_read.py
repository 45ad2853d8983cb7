"""The stage that reads the answers of clean estimates."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.places import CASES, READOUTS, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithExecution):
    pass


READ = File("readouts/{model}/{shard}.parquet", every_model=True)
STAGE = Stage(
    name="read",
    text="Decode the clean estimates of a trajectory and read their answers.",
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY},
    makes={"out": READ},
    asks=("model",),
    loads_model=True,
    joined={READOUTS.place: READ},
)


def run(settings: Settings, *, model: str, cases: Path, trajectory: Path, out: Path) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.cases.folders import cases_of, need_puzzles
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_codec
    from chain_of_steps.runs import read_trajectory
    from chain_of_steps.trajectory import Trajectory

    runs = Trajectory.checked(trajectory)
    mine = cases_of(cases, runs.runs)
    need_puzzles(mine)
    adapter = load_codec(settings, model)
    started = time.monotonic()
    write_table(out, read_trajectory(adapter, runs, mine))
    execution = settings.execution.model_dump()
    write_manifest(
        out,
        inputs=[trajectory],
        parameters={"model_digest": adapter.digest, "execution": execution},
        seconds=time.monotonic() - started,
    )
