"""The stage that holds a cheap decoder against the codec, before it reads any step."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.places import CASES, COMPARED, TRAJECTORIES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels
from chain_of_steps.settings.reading import WithReading, files_of
from chain_of_steps.stage import Stage


class Settings(WithModels, WithExecution, WithReading):
    pass


STAGE = Stage(
    name="compare-reading",
    text="Read some steps of a model's runs by the codec and by a cheap decoder.",
    settings=Settings,
    takes={"cases": CASES, "trajectories": TRAJECTORIES},
    makes={"out": COMPARED},
    asks=("model",),
    loads_model=True,
    joined={"tables/reading_runs.parquet": COMPARED},
    watches=files_of,
)


def run(settings: Settings, *, model: str, cases: Path, trajectories: Path, out: Path) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, cases_of, need_puzzles
    from chain_of_steps.cheap import cheap_steps, compared
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_codec
    from chain_of_steps.trajectory import Trajectory

    reading = settings.reading
    if not reading.cheap:
        raise UserError("reading.decoder is full, which is the codec itself: write projection.")
    adapter = load_codec(settings, model)
    started, tables = time.monotonic(), []
    n_shards = -(-len(read_table(cases / INDEX)) // settings.execution.shard)
    paths = [trajectories / f"{shard}.safetensors" for shard in range(n_shards)]
    for path in paths:
        runs = Trajectory.checked(path)
        mine = cases_of(cases, runs.runs)
        need_puzzles(mine)
        tables.append(compared(adapter, runs, mine, reading))
    table = pd.concat(tables, ignore_index=True)
    write_table(out, table)
    write_manifest(
        out,
        inputs=paths,
        parameters={"model_digest": adapter.digest, "execution": settings.execution.model_dump()},
        seconds=time.monotonic() - started,
    )
    print(f"{model}: {len(cheap_steps(table, reading))} steps may be read by {reading.decoder}")
