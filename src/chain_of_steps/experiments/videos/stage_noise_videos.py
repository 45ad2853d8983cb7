"""The stage that writes runs under noise as videos."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.noise import stage_perturb
from chain_of_steps.places import CASES, TRAJECTORY
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import File, Stage


class Settings(stage_perturb.Settings, WithVideo):
    pass


STAGE = Stage(
    name="noise-videos",
    text="As perturb, and write every run as a video into the folder of --index.",
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY},
    makes={
        "index": File("videos/{model}/noise-{shard}.csv"),
        "out": File("videos/{model}/noise-{shard}.parquet"),
        "flow": File("videos/{model}/noise-{shard}.flow.parquet"),
    },
    asks=("model",),
    loads_model=True,
)


def run(
    settings: Settings,
    *,
    model: str,
    cases: Path,
    trajectory: Path,
    index: Path,
    out: Path,
    flow: Path,
) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.experiments.videos.writing import NoiseVideos, VideoFolder

    videos = VideoFolder(index.parent, settings.video.fps)

    def keep(adapter, mine):
        return NoiseVideos(adapter, mine, videos)

    stage_perturb.perturb(settings, model, cases, trajectory, out, flow, keep=keep)
    write_table(index, videos.index())
