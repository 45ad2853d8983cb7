"""What notebooks draw besides tables, the paper against ours, what made figures, what it cost."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

from chain_of_steps.commands.common import Stage, load_model
from chain_of_steps.errors import UserError
from chain_of_steps.study.config import load_config, main_model


def add(stage: Stage) -> None:
    stage(
        "examples",
        cmd_examples,
        "Pick the example runs of the figures by rule and draw their clean estimates.",
        *("cases", "trajectories", "readouts", "out"),
    )
    claims = stage(
        "claims",
        cmd_claims,
        "Judge the claims of the paper by the tables; writes .csv, and .md and .json beside it.",
        "out",
    )
    claims.add_argument("--expected", type=Path, required=True, help="file of claims")
    claims.add_argument("--tables", type=Path, required=True, help="folder of tables")
    manifest = stage(
        "manifest", cmd_manifest, "Say which notebook, inputs and model made each figure.", "out"
    )
    manifest.add_argument("--notebooks", type=Path, required=True, help="folder of notebooks")
    manifest.add_argument("--claims", type=Path, help="the .json file that `cos claims` wrote")
    manifest.add_argument("facts", nargs="+", type=Path, metavar="FACTS", help="their .json files")
    stage("cost", cmd_cost, "Say what results/<study> has cost: NFE, time, disk; a page.", "out")


def cmd_examples(arguments) -> None:
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.experiments.decision.examples import write_examples
    from chain_of_steps.files import atomic_path

    config = load_config(arguments.config)
    name = main_model(config)
    readouts = read_table(arguments.readouts)
    model = load_model(config, name)
    with atomic_path(arguments.out) as folder:
        write_examples(folder, model, readouts[readouts["model"] == name], arguments.trajectories)


def cmd_claims(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.files import atomic_path, write_json
    from chain_of_steps.study import claims

    config, out = load_config(arguments.config), arguments.out
    everything = claims.load_claims(arguments.expected)
    chosen = config["experiments"]
    ours = [claim for claim in everything if claim.untestable or claim.experiment in chosen]
    left_out = [claim.id for claim in everything if claim not in ours]
    paths = [arguments.tables / name for name in claims.tables_of(ours, chosen)]
    tables = {path.name: read_table(path) for path in paths}
    model, n_steps = main_model(config), config["sampler"]["steps"]
    table = claims.judge_claims(ours, tables, model, n_steps)
    text = claims.summary(table, left_out)
    write_table(out, table)
    with atomic_path(out.with_suffix(".md")) as path:
        path.write_text(
            claims.page(table, textwrap.fill(text, 100, break_on_hyphens=False)), encoding="utf-8"
        )
    inputs = [Path(os.path.relpath(path, out.parent)).as_posix() for path in paths]
    facts = {"expected": arguments.expected, "not part of this study": left_out}
    write_json(out.with_suffix(".json"), {"caption": text, "inputs": inputs, "facts": facts})


def cmd_manifest(arguments) -> None:
    from chain_of_steps.files import write_json
    from chain_of_steps.study.manifest import figure_manifest

    config = load_config(arguments.config)
    entries = figure_manifest(config, arguments.notebooks, arguments.facts, arguments.claims)
    write_json(arguments.out, entries)


def cmd_cost(arguments) -> None:
    from chain_of_steps.files import atomic_path
    from chain_of_steps.study.cost import page, spent

    config = load_config(arguments.config)
    study = config["study"]
    results = Path("results") / study
    if not results.is_dir():
        raise UserError(f"{results} does not exist: run the study first.")
    text = page(study, config["execution"]["threads"], spent(results))
    with atomic_path(arguments.out) as path:
        path.write_text(text, encoding="utf-8")
