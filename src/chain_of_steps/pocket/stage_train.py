"""The stage that trains a pocket model."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from chain_of_steps.errors import UserError, suggestion
from chain_of_steps.pocket.settings import WithTrain
from chain_of_steps.stage import OUT_FOLDER, Option, Stage

STAGE = Stage(
    name="train",
    text="Train a pocket model of the configuration, going on where an earlier try was stopped.",
    settings=WithTrain,
    options=(
        Option("--name", {"required": True, "help": "name of the model among those of `train`"}),
        OUT_FOLDER,
        Option(
            "--state",
            {"type": Path, "help": "folder to keep its state in meanwhile (default: OUT.state)"},
        ),
    ),
    heavy=True,
    every_task=True,  # the codec and the tokenizer know all of them
)


def run(settings: WithTrain, *, name: str, out: Path, state: Path | None = None) -> None:
    from chain_of_steps.files import atomic_path, digest_json, refuse_foreign
    from chain_of_steps.pocket.training import TrainConfig, train
    from chain_of_steps.tasks import in_order
    from chain_of_steps.tasks.board import Board

    if name not in settings.train:
        known = f"write one of {', '.join(settings.train)}." if settings.train else "write one."
        raise UserError(f"train has no {name!r}: {suggestion(name, list(settings.train), known)}")
    fields = settings.train[name].model_dump(exclude_none=True)
    phases, checkpoints = fields.pop("phases"), fields.pop("checkpoints")
    fields["board"] = Board(**fields["board"])
    if "tasks" not in fields and all("mix" in phase for phase in phases):
        # of all phases, as the first one makes the codec
        fields["tasks"] = in_order({task for phase in phases for task in phase["mix"]})
    state = out.with_name(f"{out.name}.state") if state is None else state
    state /= digest_json([phases, fields])[:16]  # another recipe does not go on from it
    # not where they end up, as Snakemake removes the outputs of a job that was stopped
    saved = {state / f"at-{step}": step for step in checkpoints}
    for step in checkpoints:
        refuse_foreign(out.with_name(f"{out.name}-at-{step}"), STAGE.name)
    start = None
    for number, phase in enumerate(phases):
        last = number == len(phases) - 1
        folder = out if last else state / f"phase{number}"
        # every phase sees other puzzles and other noise
        config = TrainConfig(**{**fields, **phase, "seed": fields["seed"] + number})
        if last or not folder.exists():
            train(config, folder, {} if number else saved, start, state)
        start = folder
    for folder, step in saved.items():
        with atomic_path(out.with_name(f"{out.name}-at-{step}"), STAGE.name) as temporary:
            shutil.copytree(folder, temporary)
    shutil.rmtree(state, ignore_errors=True)
    with suppress(OSError):  # that of another recipe is there
        state.parent.rmdir()
