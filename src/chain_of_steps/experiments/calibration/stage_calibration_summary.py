"""The stage that says what can be read of videos that are degraded."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.base import View
from chain_of_steps.stage import File, Stage

STAGE = Stage(
    name="calibration-summary",
    text="How often degraded videos are read right or wrong, and which tasks cannot be read.",
    settings=View,
    takes={"readings": File("tables/calibration_readings.parquet")},
    makes={"out": File("tables/calibration.csv"), "tasks": File("tables/calibration_tasks.csv")},
)


def run(settings: View, *, readings: Path, out: Path, tasks: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.calibration.summary import by_degradation, by_task, unreadable

    rows = read_table(readings)
    table = by_task(rows)
    write_table(out, by_degradation(rows))
    write_table(tasks, table)
    for task in unreadable(table):
        print(f"{task} is not read well enough when drawn so: leave it out of cases.tasks")
