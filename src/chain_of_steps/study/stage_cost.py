"""The stage that says what a study has cost."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.study import WithStudy
from chain_of_steps.stage import Option, Stage


class Settings(WithStudy, WithExecution):
    pass


STAGE = Stage(
    name="cost",
    text="Say what results/<study> has cost: NFE, time, disk; a page.",
    settings=Settings,
    options=(
        Option("--out", {"type": Path, "required": True, "help": "page to write"}),
        Option(
            "--results",
            {"type": Path, "help": "results that it is said of (default: results/<study>)"},
        ),
    ),
)


def run(settings: Settings, *, out: Path, results: Path | None) -> None:
    from chain_of_steps.files import atomic_path
    from chain_of_steps.study.cost import page, spent

    results = results or Path("results") / settings.study
    if not results.is_dir():
        raise UserError(f"{results} does not exist: run the study first.")
    text = page(settings.study, settings.execution.threads, spent(results))
    with atomic_path(out) as path:
        path.write_text(text, encoding="utf-8")
