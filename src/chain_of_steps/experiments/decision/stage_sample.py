"""The stage that samples: every case with every seed, all steps stored."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.places import CASES, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, seeds_of
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import Stage


class Settings(WithModels, WithSampler, WithVideo, WithSeeds, WithExecution):
    pass


STAGE = Stage(
    name="sample",
    text="Sample every case of a shard with every seed; store latents and clean estimates.",
    settings=Settings,
    takes={"cases": CASES},
    makes={"out": TRAJECTORY},
    asks=("model", "shard"),
    loads_model=True,
    priority=2,  # most others wait for it
)


def run(settings: Settings, *, model: str, cases: Path, shard: int, out: Path) -> None:
    from chain_of_steps.cases.folders import shard_cases
    from chain_of_steps.cases.sources import check_prompts
    from chain_of_steps.early import Early
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.runs import frames_of, run_shard

    mine = shard_cases(cases, shard, settings.execution.shard)
    # what is broken is refused before a model loads
    for case in mine:
        case.check()
    check_prompts(settings, model, mine)
    n_frames = frames_of(mine, settings.video.frames)
    adapter = load_model(settings, model)
    started, early = time.monotonic(), Early(out, settings.sampler.steps)
    trajectory = run_shard(
        adapter,
        mine,
        seeds_of(settings, model),
        steps=settings.sampler.steps,
        shift=settings.sampler.shift,
        n_frames=n_frames,
        batch=settings.execution.batch,
        solver=settings.sampler.solver,
        early=early,
    )
    seconds = time.monotonic() - started
    trajectory.save(out, estimates=settings.execution.estimates == "stored")
    nfe = trajectory.made_by["nfe"]
    parameters = {**trajectory.made_by, "shard": shard, "cases": len(mine)}
    write_manifest(out, parameters=parameters, nfe=nfe, seconds=seconds)
    early.end()
    print(f"{len(trajectory.runs)} runs, {nfe} NFE, {seconds:.1f} s")
