"""The stage that tells how the front of decided tiles moves along the steps."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.front.settings import WithFront
from chain_of_steps.experiments.front.stage_tiles import TILES
from chain_of_steps.places import CASES, READOUTS
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import Files, Stage


class Settings(WithStatistics, WithFront):
    pass


TABLES = ("front.csv", "front_slopes.csv", "front_order.csv", "needs.csv", "front_outcomes.parquet")
STAGE = Stage(
    name="front",
    text="How the front of decided tiles moves along the steps; --out is a folder.",
    settings=Settings,
    takes={"cases": CASES, "readouts": READOUTS, "tiles": TILES},
    makes={"out": Files("tables", TABLES)},
)


def run(settings: Settings, *, cases: Path, readouts: Path, tiles: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import with_need
    from chain_of_steps.experiments.front.fronts import front_table, order_table, slope_table
    from chain_of_steps.experiments.front.needs import need_table
    from chain_of_steps.experiments.front.outcomes import front_outcomes
    from chain_of_steps.statistics.resampling import Resampling

    rows, resampling = read_table(tiles), Resampling.of(settings.statistics)
    looks = read_table(readouts)
    sigmas = looks.groupby("step")["sigma"].first()
    tables = (
        front_table(rows, sigmas, settings.front.looks, resampling=resampling),
        slope_table(rows, resampling=resampling),
        order_table(rows, resampling=resampling),
        need_table(with_need(looks, cases), resampling=resampling),
        front_outcomes(rows),
    )
    for name, table in zip(TABLES, tables, strict=True):
        write_table(out / name, table)
