"""What the clean runs of a study cost."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line, shards_of
from chain_of_steps.experiments.decision import stage_sample
from chain_of_steps.settings.cases import WithCases
from chain_of_steps.settings.models import passes_of, seeds_of


class Settings(stage_sample.Settings, WithCases):
    pass


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    steps, total = settings.sampler.steps, sum(group.cases for group in groups)
    jobs = shards_of(groups, settings.execution.shard)
    for name, model in settings.models.items():
        runs = total * len(seeds_of(settings, name))
        yield Line("sample", name, jobs, runs, runs * steps * passes_of(model), 0)
        if settings.cases.source == "puzzles":  # every clean estimate, and the result
            yield Line("read", name, jobs, runs, 0, runs * (steps + 1))
