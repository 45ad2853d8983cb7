"""The stage that sums the scores up."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Stage

STAGE = Stage(
    name="vbvr-summary",
    text="Means of the scores with intervals, overall, by split and by category.",
    settings=WithStatistics,
    takes={"cases": CASES, "scores": File("tables/vbvr_scores.csv")},
    makes={"out": File("tables/vbvr.csv")},
)


def run(settings: WithStatistics, *, cases: Path, scores: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.vbvr.scores import summarise_scores
    from chain_of_steps.statistics.resampling import Resampling

    resampling = Resampling.of(settings.statistics)
    write_table(
        out, summarise_scores(read_table(scores), read_table(cases / INDEX), resampling=resampling)
    )
