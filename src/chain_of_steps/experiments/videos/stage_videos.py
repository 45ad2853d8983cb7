"""The stage that writes the runs of a trajectory as videos."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.vbvr.settings import WithVbvr
from chain_of_steps.places import CASES, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithVideo, WithExecution, WithVbvr):
    pass


STAGE = Stage(
    name="videos",
    text=(
        "Write the runs of a trajectory as videos, in the layout of VBVR-Bench, into the folder of "
        "their index; --out is the index."
    ),
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY},
    makes={"out": File("videos/{model}/clean-{shard}.csv")},
    asks=("model",),
    loads_model=True,
)


def run(settings: Settings, *, model: str, cases: Path, trajectory: Path, out: Path) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.cases.folders import cases_of
    from chain_of_steps.experiments.videos.writing import VideoFolder, write_trajectory
    from chain_of_steps.models.adapters import load_codec
    from chain_of_steps.trajectory import Trajectory

    runs = Trajectory.checked(trajectory)
    mine = cases_of(cases, runs.runs)
    videos = VideoFolder(out.parent, settings.video.fps)
    every = settings.vbvr.steps_every if "steps" in settings.vbvr.conditions else None
    write_trajectory(load_codec(settings, model), runs, mine, videos, every)
    write_table(out, videos.index())
