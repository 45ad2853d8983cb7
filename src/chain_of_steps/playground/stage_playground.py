"""The stage that makes the playground."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.cases import WithCases
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.study import WithStudy
from chain_of_steps.stage import OUT_FOLDER, Option, Stage


class Settings(WithStudy, WithModels, WithSampler, WithCases, WithExecution):
    pass


STAGE = Stage(
    name="playground",
    text="The page on which one draws puzzles for the models of a study; --out is a folder.",
    settings=Settings,
    options=(
        OUT_FOLDER,
        Option(
            "--runtime",
            {
                "type": Path,
                "default": Path("web/node_modules/onnxruntime-web/dist"),
                "help": "where npm put ONNX Runtime for browsers (default: %(default)s)",
            },
        ),
    ),
    loads_model=True,
    also=("playground/page",),
)


def shown(settings: WithModels) -> list[str]:
    """The models on the page: all but those that repeat another with a further seed."""
    return [name for name, model in settings.models.items() if model.repeats is None]


def run(settings: Settings, *, out: Path, runtime: Path) -> None:
    from chain_of_steps.errors import UserError
    from chain_of_steps.files import atomic_path
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.playground.export import export
    from chain_of_steps.playground.publish import WHOLE, assets, study_facts, write_page
    from chain_of_steps.playground.tiles import TILES
    from chain_of_steps.tasks import task_of
    from chain_of_steps.tasks.board import Board

    cases = settings.cases
    tasks = [name for name in cases.tasks if name in TILES] if cases.source == "puzzles" else []
    if not tasks:
        raise UserError(f"cases.tasks has none of {', '.join(TILES)}: add one to draw it.")
    board = Board(**cases.board.model_dump())
    prompts = list(dict.fromkeys(task_of(name).PROMPT for name in tasks))
    models = [export(load_model(settings, name), board, prompts) for name in shown(settings)]
    facts = study_facts(
        settings.study,
        board,
        tasks,
        models,
        steps=settings.sampler.steps,
        shift=settings.sampler.shift,
    )
    with atomic_path(out, STAGE.name) as folder:
        folder.mkdir()
        write_page(folder, facts, assets(models, runtime))
        size = (folder / WHOLE).stat().st_size / 1e6
    print(f"{len(models)} models, {len(tasks)} tasks; {WHOLE} has {size:.1f} MB")
