"""The stage that reads every tile of every latent frame along the steps."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.experiments.decision.settings import WithTiles
from chain_of_steps.places import CASES, TILES, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithExecution, WithTiles):
    pass


READ = File("tiles/{model}/{shard}.parquet", every_model=True)
STAGE = Stage(
    name="read-tiles",
    text="Decode the clean estimates of a trajectory and tell when each tile is decided.",
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY},
    makes={"out": READ},
    asks=("model",),
    loads_model=True,
    joined={TILES.place: READ},
)


def run(settings: Settings, *, model: str, cases: Path, trajectory: Path, out: Path) -> None:
    import numpy as np

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, cases_of, first_of_each, need_puzzles
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.runs import read_tiles
    from chain_of_steps.trajectory import Trajectory

    runs = Trajectory.checked(trajectory)
    mine = cases_of(cases, runs.runs)
    need_puzzles(mine)
    adapter = load_model(settings, model)
    started = time.monotonic()
    fields = settings.tiles
    first = first_of_each(read_table(cases / INDEX), fields.cases)
    seeds = sorted(runs.runs["seed"].unique())[: fields.seeds]
    chosen = runs.runs["case"].isin(first) & runs.runs["seed"].isin(seeds)
    some = runs.select(np.flatnonzero(chosen))
    write_table(out, read_tiles(adapter, some, mine, range(0, some.n_steps, fields.every)))
    execution = settings.execution.model_dump()
    write_manifest(
        out,
        inputs=[trajectory],
        parameters={"model_digest": adapter.digest, "execution": execution},
        seconds=time.monotonic() - started,
    )
