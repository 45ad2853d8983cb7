"""The stage that measures stored latents without a reader."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import TRAJECTORY
from chain_of_steps.settings.base import View
from chain_of_steps.stage import File, Stage

PART = File("latents/{model}/{shard}.parquet", every_model=True)
STAGE = Stage(
    name="latents",
    text="How near each clean estimate of stored runs is to its result, and how much moves in it.",
    settings=View,
    takes={"trajectory": TRAJECTORY},
    makes={"out": PART},
    joined={"tables/latents_runs.parquet": PART},
)


def run(settings: View, *, trajectory: Path, out: Path) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.experiments.latents.commitment import commitment_rows
    from chain_of_steps.trajectory import Trajectory

    write_table(out, commitment_rows(Trajectory.checked(trajectory)))
