"""The stage that draws or takes the evaluation cases."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES
from chain_of_steps.settings.cases import WithCases
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import Stage


class Settings(WithCases, WithVideo):
    pass


def user_files(settings: Settings) -> list[Path]:
    """The pictures, texts and videos that the cases are taken from; none for puzzles."""
    from chain_of_steps.cases.listing import files_of

    return files_of(settings.cases)


STAGE = Stage(
    name="cases",
    text=(
        "Draw the evaluation cases of the study into folders, or take them from VBVR-Bench or a "
        "folder."
    ),
    settings=Settings,
    makes={"out": CASES},
    watches=user_files,
)


def run(settings: Settings, *, out: Path) -> None:
    from chain_of_steps.cases.drawings import drawing_of
    from chain_of_steps.cases.folders import make_cases
    from chain_of_steps.cases.sources import take_cases, told_passed_over
    from chain_of_steps.files import atomic_path
    from chain_of_steps.tasks.board import Board

    cases = settings.cases
    for line in told_passed_over(cases):
        print(line)
    with atomic_path(out, STAGE.name) as folder:
        if cases.source != "puzzles":
            take_cases(folder, settings)
            return
        per_split = {"in-domain": cases.in_domain, "out-of-domain": cases.out_of_domain}
        board = Board(**cases.board.model_dump())
        drawing = drawing_of(cases, settings.video)
        make_cases(folder, cases.tasks, per_split, cases.seed, board, drawing, cases.times)
