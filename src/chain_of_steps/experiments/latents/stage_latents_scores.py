"""The stage that tells how good the clean estimates of each step are."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.latents.places import SCORES
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Stage

STAGE = Stage(
    name="latents-scores",
    text="Scores of clean estimates by step, of studies that score them.",
    settings=WithStatistics,
    takes={"scores": SCORES},
    makes={"out": File("tables/latents_scores.csv")},
)


def run(settings: WithStatistics, *, scores: Path | None, out: Path) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.latents.summaries import summarise_scores
    from chain_of_steps.statistics.resampling import Resampling

    rows = pd.DataFrame() if scores is None else read_table(scores)
    write_table(out, summarise_scores(rows, Resampling.of(settings.statistics)))
