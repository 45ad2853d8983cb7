"""The stage that tells how far noise spreads in clean estimates that nobody reads."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.latents.places import FLOWS
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Stage

STAGE = Stage(
    name="latents-flow",
    text="How far noise at a step takes later clean estimates, of runs whose videos are written.",
    settings=WithStatistics,
    takes={"flows": FLOWS},
    makes={"out": File("tables/latents_flow.csv")},
)


def run(settings: WithStatistics, *, flows: list[Path], out: Path) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.latents.summaries import summarise_flow
    from chain_of_steps.statistics.resampling import Resampling

    parts = [part for part in map(read_table, flows) if len(part)]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    write_table(out, summarise_flow(rows, Resampling.of(settings.statistics)))
