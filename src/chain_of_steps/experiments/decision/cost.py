"""What the clean runs of a study cost."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line, shards_of
from chain_of_steps.experiments.decision.stage_sample import Settings
from chain_of_steps.settings.models import passes_of, seeds_of


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    steps, total = settings.sampler.steps, sum(group.cases for group in groups)
    jobs = shards_of(groups, settings.execution.shard)
    for name, model in settings.models.items():
        runs = total * len(seeds_of(settings, name))
        yield Line("sample", name, jobs, runs, runs * steps * passes_of(model))
