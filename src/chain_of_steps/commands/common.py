"""What the commands share: options, and the models and cases that a configuration names."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from chain_of_steps.errors import UserError

# stage(name, function, text, *options) adds a subcommand and returns its parser
Stage = Callable[..., ArgumentParser]

OPTIONS = {
    "out": {"type": Path, "required": True, "help": "file or folder to write"},
    "model": {"required": True, "help": "name of a model in the configuration"},
    "cases": {"type": Path, "required": True, "help": "folder that `cos cases` wrote"},
    "shard": {"type": int, "required": True, "help": "number of the shard of cases, from 0"},
    "trajectory": {"type": Path, "required": True, "help": "file that `cos sample` wrote"},
    "trajectories": {"type": Path, "required": True, "help": "folder of one model's trajectories"},
    "readouts": {"type": Path, "required": True, "help": "table that `cos join` wrote"},
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

    from chain_of_steps.models.wan import WanModel

    execution, settings = config["execution"], config["models"][name]
    try:
        torch.empty(0, device=execution["device"])
    except (AssertionError, RuntimeError):
        raise UserError(
            f"execution.device is {execution['device']!r}, which torch cannot use here: write cpu,"
            " or cuda where there is a GPU."
        ) from None
    torch.set_num_threads(execution["threads"])
    keys = ("revision", "guidance", "guidance_2", "negative_prompt", "max_sequence_length")
    return WanModel.load(
        settings["path"],
        name=name,
        device=execution["device"],
        dtype=getattr(torch, execution["dtype"]),
        **{key: settings[key] for key in keys},
    )


def seeds_of(config: dict, model: str) -> list[int]:
    return config["models"][model]["seeds"] or config["seeds"]


def shard_cases(config: dict, folder: Path, shard: int):
    """The cases of one shard, in the order of the index."""
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases import INDEX, load_cases

    names = read_table(folder / INDEX, columns=["case"])["case"].tolist()
    size = config["execution"]["shard"]
    chosen = names[shard * size : (shard + 1) * size]
    if shard < 0 or not chosen:
        last = (len(names) - 1) // size
        raise UserError(f"shard is {shard}: write a number from 0 to {last}.")
    return load_cases(folder, chosen)
