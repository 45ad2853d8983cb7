"""What the runs behind the videos of every condition cost; `clean` and `steps` are clean runs."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line
from chain_of_steps.experiments.ensemble import cost as of_ensemble
from chain_of_steps.experiments.noise import cost as of_noise
from chain_of_steps.experiments.vbvr.settings import WithVbvr
from chain_of_steps.settings.models import main_model


class Settings(of_noise.Settings, of_ensemble.Settings, WithVbvr):
    pass


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    if "noise" in settings.vbvr.conditions:
        yield from of_noise.lines(settings, groups)
    if "ensemble" in settings.vbvr.conditions:
        main = main_model(settings)
        yield from (line for line in of_ensemble.lines(settings, groups) if line.model == main)
