"""What mistakes, swaps, transplants and derivatives cost: at most, as not every puzzle has all."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line, shards_of
from chain_of_steps.experiments.handover.ends import NAMES, steps_at
from chain_of_steps.experiments.handover.mistakes import KINDS, WAYS
from chain_of_steps.experiments.handover.settings import Handover
from chain_of_steps.experiments.handover.stage_handover import Settings as Settings
from chain_of_steps.sampling import Schedule, levels_of
from chain_of_steps.settings.models import main_model, passes_of


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    """Of `cos handover` over all shards; runs: the stored ones that things are put into."""
    fields, name, sampler = settings.handover, main_model(settings), settings.sampler
    runs = nfe = 0
    for group in groups:
        if group.task in KINDS:
            cases = min(group.cases, fields.cases)
            of_ways = group.task in WAYS
            runs += cases
            nfe += cases * once(fields, sampler.steps, sampler.shift, of_ways, sampler.noise_levels)
    jobs = shards_of(groups, settings.execution.shard)
    yield Line("handover", name, jobs, runs, nfe * passes_of(settings.models[name]))


def once(
    fields: Handover,
    steps: int,
    shift: float,
    of_ways: bool,
    schedule: Schedule = "diffusers",
) -> int:
    """Passes for one run at most, without guidance; of_ways: whether tiles are moved in it."""
    sigmas = levels_of(schedule, steps, shift)
    levels, tiles = (steps_at(sigmas, some) for some in (fields.levels, fields.tile_levels))
    forks = fields.draws * (len(NAMES) + 2) + 1  # and U-turn, fresh noise; one swap
    nfe = forks * sum(steps - k for k in levels) + 2 * (steps - 1)
    if of_ways:
        nfe += (fields.turns + 1) * sum(steps - k for k in tiles)
    derived = 2 * fields.directions + 3 if fields.directions else 0
    return nfe + 2 * len(levels) * derived
