"""The stage that samples the training-free ensemble, and what else Table 1 compares."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.experiments.ensemble.settings import WithEnsemble
from chain_of_steps.experiments.loops.settings import WithLoops
from chain_of_steps.places import CASES, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, seeds_of
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithSampler, WithSeeds, WithExecution, WithEnsemble, WithLoops):
    pass


RUNS = File("tables/ensemble.csv")
PART = File("ensemble/{model}/{shard}.parquet")
STAGE = Stage(
    name="ensemble",
    text="Sample the ensemble, runs of few steps and the chosen loop on the cases of Table 1.",
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY},
    makes={"out": PART},
    asks=("model",),
    loads_model=True,
    joined={RUNS.place: PART},
)


def run(settings: Settings, *, model: str, cases: Path, trajectory: Path, out: Path) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, cases_of, first_of_each, need_puzzles
    from chain_of_steps.experiments.ensemble.plain import run_plain
    from chain_of_steps.experiments.ensemble.variants import run_ensembles, variants
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.trajectory import Trajectory

    require_euler(settings, "ensemble")
    fields, sampler = settings.ensemble, settings.sampler
    runs = Trajectory.checked(trajectory)
    chosen = first_of_each(read_table(cases / INDEX), fields.cases)
    runs = runs.select(runs.runs["case"].isin(chosen).to_numpy().nonzero()[0])
    mine = cases_of(cases, runs.runs)
    need_puzzles(mine)
    seeds = seeds_of(settings, model)[: fields.k]
    adapter = load_model(settings, model)
    started = time.monotonic()
    options = {"shift": sampler.shift, "n_frames": runs.made_by["frames"]}
    options |= {"batch": settings.execution.batch}
    methods = variants(fields, sampler.steps)
    averaged = run_ensembles(
        adapter, mine, seeds, methods, steps=sampler.steps, plain=runs, **options
    )
    plain, nfe = run_plain(adapter, mine, seeds, settings.loops, **options)
    table = pd.concat([averaged, plain], ignore_index=True)
    nfe += int(averaged["nfe"].sum())
    write_table(out, table)
    parameters = {"model_digest": adapter.digest, "settings": fields.model_dump()}
    parameters |= {"execution": settings.execution.model_dump()}
    seconds = time.monotonic() - started
    write_manifest(out, inputs=[trajectory], parameters=parameters, nfe=nfe, seconds=seconds)
    print(f"{len(table)} outcomes, {nfe} NFE")
