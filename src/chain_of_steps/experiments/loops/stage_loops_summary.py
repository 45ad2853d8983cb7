"""The stage that tells what more steps, passes and samples bought."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.loops.settings import WithLoops
from chain_of_steps.places import CASES
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Files, Stage


class Settings(WithStatistics, WithLoops):
    pass


TABLES = ("loops.csv", "loop_contrasts.csv", "few_steps.csv")
STAGE = Stage(
    name="loops-summary",
    text="What more steps, passes and samples buy, with intervals; --out is a folder.",
    settings=Settings,
    takes={"cases": CASES, "runs": File("tables/loop_runs.parquet")},
    makes={
        "out": Files("tables", TABLES),
        "outcomes": File("tables/loops_outcomes.parquet"),
    },
)


def run(settings: Settings, *, cases: Path, runs: Path, out: Path, outcomes: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.loops.few import few_table
    from chain_of_steps.experiments.loops.outcomes import loops_outcomes
    from chain_of_steps.experiments.loops.summary import loop_contrasts, loop_table
    from chain_of_steps.statistics.resampling import Resampling

    resampling, rows = Resampling.of(settings.statistics), read_table(runs)
    tables = (
        loop_table(rows, resampling=resampling),
        loop_contrasts(rows, settings.loops.chosen, resampling=resampling),
        few_table(rows, resampling=resampling),
    )
    for name, table in zip(TABLES, tables, strict=True):
        write_table(out / name, table)
    write_table(outcomes, loops_outcomes(rows, read_table(cases / INDEX)))
