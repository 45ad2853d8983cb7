"""What loops, steps at matched levels and runs of few steps cost."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line, shards_of
from chain_of_steps.experiments.handover.mistakes import KINDS
from chain_of_steps.experiments.loops import stage_loops
from chain_of_steps.experiments.loops.settings import Loops
from chain_of_steps.settings.models import main_model, passes_of, seeds_of
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.tasks.puzzle import kind_of


class Settings(stage_loops.Settings, WithSeeds):
    pass


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    """Of `cos loops` over all shards."""
    fields, name = settings.loops, main_model(settings)
    cases = sum(min(g.cases, fields.cases) for g in groups if kind_of(g.task) in KINDS)
    few = len(seeds_of(settings, name)) * sum(fields.few_steps)
    nfe = cases * (few + once(fields)) * passes_of(settings.models[name])
    runs = cases * (
        (len(seeds_of(settings, name)) * len(fields.few_steps))
        + len(fields.matched_levels) * len(fields.matched_steps)
        + len(fields.levels) * (len(fields.passes) + sum(p > 0 for p in fields.passes))
    )
    yield Line("loops", name, shards_of(groups, settings.execution.shard), runs, nfe)


def once(fields: Loops) -> int:
    """Passes of one run of the first seed: steps at matched levels, and loops."""
    matched = sum(steps + fields.rest for steps in fields.matched_steps)
    # loops of one level share their beginning, of the most passes, with one more to leave them
    ends = len(fields.passes) + sum(passes > 0 for passes in fields.passes)
    looped = fields.above + max(fields.passes) + 1 + ends * fields.below
    return len(fields.matched_levels) * matched + len(fields.levels) * looped
