"""The stage that tells how the front of decided tiles moves along the steps."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.front.settings import WithFront
from chain_of_steps.places import CASES, READOUTS, TILES
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import Files, Stage


class Settings(WithStatistics, WithFront):
    pass


TABLES = ("front.csv", "front_slopes.csv", "front_order.csv", "needs.csv")
STAGE = Stage(
    name="front",
    text="How the front of decided tiles moves along the steps; --out is a folder.",
    settings=Settings,
    takes={"cases": CASES, "readouts": READOUTS, "tiles": TILES},
    makes={"out": Files("tables", TABLES)},
)


def run(settings: Settings, *, cases: Path, readouts: Path, tiles: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import cases_of, with_need
    from chain_of_steps.experiments.front.fronts import (
        front_table,
        order_table,
        slope_table,
        tile_rows,
    )
    from chain_of_steps.experiments.front.needs import need_table
    from chain_of_steps.statistics.resampling import Resampling

    resampling, looks = Resampling.of(settings.statistics), read_table(readouts)
    every = read_table(tiles)
    sigmas = looks.groupby("step")["sigma"].first()
    rows = tile_rows(every, cases_of(cases, every), sigmas)
    tables = (
        front_table(rows, sigmas, settings.front.looks, resampling=resampling),
        slope_table(rows, resampling=resampling),
        order_table(rows, resampling=resampling),
        need_table(with_need(looks, cases), resampling=resampling),
    )
    for name, table in zip(TABLES, tables, strict=True):
        write_table(out / name, table)
