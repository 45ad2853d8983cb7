"""What the notebooks draw besides tables, and what made each figure."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.commands.common import Stage, load_model
from chain_of_steps.config import load_config


def add(stage: Stage) -> None:
    stage(
        "examples",
        cmd_examples,
        "Pick the example runs of the figures by rule and draw their clean estimates.",
        *("cases", "trajectories", "readouts", "out"),
    )
    manifest = stage(
        "manifest", cmd_manifest, "Say which notebook, inputs and model made each figure.", "out"
    )
    manifest.add_argument("--notebooks", type=Path, required=True, help="folder of notebooks")
    manifest.add_argument("facts", nargs="+", type=Path, metavar="FACTS", help="their .json files")


def cmd_examples(arguments) -> None:
    from chain_of_steps.artifacts import atomic_path, read_table
    from chain_of_steps.experiments.examples import write_examples

    config = load_config(arguments.config)
    name = next(iter(config["models"]))
    readouts = read_table(arguments.readouts)
    model = load_model(config, name)
    with atomic_path(arguments.out) as folder:
        write_examples(folder, model, readouts[readouts["model"] == name], arguments.trajectories)


def cmd_manifest(arguments) -> None:
    from chain_of_steps.artifacts import write_json
    from chain_of_steps.experiments.manifest import figure_manifest

    config = load_config(arguments.config)
    write_json(arguments.out, figure_manifest(config, arguments.notebooks, arguments.facts))
