"""The stage that reads stored runs tile by tile."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.experiments.front.settings import WithFront
from chain_of_steps.places import CASES, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithExecution, WithFront):
    pass


TILES = File("tables/tiles_runs.parquet")
PART = File("tiles/{model}/{shard}.parquet", every_model=True)
STAGE = Stage(
    name="tiles",
    text="Read every decisive tile of stored runs: the step from which it is right to the end.",
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY},
    makes={"out": PART},
    asks=("model",),
    loads_model=True,
    joined={TILES.place: PART},
)


def run(settings: Settings, *, model: str, cases: Path, trajectory: Path, out: Path) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.cases.folders import cases_of, need_puzzles
    from chain_of_steps.experiments.front.fronts import tile_rows
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_codec
    from chain_of_steps.trajectory import Trajectory

    runs = Trajectory.checked(trajectory)
    mine = cases_of(cases, runs.runs)
    need_puzzles(mine)
    adapter = load_codec(settings, model)
    started = time.monotonic()
    fields = settings.front
    write_table(out, tile_rows(adapter, runs, mine, fields.seeds, fields.every))
    write_manifest(
        out,
        inputs=[trajectory],
        parameters={"model_digest": adapter.digest, "settings": fields.model_dump()},
        seconds=time.monotonic() - started,
    )
