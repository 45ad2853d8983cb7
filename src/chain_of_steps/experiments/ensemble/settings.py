"""The section `ensemble`: the training-free ensemble and its rivals."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from chain_of_steps.settings.base import Distinct, Section, View, refusal


class Ensemble(Section):
    """The training-free ensemble (paper, section 6) and its rivals, with the main model."""

    k: int = Field(3, ge=1, description="Seeds of one ensemble or vote, the first of the model's.")
    cases: int = Field(
        2,
        ge=1,
        description=(
            "Cases of each task and split, the first ones, of Table 1: every method runs on all of "
            "them. Videos for a scorer are of every case."
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
    averaged: Distinct[Annotated[int, Field(ge=2)]] = Field(
        [2, 4, 8],
        description=(
            "How many first steps are averaged, beside the paper's one and all of them: the "
            "dose. Those that a run does not have are all of them."
        ),
    )
    controls: bool = Field(
        False,
        description=(
            "Whether other layers, means of latents and other ways to go on are run as well, about "
            "700 passes a case."
        ),
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
