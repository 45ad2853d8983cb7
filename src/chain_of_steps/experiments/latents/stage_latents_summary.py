"""The stage that sums up what latents show without a reader."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Stage


class Settings(WithStatistics):
    pass


STAGE = Stage(
    name="latents-summary",
    text="Distance to the result, share settled and motion of clean estimates, by step and frame.",
    settings=Settings,
    takes={"runs": File("tables/latents_runs.parquet")},
    makes={"out": File("tables/latents.csv")},
)


def run(settings: Settings, *, runs: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.latents.commitment import summarise_commitment
    from chain_of_steps.statistics.resampling import Resampling

    resampling = Resampling.of(settings.statistics)
    write_table(out, summarise_commitment(read_table(runs), resampling=resampling))
