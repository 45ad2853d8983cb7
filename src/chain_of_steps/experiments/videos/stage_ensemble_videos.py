"""The stage that writes what the ensemble gives as videos, of every case."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.experiments.ensemble.settings import WithEnsemble
from chain_of_steps.places import CASES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, seeds_of
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithSampler, WithVideo, WithSeeds, WithExecution, WithEnsemble):
    pass


STAGE = Stage(
    name="ensemble-videos",
    text="Sample the ensembles and write every result as a video into the folder of --index.",
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
    from chain_of_steps.cases.folders import shard_cases
    from chain_of_steps.experiments.ensemble.variants import run_ensembles, variants
    from chain_of_steps.experiments.videos.writing import EnsembleVideos, VideoFolder
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.runs import frames_of

    require_euler(settings, "ensemble")
    fields, sampler = settings.ensemble, settings.sampler
    mine = shard_cases(cases, shard, settings.execution.shard)
    n_frames = frames_of(mine, settings.video.frames)
    votes = all(case.is_puzzle for case in mine)
    methods = variants(fields, sampler.steps, votes=votes)
    seeds = seeds_of(settings, model)[: fields.k]
    videos = VideoFolder(index.parent, settings.video.fps)
    adapter = load_model(settings, model)
    started = time.monotonic()
    table = run_ensembles(
        adapter,
        mine,
        seeds,
        methods,
        steps=sampler.steps,
        shift=sampler.shift,
        n_frames=n_frames,
        batch=settings.execution.batch,
        keep=EnsembleVideos(adapter, seeds[0], videos),
    )
    nfe = int(table["nfe"].sum())
    write_table(out, table)
    parameters = {"model_digest": adapter.digest, "settings": fields.model_dump()}
    parameters |= {"execution": settings.execution.model_dump()}
    write_manifest(out, parameters=parameters, nfe=nfe, seconds=time.monotonic() - started)
    write_table(index, videos.index())
    print(f"{len(table)} outcomes, {nfe} NFE")
