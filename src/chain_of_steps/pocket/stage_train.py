"""The stage that trains the pocket reasoner."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from chain_of_steps.pocket.settings import WithTrain
from chain_of_steps.stage import OUT_FOLDER, Option, Stage

STAGE = Stage(
    name="train",
    text="Train the pocket reasoner; --early is the folder of the earlier sibling.",
    settings=WithTrain,
    options=(
        OUT_FOLDER,
        Option(
            "--early", {"type": Path, "required": True, "help": "folder of the earlier sibling"}
        ),
    ),
    heavy=True,
    every_task=True,  # the codec and the tokenizer know all of them
)


def run(settings: WithTrain, *, out: Path, early: Path) -> None:
    from chain_of_steps.pocket.training import TrainConfig, train
    from chain_of_steps.tasks import in_order
    from chain_of_steps.tasks.board import Board

    fields = settings.train.model_dump(exclude_none=True)
    phases, step = fields.pop("phases"), fields.pop("early")
    fields["board"] = Board(**fields["board"])
    if "tasks" not in fields and all("mix" in phase for phase in phases):
        # of all phases, as the first one makes the codec
        fields["tasks"] = in_order({task for phase in phases for task in phase["mix"]})
    with TemporaryDirectory() as scratch:
        start = None
        for number, phase in enumerate(phases):
            last = number == len(phases) - 1
            folder = out if last else Path(scratch) / f"phase{number}"
            # every phase sees other puzzles and other noise
            config = TrainConfig(**{**fields, **phase, "seed": fields["seed"] + number})
            train(config, folder, {early: step} if number == 0 else {}, start)
            start = folder
