"""What the commands share: options, and the models and cases that a configuration names."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.study.config import solver_refusal

# stage(name, function, text, *options) adds a subcommand and returns its parser
Stage = Callable[..., ArgumentParser]

OPTIONS = {
    "out": {"type": Path, "required": True, "help": "file or folder to write"},
    "model": {"required": True, "help": "name of a model in the configuration"},
    "cases": {"type": Path, "required": True, "help": "folder that `cos cases` wrote"},
    "shard": {"type": int, "required": True, "help": "number of the shard of cases, from 0"},
    "trajectory": {"type": Path, "required": True, "help": "file that `cos sample` wrote"},
    "trajectories": {"type": Path, "required": True, "help": "folder of one model's trajectories"},
    "readouts": {"type": Path, "required": True, "help": "table of `cos read`, or several joined"},
    "early": {"type": Path, "required": True, "help": "folder of the earlier sibling"},
    "analysis": {
        "required": True,
        "choices": ("energy", "swap", "patching", "ablation"),
        "help": "which layer analysis",
    },
}


def load_model(config: dict, name: str):
    """The adapter of a configured model, on its device, with the study's number of threads."""
    if name not in config["models"]:
        known = ", ".join(config["models"])
        raise UserError(f"model {name!r} is not in the configuration: write one of {known}.")
    import torch

    from chain_of_steps.gpus import device_of
    from chain_of_steps.models.adapters import adapter_for
    from chain_of_steps.models.loading import fetch

    execution, settings = config["execution"], config["models"][name]
    torch.set_num_threads(execution["threads"])
    device = device_of(execution["device"])
    directory = fetch(settings["path"], settings["revision"])
    adapter = adapter_for(directory)
    keys = ("guidance", "guidance_2", "boundary", "negative_prompt", "max_sequence_length", "lora")
    return adapter.load(
        directory,
        name=name,
        device=device,
        dtype=getattr(torch, execution["dtype"]),
        offload=execution["offload"],
        vae_tiling=execution["vae_tiling"],
        **{key: settings[key] for key in keys},
    )


def require_euler(config: dict, stage: str) -> None:
    """Refuses a stage that forks or changes runs when the study samples with a multistep solver."""
    if config["sampler"]["solver"] != "euler":
        raise UserError(solver_refusal(stage))


def frames_of(config: dict, cases) -> int:
    """Frames of the videos of these cases, which share their tensors.

    Raises UserError where their sizes or numbers of frames differ.
    """
    shapes = {case.shape: case for case in cases}
    if len(shapes) > 1:
        (one, first), (other, second) = list(shapes.items())[:2]
        raise UserError(
            f"{first.name} has {one} and {second.name} has {other} (width, height, frames), but "
            "cases of one job must be alike: write execution.shard: 1, or video.frames and "
            "video.area that fit all."
        )
    return cases[0].frames or config["video"]["frames"]


def check_prompts(config: dict, model: str, cases) -> None:
    """Raises UserError where a prompt that is no puzzle's is longer than the model takes."""
    from chain_of_steps.cases.sources import Prompts

    brought = [case for case in cases if not case.is_puzzle]
    if not brought or model not in config["models"]:
        return
    prompts = Prompts.of(config["models"][model])
    for case in brought:
        try:
            prompts.check(case.prompt)
        except UserError as error:
            raise UserError(f"{case.name}: {error}") from None


def add_video_options(command: ArgumentParser) -> None:
    """For the stages that can also write their results as videos."""
    command.add_argument("--videos", type=Path, help="folder to write the results to as videos")
    command.add_argument("--video-index", type=Path, help="table of those videos")


def videos_of(config: dict, arguments, cases):
    """The folder of videos that these options ask for, or None.

    Raises UserError where one of the two is missing, or the cases have no other use.
    """
    from chain_of_steps.experiments.videos.writing import VideoFolder

    given = arguments.videos, arguments.video_index
    if None not in given:
        return VideoFolder(arguments.videos, config["video"]["fps"])
    if given != (None, None):
        raise UserError("--videos and --video-index go together: give both.")
    if not all(case.is_puzzle for case in cases):
        raise UserError(
            "these cases are no puzzles, and only puzzles have a reader of answers: give --videos "
            "and --video-index, and score the videos."
        )
    return None


def shard_cases(config: dict, folder: Path, shard: int):
    """The cases of one shard, in the order of the index."""
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases.folders import INDEX, load_cases

    names = read_table(folder / INDEX, columns=["case"])["case"].tolist()
    size = config["execution"]["shard"]
    chosen = names[shard * size : (shard + 1) * size]
    if shard < 0 or not chosen:
        last = (len(names) - 1) // size
        raise UserError(f"shard is {shard}: write a number from 0 to {last}.")
    return load_cases(folder, chosen)
