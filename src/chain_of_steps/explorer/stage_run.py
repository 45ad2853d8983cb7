"""The stage that runs a model on one's own picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from chain_of_steps.errors import UserError
from chain_of_steps.settings.base import MOST_SEED
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, named_model
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import OUT_FOLDER, SOME_MODEL, Option, Stage

if TYPE_CHECKING:
    from chain_of_steps.edits import Loop


class Settings(WithModels, WithSampler, WithVideo, WithExecution):
    pass


STAGE = Stage(
    name="run",
    text=(
        "One run of your own picture: its video, the clean estimate of every step as a video, a "
        "grid of the steps, and the trajectory."
    ),
    settings=Settings,
    options=(
        OUT_FOLDER,
        Option(
            "--image",
            {"type": Path, "required": True, "help": "picture that the video starts from"},
        ),
        Option("--prompt", {"required": True, "help": "what shall happen, in words"}),
        SOME_MODEL,
        Option(
            "--seed", {"type": int, "default": 0, "help": "seed of the first latent (default: 0)"}
        ),
        Option(
            "--loop",
            {
                "metavar": "SIGMAxPASSES",
                "help": "passes at one noise level before the run goes on, such as 0.7x12",
            },
        ),
    ),
    loads_model=True,
)


def run(
    settings: Settings,
    *,
    out: Path,
    image: Path,
    prompt: str,
    model: str | None,
    seed: int,
    loop: str | None,
) -> None:
    from chain_of_steps.cases import sources
    from chain_of_steps.cases.folders import Case
    from chain_of_steps.files import atomic_path
    from chain_of_steps.manifests import write_manifest

    name = named_model(settings, model)
    if not 0 <= seed <= MOST_SEED:
        raise UserError(f"--seed is {seed}: write a whole number from 0 to {MOST_SEED}.")
    looped = None if loop is None else loop_of(settings, loop)
    video = settings.video
    title = f"{sources.OWN}/{sources.OWN}/{image.stem}"
    sample = sources.Sample(title, sources.OWN, image, prompt)
    checked = sources.check_sample(sample, video, sources.Prompts.of(settings.models[name]))
    sources.refuse_problems([checked], "--image and --prompt")
    print(sources.told(checked))

    from chain_of_steps.explorer.own_run import write_run
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.runs import run_shard

    adapter = load_model(settings, name)
    with atomic_path(out, STAGE.name) as folder:
        sources.write_case_of(checked, folder / "case", "folder")
        case = Case(title, folder / "case")
        started = time.monotonic()
        trajectory = run_shard(
            adapter,
            [case],
            [seed],
            steps=settings.sampler.steps,
            shift=settings.sampler.shift,
            n_frames=checked.shape.frames,
            batch=1,
            solver=settings.sampler.solver,
            loop=looped,
        )
        seconds = time.monotonic() - started
        path = folder / "trajectory.safetensors"
        trajectory.save(path)
        parameters = {**trajectory.made_by, "seed": seed, "prompt": case.prompt}
        nfe = trajectory.made_by["nfe"]
        write_manifest(path, parameters=parameters, nfe=nfe, seconds=seconds)
        write_run(folder, adapter, trajectory, case.prompt, video.fps)
    print(f"{out}: video.mp4, steps.png, steps/, trajectory ({nfe} NFE, {seconds:.1f} s)")


def loop_of(settings: Settings, text: str) -> Loop:
    """The loop that --loop asks for. Raises UserError for one that cannot be made."""
    from chain_of_steps.edits import Loop

    require_euler(settings, "--loop")
    try:
        return Loop.parse(text)
    except UserError as error:
        raise UserError(f"--loop: {error}") from None
