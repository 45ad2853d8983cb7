"""The section `behaviours`: working memory, self-correction, perception before action."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chain_of_steps.settings.base import Section, View


class Behaviours(Section):
    """Working memory, self-correction, perception before action (Figures 4 and 5)."""

    seeds: int = Field(
        1,
        ge=1,
        description=("How many of the main model's seeds the controls run with, the first ones."),
    )
    memory_cases: int = Field(
        4,
        ge=1,
        description=("Cases of each memory task and split that run with a changed first frame."),
    )
    withheld: list[Annotated[float, Field(ge=0, lt=1)]] = Field(
        [0.1, 0.2, 0.4, 0.6, 0.8, 0.9],
        description=(
            "Shares of the steps after which the object is taken out of the picture that the model "
            "is given; from the first step on is always among them."
        ),
    )
    alone_cases: int = Field(
        8,
        ge=1,
        description=(
            "Cases of the move task in each split that run with the target alone, the null."
        ),
    )


class WithBehaviours(View):
    behaviours: Behaviours = Field(default_factory=Behaviours)
