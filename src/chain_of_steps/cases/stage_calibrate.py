"""The stage that reads degraded videos of known answers, as the study's puzzles are drawn."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.places import CALIBRATION, CASES
from chain_of_steps.settings.base import View
from chain_of_steps.stage import Stage

STAGE = Stage(
    name="calibrate",
    text=(
        "Read what is known after blur, compression, shifts and other things that decoders do: how "
        "often is the answer right, wrong or refused?"
    ),
    settings=View,
    takes={"cases": CASES},
    makes={"out": CALIBRATION},
)


def run(settings: View, *, cases: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.degraded import calibrate, summary, unreadable
    from chain_of_steps.cases.folders import INDEX, load_cases

    names = read_table(cases / INDEX, columns=["case"])["case"].tolist()
    known = load_cases(cases, names)
    drawings = {case.drawing for case in known}
    if len(drawings) > 1:
        raise UserError(f"{cases} holds puzzles of {len(drawings)} drawings: make them again.")
    readings = calibrate([case.puzzle for case in known], drawings.pop())
    write_table(out, readings)
    print(summary(readings, by=()).to_string(index=False))
    for task in unreadable(readings):
        print(f"{task} is not read well enough when drawn so: leave it out of cases.tasks")
