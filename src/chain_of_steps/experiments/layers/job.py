"""What the stages of the layer analyses share: their settings, and one job of an analysis."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.layers.settings import WithLayers
from chain_of_steps.places import CASES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, passes_of, seeds_of
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import File, Files, Stage

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "layers/{model}/{job}"
TASK_OF = {"swap": "identify", "patching": "maze"}  # the others take all tasks of the study


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
) -> None:
    """One job of a layer analysis, on the first `per_split` cases of each task that it takes.

    measure(settings, adapter, cases of the job, cases of all jobs, seeds, **options) gives tables
    by name and the ledger of blocks; options are shift, n_frames and batch.
    """
    from chain_of_steps.artifacts import read_table, write_tables
    from chain_of_steps.cases.folders import INDEX, load_cases, need_puzzles
    from chain_of_steps.models.adapters import load_model

    require_euler(settings, "layers")
    fields = settings.layers
    chosen = settings.models.get(model)
    if chosen is not None and "uncond" in fields.branches and passes_of(chosen) == 1:
        raise UserError(
            f"layers.branches has uncond, but {model} has guidance {chosen.guidance:g}: write "
            "[cond], or a guidance above 1."
        )
    names = pick_cases(read_table(cases / INDEX), analysis, per_split)
    mine = share_of_job(names, job, fields.jobs)
    everyone = load_cases(cases, names)
    need_puzzles(everyone)
    seeds = seeds_of(settings, model)[: fields.seeds]
    adapter = load_model(settings, model)
    started = time.monotonic()
    tables, ledger = measure(
        settings,
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


def pick_cases(index: pd.DataFrame, analysis: str, per_split: int) -> list[str]:
    """Names of the first `per_split` cases of each task and split that an analysis takes.

    Raises UserError when the study has no case of its task.
    """
    task = TASK_OF.get(analysis)
    rows = index if task is None else index[index["task"] == task]
    if rows.empty:
        raise UserError(f"cases.tasks has no {task}: add it, as layer {analysis} is done on it.")
    return rows.groupby(["task", "split"], sort=False).head(per_split)["case"].tolist()


def share_of_job(cases: Sequence[str], job: int, jobs: int) -> list[str]:
    """The cases of one of `jobs` jobs; every job has some of each task.

    Raises UserError when there is no such job, or it would have no case.
    """
    mine = list(cases[job::jobs]) if 0 <= job < jobs else []
    if not mine:
        raise UserError(
            f"job {job} of {jobs} has none of {len(cases)} cases: write a job from 0 to "
            f"{min(jobs, len(cases)) - 1}, or fewer layers.jobs."
        )
    return mine
