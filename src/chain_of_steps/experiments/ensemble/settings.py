"""The section `ensemble`: the training-free ensemble and its rivals."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field, field_validator

from chain_of_steps.settings.base import Section, View, refusal
from chain_of_steps.settings.models import HasSeeds, seeds_of


class Ensemble(Section):
    """The training-free ensemble and its rivals (paper, section 6)."""

    k: int = Field(3, ge=1, description="Seeds of one ensemble, the first of the study's.")
    every: int = Field(
        4,
        ge=1,
        description=(
            "The ensemble runs on every case; its controls on every n-th, with the main model."
        ),
    )
    band: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        [0.5, 0.75],
        min_length=2,
        max_length=2,
        description=(
            "Layers that are averaged, as shares of the depth; the paper's 20 to 29 of 40."
        ),
    )
    many_steps: int = Field(
        10,
        ge=1,
        description="First steps that are averaged in the variants that average more than one.",
    )
    early: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.1, 0.2, 0.4],
        min_length=1,
        description="Shares of the steps after which the rivals stop all runs but one.",
    )

    @field_validator("band")
    @classmethod
    def _rising(cls, band: list[float]) -> list[float]:
        if not band[0] < band[1]:
            raise refusal(f"ensemble.band is {band}: write the smaller share first.")
        return band


class WithEnsemble(View):
    ensemble: Ensemble = Field(default_factory=Ensemble)


class HasEnsemble(HasSeeds, Protocol):
    @property
    def ensemble(self) -> Ensemble: ...


def ensemble_seeds(settings: HasEnsemble, model: str) -> list[int]:
    """The model's own seeds first, so that its plain runs are there to compare with."""
    seeds = dict.fromkeys([*seeds_of(settings, model), *settings.seeds])
    return list(seeds)[: settings.ensemble.k]
