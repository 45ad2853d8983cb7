"""The stage that writes what the ensemble and its controls give as videos."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.ensemble import stage_ensemble
from chain_of_steps.experiments.ensemble.stage_ensemble import Settings
from chain_of_steps.places import CASES
from chain_of_steps.stage import File, Stage

STAGE = Stage(
    name="ensemble-videos",
    text="As ensemble, and write every outcome as a video into the folder of --index.",
    settings=Settings,
    takes={"cases": CASES},
    makes={
        "index": File("videos/{model}/ensemble-{shard}.csv"),
        "out": File("videos/{model}/ensemble-{shard}.parquet"),
    },
    asks=("model", "shard"),
    loads_model=True,
)


def run(settings: Settings, *, model: str, cases: Path, shard: int, index: Path, out: Path) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.experiments.videos.writing import EnsembleVideos, VideoFolder

    videos = VideoFolder(index.parent, settings.video.fps)

    def keep(adapter, seed):
        return EnsembleVideos(adapter, seed, videos)

    stage_ensemble.sample_ensembles(settings, model, cases, shard, out, keep=keep)
    write_table(index, videos.index())
