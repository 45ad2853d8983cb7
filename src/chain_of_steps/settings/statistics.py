"""The section `statistics`: intervals and tests."""

from __future__ import annotations

from pydantic import Field

from chain_of_steps.settings.base import Section, Seed, View


class Statistics(Section):
    """Intervals and tests."""

    resamples: int = Field(
        2000, ge=100, description="Bootstrap resamples behind each 95 % interval."
    )
    seed: Seed = Field(0, description="Seed of the resampling.")


class WithStatistics(View):
    statistics: Statistics = Field(default_factory=Statistics)
