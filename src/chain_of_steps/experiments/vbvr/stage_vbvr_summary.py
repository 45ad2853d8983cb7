"""The stage that sums the scores up."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES
from chain_of_steps.settings.models import WithModels, bases_of
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithSampler, WithStatistics):
    pass


STAGE = Stage(
    name="vbvr-summary",
    text="Means of the scores with intervals, overall, by split and by category.",
    settings=Settings,
    takes={"cases": CASES, "scores": File("tables/vbvr_scores.csv")},
    makes={"out": File("tables/vbvr.csv"), "outcomes": File("tables/vbvr_outcomes.parquet")},
)


def run(settings: Settings, *, cases: Path, scores: Path, out: Path, outcomes: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.vbvr.outcomes import vbvr_outcomes
    from chain_of_steps.experiments.vbvr.scores import summarise_scores
    from chain_of_steps.statistics.resampling import Resampling

    scored, index = read_table(scores), read_table(cases / INDEX)
    resampling = Resampling.of(settings.statistics)
    write_table(out, summarise_scores(scored, index, resampling=resampling))
    rows = vbvr_outcomes(scored, index, bases_of(settings), settings.sampler.steps)
    write_table(outcomes, rows)
