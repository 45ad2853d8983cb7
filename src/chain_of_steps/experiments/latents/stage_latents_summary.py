"""The stage that sums up what latents show without a reader."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Files, Stage


class Settings(WithStatistics):
    pass


TABLES = ("latents.csv", "latents_energy.csv")
STAGE = Stage(
    name="latents-summary",
    text="What latents, guidance and token energy show, by step and frame; --out is a folder.",
    settings=Settings,
    takes={
        "runs": File("tables/latents_runs.parquet"),
        "guidance": File("tables/latents_guidance_runs.parquet"),
        "energy": File("tables/latents_energy_runs.parquet"),
    },
    makes={"out": Files("tables", TABLES)},
)


def run(settings: Settings, *, runs: Path, guidance: Path, energy: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.latents.summaries import summarise_energy, summarise_latents
    from chain_of_steps.statistics.resampling import Resampling

    resampling = Resampling.of(settings.statistics)
    found = (
        summarise_latents(read_table(runs), read_table(guidance), resampling),
        summarise_energy(read_table(energy), resampling),
    )
    for name, table in zip(TABLES, found, strict=True):
        write_table(out / name, table)
