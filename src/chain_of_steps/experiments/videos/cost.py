"""What the runs behind the videos of every condition cost; `clean` and `steps` are clean runs."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line, shards_of
from chain_of_steps.experiments.ensemble.cost import averaged
from chain_of_steps.experiments.ensemble.settings import WithEnsemble
from chain_of_steps.experiments.noise import cost as of_noise
from chain_of_steps.experiments.vbvr.settings import WithVbvr
from chain_of_steps.settings.cases import WithCases
from chain_of_steps.settings.models import main_model, passes_of


class Settings(of_noise.Settings, WithCases, WithEnsemble, WithVbvr):
    pass


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    if "noise" in settings.vbvr.conditions:
        yield from of_noise.lines(settings, groups)
    if "ensemble" in settings.vbvr.conditions:
        name, votes = main_model(settings), settings.cases.source == "puzzles"
        methods, nfe = averaged(settings.ensemble, settings.sampler.steps, votes=votes)
        cases = sum(group.cases for group in groups)
        jobs = shards_of(groups, settings.execution.shard)
        nfe *= cases * passes_of(settings.models[name])
        yield Line("ensemble", name, jobs, cases * methods, nfe, cases * methods)
