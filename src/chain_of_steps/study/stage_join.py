"""The stage that puts tables of jobs together."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.settings.base import View
from chain_of_steps.stage import Option, Stage

STAGE = Stage(
    name="join",
    text="Put tables of shards together.",
    settings=View,
    options=(
        Option("--out", {"type": Path, "required": True, "help": "file to write"}),
        Option("tables", {"nargs": "+", "type": Path, "metavar": "TABLE", "help": "in order"}),
    ),
)


def run(settings: View, *, out: Path, tables: list[Path]) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.manifests import write_manifest

    started = time.monotonic()
    parts = [read_table(path) for path in tables]
    # an empty table has no types of its own, and would spoil those of the others
    parts = [part for part in parts if len(part)] or parts[:1]
    write_table(out, pd.concat(parts, ignore_index=True))
    write_manifest(out, inputs=tables, parameters={}, seconds=time.monotonic() - started)
