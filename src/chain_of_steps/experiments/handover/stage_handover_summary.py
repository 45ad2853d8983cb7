"""The stage that tells what a step hands on."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Files, Stage


class Settings(WithSampler, WithStatistics):
    pass


TABLES = ("handover.csv", "handover_tiles.csv", "jacobian.csv", "handover_contrasts.csv")
STAGE = Stage(
    name="handover-summary",
    text="What a step hands on: rates and contrasts with intervals; --out is a folder.",
    settings=Settings,
    takes={
        "cases": CASES,
        "runs": File("tables/handover_runs.parquet"),
        "tiles": File("tables/handover_tiles_runs.parquet"),
        "jacobian": File("tables/jacobian_runs.parquet"),
    },
    makes={
        "out": Files("tables", TABLES),
        "outcomes": File("tables/handover_outcomes.parquet"),
    },
)


def run(
    settings: Settings,
    *,
    cases: Path,
    runs: Path,
    tiles: Path,
    jacobian: Path,
    out: Path,
    outcomes: Path,
) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.handover.contrasts import contrasts
    from chain_of_steps.experiments.handover.outcomes import handover_outcomes
    from chain_of_steps.experiments.handover.tables import ends_table, jacobian_table, tiles_table
    from chain_of_steps.statistics.resampling import Resampling

    resampling = Resampling.of(settings.statistics)
    rows = [read_table(path) for path in (runs, tiles, jacobian)]
    made = (
        *(
            of(table, resampling=resampling)
            for of, table in zip((ends_table, tiles_table, jacobian_table), rows, strict=True)
        ),
        contrasts(*rows, settings.sampler.steps, resampling=resampling),
    )
    for name, table in zip(TABLES, made, strict=True):
        write_table(out / name, table)
    index = read_table(cases / INDEX)
    write_table(outcomes, handover_outcomes(rows[0], index, settings.sampler.steps))
