"""The stage that reads the answers of clean estimates."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.places import CASES, COMPARED, READOUTS, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels
from chain_of_steps.settings.reading import WithReading, files_of
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithExecution, WithReading):
    pass


READ = File("readouts/{model}/{shard}.parquet", every_model=True)
STAGE = Stage(
    name="read",
    text="Decode the clean estimates of a trajectory and read their answers.",
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY, "compared": COMPARED},
    makes={"out": READ},
    asks=("model",),
    loads_model=True,
    joined={READOUTS.place: READ},
    watches=files_of,
)


def run(
    settings: Settings,
    *,
    model: str,
    cases: Path,
    trajectory: Path,
    out: Path,
    compared: Path | None = None,
) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import cases_of, need_puzzles
    from chain_of_steps.cheap import cheap_steps, fitting_of
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_codec
    from chain_of_steps.runs import Cheaply, read_trajectory
    from chain_of_steps.trajectory import Trajectory

    reading, cheaply = settings.reading, None
    if reading.cheap:
        if compared is None:
            raise UserError(
                f"reading.decoder is {reading.decoder}, which is held against the codec first: "
                "give --compared FILE, the table that `cos compare-reading` wrote."
            )
        steps = cheap_steps(read_table(compared), reading)
        cheaply = Cheaply(reading.decoder, fitting_of(reading), steps)
    runs = Trajectory.checked(trajectory)
    mine = cases_of(cases, runs.runs)
    need_puzzles(mine)
    adapter = load_codec(settings, model)
    started = time.monotonic()
    write_table(out, read_trajectory(adapter, runs, mine, cheaply))
    execution = settings.execution.model_dump()
    write_manifest(
        out,
        inputs=[trajectory],
        parameters={"model_digest": adapter.digest, "execution": execution},
        seconds=time.monotonic() - started,
    )
