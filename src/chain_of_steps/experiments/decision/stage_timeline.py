"""The stage that tells when runs commit."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES, READOUTS
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Stage

STAGE = Stage(
    name="timeline",
    text="When runs commit: agreement with the final answer and live candidates, step by step.",
    settings=WithStatistics,
    takes={"cases": CASES, "readouts": READOUTS},
    makes={"out": File("tables/timeline.parquet")},
)


def run(settings: WithStatistics, *, cases: Path, readouts: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.decision.timeline import timeline
    from chain_of_steps.statistics.resampling import Resampling

    index = read_table(cases / INDEX)
    resampling = Resampling.of(settings.statistics)
    write_table(out, timeline(read_table(readouts), index, resampling=resampling))
