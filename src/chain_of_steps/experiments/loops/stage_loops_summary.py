"""The stage that tells what more steps, passes and samples bought."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Files, Stage

TABLES = ("loops.csv", "loop_contrasts.csv")
STAGE = Stage(
    name="loops-summary",
    text="What more steps, passes and samples buy, with intervals; --out is a folder.",
    settings=WithStatistics,
    takes={"runs": File("tables/loop_runs.parquet")},
    makes={"out": Files("tables", TABLES)},
)


def run(settings: WithStatistics, *, runs: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.loops.summary import loop_contrasts, loop_table
    from chain_of_steps.statistics.resampling import Resampling

    resampling, rows = Resampling.of(settings.statistics), read_table(runs)
    for name, table in zip(TABLES, (loop_table, loop_contrasts), strict=True):
        write_table(out / name, table(rows, resampling=resampling))
