"""What the ensemble and its controls cost."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line, shards_of
from chain_of_steps.experiments.ensemble import stage_ensemble
from chain_of_steps.experiments.ensemble.variants import variants
from chain_of_steps.settings.cases import WithCases
from chain_of_steps.settings.models import main_model, passes_of


class Settings(stage_ensemble.Settings, WithCases):
    pass


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    """Of `cos ensemble` over all shards."""
    jobs = shards_of(groups, settings.execution.shard)
    total = sum(group.cases for group in groups)
    for name in settings.models:
        yield Line("ensemble", name, jobs, *_cost(settings, name, total))


def _cost(settings: Settings, name: str, total: int) -> tuple[int, int]:
    """Runs and NFE with a model.

    The ensemble runs on every case, its controls on some of each shard and with the main model.
    """
    fields, shard = settings.ensemble, settings.execution.shard
    sizes = (min(shard, total - first) for first in range(0, total, shard))
    few = sum(-(-size // fields.every) for size in sizes) if name == main_model(settings) else 0
    methods = variants(fields.k, tuple(fields.band), fields.many_steps)
    if settings.cases.source != "puzzles":
        methods = tuple(method for method in methods if method.goes_on != "all")
    costs = [method.nfe(fields.k, settings.sampler.steps) for method in methods]
    runs, nfe = total + few * (len(methods) - 1), total * costs[0] + few * sum(costs[1:])
    return runs, nfe * passes_of(settings.models[name])
