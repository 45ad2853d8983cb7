"""The stage that samples the training-free ensemble."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from chain_of_steps.experiments.ensemble.settings import WithEnsemble, ensemble_seeds
from chain_of_steps.places import CASES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, main_model
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithSampler, WithVideo, WithSeeds, WithExecution, WithEnsemble):
    pass


OUTCOMES = File("ensemble/{model}/{shard}.parquet", every_model=True)
STAGE = Stage(
    name="ensemble",
    text="Sample the training-free ensemble and its controls for one shard of cases.",
    settings=Settings,
    takes={"cases": CASES},
    makes={"out": OUTCOMES},
    asks=("model", "shard"),
    loads_model=True,
    joined={"tables/ensemble.csv": OUTCOMES},
)


def run(settings: Settings, *, model: str, cases: Path, shard: int, out: Path) -> None:
    from chain_of_steps.cases.folders import need_puzzles

    sample_ensembles(settings, model, cases, shard, out, check=need_puzzles)


def sample_ensembles(
    settings: Settings,
    model: str,
    cases: Path,
    shard: int,
    out: Path,
    *,
    check: Callable = lambda cases: None,
    keep: Callable = lambda adapter, seed: None,
) -> None:
    """Samples the ensembles of a shard; `check` may refuse its cases before a model loads.

    keep(adapter, first seed): what is given every result, see `run_ensembles`.
    """
    import pandas as pd

    from chain_of_steps.artifacts import write_table
    from chain_of_steps.cases.folders import shard_cases
    from chain_of_steps.experiments.ensemble.variants import run_ensembles, variants
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.runs import frames_of

    require_euler(settings, "ensemble")
    fields = settings.ensemble
    mine = shard_cases(cases, shard, settings.execution.shard)
    check(mine)
    n_frames = frames_of(mine, settings.video.frames)
    methods = variants(fields.k, tuple(fields.band), fields.many_steps)
    if not all(case.is_puzzle for case in mine):
        methods = [method for method in methods if method.goes_on != "all"]  # nothing to vote on
    paper, *controls = methods
    work = [(mine, [paper])]
    if model == main_model(settings):
        work.append((mine[:: fields.every], controls))
    seeds = ensemble_seeds(settings, model)
    adapter = load_model(settings, model)
    started = time.monotonic()
    kept = keep(adapter, seeds[0])
    tables = [
        run_ensembles(
            adapter,
            some,
            seeds,
            methods,
            steps=settings.sampler.steps,
            shift=settings.sampler.shift,
            n_frames=n_frames,
            batch=settings.execution.batch,
            keep=kept,
        )
        for some, methods in work
    ]
    table = pd.concat(tables, ignore_index=True)
    nfe = int(table["nfe"].sum())
    write_table(out, table)
    parameters = {"model_digest": adapter.digest, "settings": fields.model_dump()}
    parameters |= {"execution": settings.execution.model_dump()}
    write_manifest(out, parameters=parameters, nfe=nfe, seconds=time.monotonic() - started)
    print(f"{len(table)} outcomes, {nfe} NFE")
