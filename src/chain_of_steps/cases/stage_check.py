"""The stage that looks at one's own pictures before a study."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.settings.cases import Cases, WithCases
from chain_of_steps.settings.models import WithModels, named_model
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.stage import SOME_MODEL, Option, Stage


class Settings(WithCases, WithVideo, WithModels):
    pass


STAGE = Stage(
    name="check",
    text=(
        "Look at all pictures, texts and videos of a folder before a model loads; without a folder,"
        " at those of the configuration."
    ),
    settings=Settings,
    options=(
        Option("folder", {"type": Path, "nargs": "?", "help": "folder of pictures and texts"}),
        SOME_MODEL,
    ),
)


def run(settings: Settings, *, folder: Path | None, model: str | None) -> None:
    from chain_of_steps.cases import sources

    prompts = sources.Prompts.of(settings.models[named_model(settings, model)])
    cases = settings.cases
    if folder is not None:
        cases = Cases(source="folder", path=str(folder), tasks=None)
    elif cases.source == "puzzles":
        raise UserError("cases.source is puzzles, which need no check: write a folder to look at.")
    checked = [
        sources.check_sample(sample, settings.video, prompts) for sample in sources.samples(cases)
    ]
    for one in checked:
        print(sources.told(one))
    for line in sources.told_passed_over(cases):
        print(line)
    bad = [one for one in checked if one.problem]
    print(f"{len(checked) - len(bad)} of {len(checked)} cases can be used")
    sources.refuse_problems(checked, cases.path)
