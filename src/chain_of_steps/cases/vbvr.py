"""The 100 tasks of VBVR-Bench: names, splits, categories. Cheap to import."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chain_of_steps.settings.cases import Cases

SUFFIX = "_data-generator"  # of a task's folder; tables and configurations leave it out
SPLIT_FOLDERS = {"in-domain": "In-Domain_50", "out-of-domain": "Out-of-Domain_50"}
CASES_PER_TASK = 5


@dataclass(frozen=True)
class VbvrTask:
    """A task of VBVR-Bench. family: Abstraction, Knowledge, Perception, ..."""

    name: str
    split: str
    family: str

    @property
    def folder(self) -> str:
        """Path of the task below the root of the data, or of a run that the scorer reads."""
        return f"{SPLIT_FOLDERS[self.split]}/{self.name}{SUFFIX}"


@cache
def vbvr_tasks() -> Mapping[str, VbvrTask]:
    """All tasks by name, in-domain ones first."""
    with Path(__file__).with_name("vbvr.csv").open(encoding="utf-8", newline="") as file:
        rows = [VbvrTask(row["task"], row["split"], row["family"]) for row in csv.DictReader(file)]
    return {task.name: task for task in rows}


def vbvr_size(cases: Cases) -> int:
    """Number of cases that a checked section `cases` takes from VBVR-Bench."""
    return sum(cases.number(name, vbvr_tasks()[name].split) for name in cases.tasks or ())
