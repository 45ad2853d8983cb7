"""The stage that reads degraded videos of known answers, as the study's puzzles are drawn."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.places import CASES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.stage import File, Stage

READINGS = File("calibration/{shard}.parquet")

STAGE = Stage(
    name="calibrate",
    text=(
        "Read what is known after blur, compression, shifts and other things that decoders do: how "
        "often is the answer right, wrong or refused?"
    ),
    settings=WithExecution,
    takes={"cases": CASES},
    makes={"out": READINGS},
    asks=("shard",),
    heavy=True,
    joined={"tables/calibration_readings.parquet": READINGS},
)


def run(settings: WithExecution, *, cases: Path, shard: int, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, load_cases, need_puzzles, shard_cases
    from chain_of_steps.experiments.calibration.degraded import calibrate

    mine = shard_cases(cases, shard, settings.execution.shard)
    known = load_cases(cases, read_table(cases / INDEX, columns=["case"])["case"].tolist())
    need_puzzles(known)
    drawings = {case.drawing for case in known}
    if len(drawings) > 1:
        raise UserError(f"{cases} holds puzzles of {len(drawings)} drawings: make them again.")
    puzzles = {case.name: case.puzzle for case in known}
    write_table(out, calibrate(puzzles, drawings.pop(), chosen=[case.name for case in mine]))
