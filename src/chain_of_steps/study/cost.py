"""What a study has cost: forward passes, time and disk of every stage, from its manifests."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chain_of_steps.files import MANIFEST_SUFFIX, read_json, walk


@dataclass(frozen=True)
class Spent:
    """One folder of results. nfe, seconds: of all its jobs; size: bytes on disk."""

    stage: str
    jobs: int
    nfe: int
    seconds: float
    size: int


def spent(results: Path) -> list[Spent]:
    """A line for every folder of a study's results; a job counts where its manifest has seconds."""
    lines = []
    for folder in sorted(path for path in results.iterdir() if path.is_dir()):
        files = [path for path in walk(folder) if path.is_file()]
        found = [read_json(path) for path in files if path.name.endswith(MANIFEST_SUFFIX)]
        costs = [(one["nfe"], one["seconds"]) for one in found if one.get("seconds")]
        nfe, seconds = (sum(column) for column in zip(*costs, strict=True)) if costs else (0, 0.0)
        size = sum(path.stat().st_size for path in files)
        lines.append(Spent(folder.name, len(costs), nfe, seconds, size))
    return lines


def page(study: str, threads: int, lines: Sequence[Spent]) -> str:
    """The lines and their sum as Markdown. threads: CPU threads of a job."""
    total = [sum(getattr(line, name) for line in lines) for name in ("jobs", "nfe", "seconds")]
    rows = [*lines, Spent("all", *total, sum(line.size for line in lines))]
    text = f"""\
# What the study {study} has cost

On {platform.machine()} with {os.cpu_count()} CPU cores, {threads} threads a job. Minutes are
wall-clock time inside the jobs, so two jobs at once count twice; the start of processes and the
drawing of figures are not in them.

| results/{study}/ | jobs | forward passes | minutes | MB on disk |
| --- | --- | --- | --- | --- |
"""
    for row in rows:
        cells = (row.stage, row.jobs, f"{row.nfe:,}", f"{row.seconds / 60:.1f}")
        text += f"| {' | '.join(map(str, cells))} | {row.size / 1e6:,.1f} |\n"
    return text
