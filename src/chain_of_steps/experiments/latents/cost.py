"""What looking inside the steps of a few stored runs costs."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line
from chain_of_steps.experiments.latents.places import CASES, SHOWN
from chain_of_steps.settings.models import WithModels, main_model, passes_of
from chain_of_steps.settings.sampler import WithSampler


class Settings(WithModels, WithSampler):
    pass


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    """As many passes as clean runs of these cases; they go on from stored latents."""
    name = main_model(settings)
    runs = min(CASES, sum(group.cases for group in groups))
    nfe = runs * settings.sampler.steps * passes_of(settings.models[name])
    decodes = runs * (len(SHOWN) + 1)  # and the result
    yield Line("latents-inside", name, 1, runs, nfe, decodes)
