"""The stage that takes more steps, more passes or more samples."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.experiments.loops.settings import FLAT, WithLoops
from chain_of_steps.places import CASES, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, main_model
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithSampler, WithExecution, WithLoops):
    pass


ENDS = File("loops/{model}/{shard}.parquet", every_model=True)
STAGE = Stage(
    name="loops",
    text="Runs of few steps, steps at matched noise levels, and passes at one noise level.",
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY},
    makes={"out": ENDS},
    asks=("model",),
    loads_model=True,
    joined={"tables/loop_runs.parquet": ENDS},
)


def run(settings: Settings, *, model: str, cases: Path, trajectory: Path, out: Path) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.experiments.handover.subjects import runs_of
    from chain_of_steps.experiments.loops.passes import passes_of
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_model

    require_euler(settings, "loops")
    fields = settings.loops
    runs, mine = runs_of(cases, trajectory, fields.cases, [FLAT])
    adapter = load_model(settings, model)
    started = time.monotonic()
    shift, batch = settings.sampler.shift, settings.execution.batch
    main = model == main_model(settings)
    table, nfe = passes_of(adapter, runs, mine, fields, shift, batch, main=main)
    write_table(out, table)
    parameters = {"model_digest": adapter.digest, "settings": fields.model_dump()}
    parameters |= {"batch": batch, "threads": settings.execution.threads}
    seconds = time.monotonic() - started
    write_manifest(out, inputs=[trajectory], parameters=parameters, nfe=nfe, seconds=seconds)
    print(f"{len(table)} runs, {nfe} NFE, {seconds:.1f} s")
