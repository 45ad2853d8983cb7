"""The stage that writes videos that need no model."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import File, Stage


class Settings(WithVideo, WithExecution):
    pass


STAGE = Stage(
    name="reference-videos",
    text="Write ground truth, still, jump and another case's video of a shard as videos.",
    settings=Settings,
    takes={"cases": CASES},
    makes={"out": File("videos/none/reference-{shard}.csv")},
    asks=("shard",),
)


def run(settings: Settings, *, cases: Path, shard: int, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, load_cases, shard_cases
    from chain_of_steps.cases.videos import VideoFolder
    from chain_of_steps.experiments.vbvr.scores import write_references

    mine = shard_cases(cases, shard, settings.execution.shard)
    everyone = load_cases(cases, read_table(cases / INDEX)["case"].tolist())
    videos = VideoFolder(out.parent, settings.video.fps)
    write_references(mine, everyone, videos)
    write_table(out, videos.index())
