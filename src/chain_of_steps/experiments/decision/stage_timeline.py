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
    makes={
        "out": File("tables/timeline.parquet"),
        "outcomes": File("tables/decision_outcomes.parquet"),
    },
)


def run(
    settings: WithStatistics, *, cases: Path, readouts: Path, out: Path, outcomes: Path
) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.decision.outcomes import decision_outcomes
    from chain_of_steps.experiments.decision.timeline import timeline
    from chain_of_steps.statistics.resampling import Resampling

    index = read_table(cases / INDEX)
    resampling = Resampling.of(settings.statistics)
    looks = read_table(readouts)
    write_table(out, timeline(looks, index, resampling=resampling))
    write_table(outcomes, decision_outcomes(looks, index))
