"""The stage that measures memory, perception and the exact posterior."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.experiments.behaviours.places import BEHAVIOURS, FOLDER, RUNS
from chain_of_steps.experiments.behaviours.settings import WithBehaviours
from chain_of_steps.places import CASES, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, seeds_of
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.stage import File, Files, Stage


class Settings(WithModels, WithSeeds, WithExecution, WithBehaviours):
    pass


STAGE = Stage(
    name="behaviours",
    text="Memory, perception and the exact posterior along one shard of runs; --out is a folder.",
    settings=Settings,
    takes={
        "cases": CASES,
        "trajectory": TRAJECTORY,
        "readouts": File("readouts/{model}/{shard}.parquet"),
    },
    makes={"out": Files(FOLDER, tuple(f"{name}.parquet" for name in BEHAVIOURS))},
    asks=("model",),
    loads_model=True,
    joined={RUNS[name].place: File(f"{FOLDER}/{name}.parquet") for name in BEHAVIOURS},
)


def run(
    settings: Settings, *, model: str, cases: Path, trajectory: Path, readouts: Path, out: Path
) -> None:
    from chain_of_steps.artifacts import read_table, write_tables
    from chain_of_steps.cases.folders import INDEX, cases_of, first_of_each
    from chain_of_steps.experiments.behaviours.memory import memory_shard
    from chain_of_steps.experiments.behaviours.perception import perception_shard
    from chain_of_steps.experiments.behaviours.posterior import compare_shard
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.trajectory import Trajectory

    fields = settings.behaviours
    runs = Trajectory.checked(trajectory)
    starts = {round(share * runs.n_steps) for share in (0, *fields.withheld)}
    index = read_table(cases / INDEX)
    remembered = first_of_each(index, fields.memory_cases)
    alone = first_of_each(index, fields.alone_cases)
    seeds = seeds_of(settings, model)[: fields.seeds]
    mine = cases_of(cases, runs.runs)
    looks = read_table(readouts)
    adapter = load_model(settings, model)
    started = time.monotonic()
    memory, of_memory = memory_shard(
        adapter, runs, mine, remembered, seeds=seeds, starts=sorted(starts)
    )
    perception, of_perception = perception_shard(adapter, runs, mine, alone, seeds=seeds)
    posterior = compare_shard(adapter, runs, mine, looks)
    seconds, nfe = time.monotonic() - started, of_memory + of_perception
    made = {"memory": memory, "perception": perception, "posterior": posterior}
    parameters = {"model_digest": adapter.digest, "settings": fields.model_dump(), "seeds": seeds}
    write_tables(
        {out / f"{name}.parquet": table for name, table in made.items()},
        inputs=[trajectory, readouts],
        parameters=parameters,
        nfe=nfe,
        seconds=seconds,
    )
    print(f"{sum(map(len, made.values()))} rows, {nfe} NFE, {seconds:.1f} s")
