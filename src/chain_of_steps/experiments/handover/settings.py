"""The section `handover`: what is put into runs, and at which noise levels."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chain_of_steps.settings.base import Distinct, Section, View

Level = Annotated[float, Field(gt=0, lt=1)]


class Handover(Section):
    """What a step hands on to the next, by what is put into the runs of the main model."""

    cases: int = Field(
        4,
        ge=1,
        description=(
            "Cases of each task and split, the first ones, of tasks whose inferences are counted."
        ),
    )
    levels: Distinct[Level] = Field(
        [0.97, 0.93, 0.88, 0.83, 0.76, 0.67, 0.54, 0.32],
        min_length=1,
        description=(
            "Noise levels at which mistakes are put in, pictures swapped and results noised again; "
            "the nearest steps of the schedule are taken."
        ),
    )
    draws: int = Field(1, ge=1, description="Draws of the noise over each thing that is put in.")
    tile_levels: Distinct[Level] = Field(
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
        min_length=1,
        description="Noise levels at which tiles are transplanted and erased.",
    )
    turns: int = Field(
        2, ge=1, description="Places along an answer at which a wrong way is transplanted."
    )
    prefix: int = Field(1, ge=1, description="Tiles of a way that are transplanted or erased.")
    directions: int = Field(
        2,
        ge=0,
        description=(
            "Random directions in which a clean estimate is differentiated; 0 leaves derivatives "
            "out, which write attention out and have no room for tens of thousands of tokens."
        ),
    )


class WithHandover(View):
    handover: Handover = Field(default_factory=Handover)
