"""Training and measuring the pocket reasoner."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from chain_of_steps.commands.common import Stage, load_model
from chain_of_steps.study.config import load_config


def add(stage: Stage) -> None:
    stage(
        "train",
        cmd_train,
        "Train the pocket reasoner; --early is the folder of the earlier sibling.",
        *("out", "early"),
    )
    stage(
        "card",
        cmd_card,
        "Measure a model on unseen cases and write its card beside the weights.",
        *("model", "out"),
    )


def cmd_train(arguments) -> None:
    from chain_of_steps.pocket.training import TrainConfig, train

    config = load_config(arguments.config)["train"]
    stages, early = config.pop("stages"), config.pop("early")
    with TemporaryDirectory() as scratch:
        start = None
        for number, stage in enumerate(stages):
            last = number == len(stages) - 1
            folder = arguments.out if last else Path(scratch) / f"stage{number}"
            # every stage sees other puzzles and other noise
            settings = TrainConfig(**{**config, **stage, "seed": config["seed"] + number})
            train(settings, folder, {arguments.early: early} if number == 0 else {}, start)
            start = folder


def cmd_card(arguments) -> None:
    from chain_of_steps.pocket.card import write_card

    config = load_config(arguments.config)
    model = load_model(config, arguments.model)
    write_card(arguments.out, model, config)
