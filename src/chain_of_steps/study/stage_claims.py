"""The stage that judges the claims of the paper."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

from chain_of_steps.settings.models import WithModels, main_model
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.study import WithExperiments
from chain_of_steps.stage import Option, Stage


class Settings(WithModels, WithExperiments, WithSampler):
    pass


STAGE = Stage(
    name="claims",
    text="Judge the claims of the paper by the tables; writes .csv, and .md and .json beside it.",
    settings=Settings,
    options=(
        Option("--out", {"type": Path, "required": True, "help": "table to write"}),
        Option("--expected", {"type": Path, "required": True, "help": "file of claims"}),
        Option("--tables", {"type": Path, "required": True, "help": "folder of tables"}),
    ),
)


def run(settings: Settings, *, out: Path, expected: Path, tables: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.files import atomic_path, write_json
    from chain_of_steps.study import claims

    everything = claims.load_claims(expected)
    chosen = settings.experiments
    ours = [claim for claim in everything if claim.untestable or claim.experiment in chosen]
    left_out = [claim.id for claim in everything if claim not in ours]
    paths = [tables / name for name in claims.tables_of(ours, chosen)]
    found = {path.name: read_table(path) for path in paths}
    table = claims.judge_claims(ours, found, main_model(settings), settings.sampler.steps)
    text = claims.summary(table, left_out)
    write_table(out, table)
    with atomic_path(out.with_suffix(".md")) as path:
        path.write_text(
            claims.page(table, textwrap.fill(text, 100, break_on_hyphens=False)), encoding="utf-8"
        )
    inputs = [Path(os.path.relpath(path, out.parent)).as_posix() for path in paths]
    facts = {"expected": expected, "not part of this study": left_out}
    write_json(out.with_suffix(".json"), {"caption": text, "inputs": inputs, "facts": facts})
