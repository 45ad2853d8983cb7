"""The stage that puts things into stored runs and sees what comes of them."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.experiments.handover.settings import WithHandover
from chain_of_steps.places import CASES, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, seeds_of
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithSampler, WithSeeds, WithExecution, WithHandover):
    pass


ENDS = File("handover/{model}/{shard}.parquet")
TILES = File("handover/{model}/{shard}.tiles.parquet")
JACOBIAN = File("handover/{model}/{shard}.jacobian.parquet")
STAGE = Stage(
    name="handover",
    text=(
        "Mistakes, other pictures, tiles and answers that are read anew, put into the runs of a "
        "trajectory."
    ),
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY},
    makes={"out": ENDS, "tiles": TILES, "jacobian": JACOBIAN},
    asks=("model",),
    loads_model=True,
    joined={
        "tables/handover_runs.parquet": ENDS,
        "tables/handover_tiles_runs.parquet": TILES,
        "tables/jacobian_runs.parquet": JACOBIAN,
    },
)


def run(
    settings: Settings,
    *,
    model: str,
    cases: Path,
    trajectory: Path,
    out: Path,
    tiles: Path,
    jacobian: Path,
) -> None:
    from chain_of_steps.artifacts import write_tables
    from chain_of_steps.experiments.handover.ends import ends_of
    from chain_of_steps.experiments.handover.jacobian import jacobian_of
    from chain_of_steps.experiments.handover.subjects import runs_of
    from chain_of_steps.experiments.handover.tiles import tiles_of
    from chain_of_steps.models.adapters import load_model

    require_euler(settings, "handover")
    fields, batch = settings.handover, settings.execution.batch
    runs, mine = runs_of(cases, trajectory, fields.cases)
    first = runs.runs["seed"] == seeds_of(settings, model)[0]
    runs = runs.select(first.to_numpy().nonzero()[0].tolist())
    adapter = load_model(settings, model)
    started = time.monotonic()
    measured = [of(adapter, runs, mine, fields, batch) for of in (ends_of, tiles_of, jacobian_of)]
    nfe = sum(spent for _, spent in measured)
    parameters = {"model_digest": adapter.digest, "settings": fields.model_dump()}
    parameters |= {"batch": batch, "threads": settings.execution.threads}
    seconds = time.monotonic() - started
    made = [table for table, _ in measured]
    write_tables(
        dict(zip((out, tiles, jacobian), made, strict=True)),
        inputs=[trajectory],
        parameters=parameters,
        nfe=nfe,
        seconds=seconds,
    )
    print(f"{sum(map(len, made))} rows, {nfe} NFE, {seconds:.1f} s")
