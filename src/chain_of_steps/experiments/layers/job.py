"""What the stages of the layer analyses share: their settings, and one job of an analysis."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.layers.settings import WithLayers
from chain_of_steps.places import CASES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, passes_of, seeds_of
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import File, Files, Stage

FOLDER = "layers/{model}/{job}"


class Settings(WithModels, WithSampler, WithVideo, WithSeeds, WithExecution, WithLayers):
    pass


def layer_stage(name: str, text: str, *tables: str) -> Stage:
    """The declaration of a layer analysis that makes some tables."""
    return Stage(
        name=name,
        text=f"{text} One job's cases; writes <table>.parquet files into a folder.",
        settings=Settings,
        takes={"cases": CASES},
        makes={"out": Files(FOLDER, tuple(f"{table}.parquet" for table in tables))},
        asks=("model", "job"),
        loads_model=True,
        joined={
            f"tables/{table}_runs.parquet": File(f"{FOLDER}/{table}.parquet") for table in tables
        },
    )


def run_job(
    settings: Settings,
    analysis: str,
    measure: Callable[..., tuple[Mapping[str, Any], Any]],
    *,
    model: str,
    cases: Path,
    job: int,
    out: Path,
    per_split: int,
    task: str | None = None,
) -> None:
    """One job of a layer analysis, on the first `per_split` cases of each task, or of one task.

    measure(adapter, cases of the job, cases of all jobs, seeds, **options) gives tables by name and
    the ledger of blocks; options are shift, n_frames and batch.
    """
    from chain_of_steps.artifacts import read_table, write_tables
    from chain_of_steps.cases.folders import INDEX, load_cases, need_puzzles
    from chain_of_steps.experiments.layers.analyses import pick_cases, share_of_job
    from chain_of_steps.models.adapters import load_model

    require_euler(settings, "layers")
    fields = settings.layers
    chosen = settings.models.get(model)
    if chosen is not None and "uncond" in fields.branches and passes_of(chosen) == 1:
        raise UserError(
            f"layers.branches has uncond, but {model} has guidance {chosen.guidance:g}: write "
            "[cond], or a guidance above 1."
        )
    names = pick_cases(read_table(cases / INDEX), analysis, per_split, task)
    mine = share_of_job(names, job, fields.jobs)
    everyone = load_cases(cases, names)
    need_puzzles(everyone)
    seeds = seeds_of(settings, model)[: fields.seeds]
    adapter = load_model(settings, model)
    started = time.monotonic()
    tables, ledger = measure(
        adapter,
        [case for case in everyone if case.name in set(mine)],
        everyone,
        seeds,
        shift=settings.sampler.shift,
        n_frames=settings.video.frames,
        batch=settings.execution.batch,
    )
    seconds = time.monotonic() - started
    parameters = {
        "model_digest": adapter.digest,
        "analysis": analysis,
        "job": job,
        "cases": mine,
        "seeds": seeds,
        "settings": fields.model_dump(),
        "execution": settings.execution.model_dump(),
        "blocks": {"evaluated": ledger.evaluated, "naive": ledger.naive},
    }
    files = {out / f"{name}.parquet": table for name, table in tables.items()}
    write_tables(files, parameters=parameters, nfe=ledger.nfe, seconds=seconds)
    print(f"{analysis}: {ledger}, {ledger.nfe} NFE, {seconds:.1f} s")
