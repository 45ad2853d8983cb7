"""The layer analyses of a study, and which cases each of them takes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from chain_of_steps.errors import UserError

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
