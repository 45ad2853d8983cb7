"""The stage that says what made each figure."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.base import Everything
from chain_of_steps.stage import Option, Stage

STAGE = Stage(
    name="manifest",
    text="Say which notebook, inputs and model made each figure.",
    settings=Everything,
    options=(
        Option("--out", {"type": Path, "required": True, "help": "file to write"}),
        Option("--notebooks", {"type": Path, "required": True, "help": "folder of notebooks"}),
        Option("--claims", {"type": Path, "help": "the .json file that `cos claims` wrote"}),
        Option(
            "facts",
            {"nargs": "+", "type": Path, "metavar": "FACTS", "help": "their .json files"},
        ),
    ),
)


def run(
    settings: Everything, *, out: Path, notebooks: Path, facts: list[Path], claims: Path | None
) -> None:
    from chain_of_steps.files import write_json
    from chain_of_steps.study.manifest import figure_manifest

    write_json(out, figure_manifest(settings.content, notebooks, facts, claims))
