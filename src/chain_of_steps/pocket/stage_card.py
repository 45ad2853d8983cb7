"""The stage that measures a model on unseen cases."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.pocket.settings import WithCard
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.stage import OUT_FOLDER, Stage


class Settings(WithModels, WithSampler, WithExecution, WithCard):
    pass


STAGE = Stage(
    name="card",
    text="Measure a model on unseen cases and write its card beside the weights.",
    settings=Settings,
    asks=("model",),
    options=(OUT_FOLDER,),
    loads_model=True,
    every_task=True,  # it is measured on those that it was trained on
    writes=lambda out: [out / name for name in ("README.md", "accuracy.csv", "needs.csv")],
    signed="Written by `cos card`",
)


def run(settings: Settings, *, model: str, out: Path) -> None:
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.pocket.card import write_card

    write_card(out, load_model(settings, model), settings)
