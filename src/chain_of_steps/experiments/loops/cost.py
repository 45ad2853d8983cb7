"""What loops, steps at matched levels and runs of few steps cost."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line, shards_of
from chain_of_steps.experiments.handover.mistakes import KINDS
from chain_of_steps.experiments.loops.settings import FLAT, Loops
from chain_of_steps.experiments.loops.stage_loops import Settings as Settings
from chain_of_steps.settings.models import main_model, passes_of


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    """Of `cos loops` over all shards."""
    fields, jobs = settings.loops, shards_of(groups, settings.execution.shard)
    cases, flat = (
        sum(min(g.cases, fields.cases) for g in groups if g.task in tasks)
        for tasks in (KINDS, [FLAT])
    )
    for name, model in settings.models.items():
        runs, nfe = once(fields, name == main_model(settings))
        runs = cases * runs + flat * len(fields.few_steps)
        nfe = cases * nfe + flat * sum(fields.few_steps)
        yield Line("loops", name, jobs, runs, nfe * passes_of(model), runs)


def once(fields: Loops, main: bool) -> tuple[int, int]:
    """Runs and passes of one case, without guidance."""
    runs, nfe = len(fields.few_steps), sum(fields.few_steps)
    for passes in fields.grid(main).values():
        # and the control, with as many passes as the longest
        ends = len(passes) + (main and max(passes) > 0)
        runs, nfe = runs + ends, nfe + loop_nfe(fields, max(passes), ends)
    if main:
        matched = [steps + fields.rest for steps in fields.matched_steps]
        runs += len(fields.matched_levels) * len(matched)
        nfe += len(fields.matched_levels) * sum(matched)
    return runs, nfe


def loop_nfe(fields: Loops, most: int, ends: int = 1) -> int:
    """Passes of loops of one level, which share their beginning; one more to leave them."""
    return fields.above + most + 1 + ends * fields.below
