"""What the ensemble and the other methods of Table 1 cost."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line, shards_of
from chain_of_steps.experiments.ensemble.settings import Ensemble
from chain_of_steps.experiments.ensemble.stage_ensemble import Settings as Settings
from chain_of_steps.experiments.ensemble.variants import variants
from chain_of_steps.experiments.loops.cost import once
from chain_of_steps.settings.models import main_model, passes_of


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    """Of `cos ensemble` over all shards."""
    fields, loops, name = settings.ensemble, settings.loops, main_model(settings)
    cases = sum(min(group.cases, fields.cases) for group in groups)
    methods, nfe = averaged(fields, settings.sampler.steps)
    # the first seed makes what every further model makes, the other seeds the few steps of it
    runs, passes = once(loops, main=False)
    more = fields.k - 1
    methods += runs + more * len(loops.few_steps)
    nfe += passes + more * sum(loops.few_steps)
    jobs = shards_of(groups, settings.execution.shard)
    nfe *= cases * passes_of(settings.models[name])
    votes = sum(one.goes_on == "all" for one in variants(fields, settings.sampler.steps))
    decodes = cases * (methods + votes * (fields.k - 1))  # all that a vote is held among
    yield Line("ensemble", name, jobs, cases * methods, nfe, decodes)


def averaged(fields: Ensemble, steps: int, *, votes: bool = True) -> tuple[int, int]:
    """Methods that average, and their passes with one case, without guidance."""
    methods = variants(fields, steps, votes=votes)
    return len(methods), sum(method.nfe(fields.k, steps) for method in methods)
