"""The stage that says at which steps readings agree, and what was read how."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.reading import WithReading
from chain_of_steps.stage import File, Stage

STAGE = Stage(
    name="reading-summary",
    text="Agreement of a cheap decoder with the codec, step by step, and where it reads.",
    settings=WithReading,
    takes={"runs": File("tables/reading_runs.parquet")},
    makes={"out": File("tables/reading.csv")},
)


def run(settings: WithReading, *, runs: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.reading.summary import summarise

    write_table(out, summarise(read_table(runs), settings.reading))
