"""The stage that says what a study will cost."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.base import Everything
from chain_of_steps.stage import Option, Stage

STAGE = Stage(
    name="plan",
    text="What a study will cost: forward passes (NFE) of every stage, hours, memory and disk.",
    settings=Everything,
    options=(
        Option(
            "--results",
            {"type": Path, "help": "results that tell the speed (default: results/<study>)"},
        ),
    ),
)


def run(settings: Everything, *, results: Path | None) -> None:
    from chain_of_steps.study.config import check_config
    from chain_of_steps.study.plan import report

    study = check_config(settings.content)
    print("\n".join(report(study, results or Path("results") / study.study)))
