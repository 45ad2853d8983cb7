"""The layer analyses of a study: which cases and settings each has, which tables it writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from chain_of_steps.cases.folders import Case
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.layers.ablation import ablate, summarise_ablation
from chain_of_steps.experiments.layers.energy import measure_energy, summarise_energy
from chain_of_steps.experiments.layers.maze_patching import patch_mazes, summarise_patching
from chain_of_steps.experiments.layers.swap import summarise_swap, swap_identify
from chain_of_steps.models.model import VideoModel
from chain_of_steps.patching import Ledger
from chain_of_steps.statistics.resampling import Resampling

TASK_OF = {"swap": "identify", "patching": "maze"}  # the others take all tasks of the study
ANALYSES = ("energy", "swap", "patching", "ablation")


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


def run_analysis(
    analysis: str,
    model: VideoModel,
    cases: Sequence[Case],
    everyone: Sequence[Case],
    seeds: Sequence[int],
    settings: Any,
) -> tuple[dict[str, pd.DataFrame], Ledger]:
    """Tables of one job by name, and the blocks it evaluated.

    everyone: the cases of all jobs, which the ablation's mean update is taken over. settings: a
    view with the sections layers, sampler, video and execution.
    """
    fields = settings.layers
    options = {
        "shift": settings.sampler.shift,
        "n_frames": settings.video.frames,
        "batch": settings.execution.batch,
    }
    branches = {"branches": tuple(fields.branches)}
    full, short = settings.sampler.steps, fields.steps
    if analysis == "energy":
        top = fields.massive
        return measure_energy(model, cases, seeds, steps=full, top=top, **options, **branches)
    if analysis == "swap":
        table, ledger = swap_identify(
            model,
            cases,
            seeds,
            steps=full,
            every_steps=short,
            stride=fields.stride,
            final_parts=fields.final_parts,
            **options,
            **branches,
        )
    elif analysis == "patching":
        noise_at = fields.noise_at
        table, ledger = patch_mazes(
            model, cases, seeds, steps=short, noise_at=noise_at, **options, **branches
        )
    else:
        table, ledger = ablate(model, cases, everyone, seeds, steps=short, **options)
    return {f"layer_{analysis}": table}, ledger


def summarise(analysis: str, table: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """The summary of an analysis' (main) table, see the `summarise_*` functions."""
    how = {
        "energy": summarise_energy,
        "swap": summarise_swap,
        "patching": summarise_patching,
        "ablation": summarise_ablation,
    }
    return how[analysis](table, resampling=resampling)
