"""What noise at steps and frames costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from chain_of_steps.costs import Group, Line, Makeup, shards_of
from chain_of_steps.experiments.noise.perturbation import Conditions, conditions_of, spread
from chain_of_steps.experiments.noise.settings import Perturbation
from chain_of_steps.experiments.noise.stage_perturb import Settings
from chain_of_steps.sampling import levels_of
from chain_of_steps.settings.models import main_model, passes_of, seeds_of


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    """Of `cos perturb` over all shards."""
    fields, steps = settings.perturbation, settings.sampler.steps
    name = main_model(settings)
    model = settings.models[name]
    sampler = settings.sampler
    makeup, sigmas = Makeup.of(model), levels_of(sampler.noise_levels, steps, sampler.shift)
    seeds = len(fields.seeds or seeds_of(settings, name)[:1])
    runs = nfe = decodes = 0
    for group, cases, few in _covered(fields, groups):
        conditions = conditions_of(fields, sigmas, makeup.grid(group.shape))
        runs += seeds * (cases * len(conditions.sweep) + few * len(conditions.controls))
        nfe += conditions.nfe(steps, seeds * cases, seeds * few)
        decodes += seeds * (cases + few)  # the undisturbed results beside the others
        if fields.layers:
            nfe += layer_flow_cost(conditions, steps, seeds * cases, seeds * few)
    jobs = shards_of(groups, settings.execution.shard)
    yield Line("perturb", name, jobs, runs, nfe * passes_of(model), runs + decodes)


def _covered(fields: Perturbation, groups: list[Group]) -> Iterator[tuple[Group, int, int]]:
    """Each group with the number of its cases that are swept, and that the controls cover."""
    swept, left = Counter(), Counter()  # cases of a task and split that are so already
    found = []
    for group in groups:
        drawn_from, cases = (group.task, group.split), group.cases
        if fields.cases is not None:
            cases = min(cases, fields.cases - swept[drawn_from])
        few = min(cases, fields.control_cases - left[drawn_from])
        swept[drawn_from] += cases
        left[drawn_from] += few
        found.append((group, cases, few))
    if fields.control_cases_per == "task":
        yield from found
        return
    chosen = spread(sum(cases for _, cases, _ in found), fields.control_cases)
    first = 0
    for group, cases, _ in found:
        yield group, cases, sum(first <= position < first + cases for position in chosen)
        first += cases


def layer_flow_cost(conditions: Conditions, steps: int, runs: int, control_runs: int) -> int:
    """What perturbation.layers adds: clean and edited runs, from each perturbed step on."""
    swept, controls = (
        sum(2 * p.nfe(steps) for p in perturbations if p.kind == "step")
        for perturbations in (conditions.sweep, conditions.controls)
    )
    return runs * swept + control_runs * controls
