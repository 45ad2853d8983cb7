"""The stage that makes the explorer's page."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.cases import WithCases
from chain_of_steps.settings.models import WithModels, main_model
from chain_of_steps.settings.study import WithStudy
from chain_of_steps.stage import Option, Stage


class Settings(WithStudy, WithModels, WithCases):
    pass


def parts(out: Path) -> list[Path]:
    """The page and the files beside it."""
    from chain_of_steps.explorer.publish import PARTS

    return [out, *(out.with_name(name) for name in PARTS[1:])]


STAGE = Stage(
    name="explore-page",
    text="The explorer's page; --out is its index.html.",
    settings=Settings,
    options=(
        Option("--out", {"type": Path, "required": True, "help": "file to write"}),
        Option(
            "shards", {"nargs": "+", "type": Path, "metavar": "SHARD", "help": "its data folders"}
        ),
    ),
    also=("explorer/page",),
    writes=parts,
)


def run(settings: Settings, *, out: Path, shards: list[Path]) -> None:
    from chain_of_steps.explorer.publish import write_page
    from chain_of_steps.tasks import task_of

    # other sources call their tasks as they like
    puzzles = settings.cases.tasks if settings.cases.source == "puzzles" else ()
    titles = {name: task_of(name).TITLE for name in puzzles}
    write_page(out.parent, shards, study=settings.study, model=main_model(settings), titles=titles)
