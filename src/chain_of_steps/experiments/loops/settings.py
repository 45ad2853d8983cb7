"""The section `loops`: runs of few steps, steps at matched noise levels, passes at one level."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chain_of_steps.settings.base import Distinct, Index, Section, View

Level = Annotated[float, Field(gt=0, lt=1)]
Steps = Annotated[int, Field(ge=1)]


class Loops(Section):
    """More steps, more passes at one noise level, or more samples, with the main model."""

    cases: int = Field(
        4,
        ge=1,
        description=(
            "Cases of each task and split, the first ones, of tasks whose inferences are counted."
        ),
    )
    few_steps: Distinct[Steps] = Field(
        [1, 2, 4, 8, 16],
        min_length=1,
        description="Numbers of steps of whole runs, of every seed.",
    )
    matched_steps: Distinct[Steps] = Field(
        [1, 2, 4, 8, 16],
        min_length=1,
        description="Numbers of steps from pure noise to a level, all runs alike below it.",
    )
    matched_levels: Distinct[Level] = Field(
        [0.8, 0.6], min_length=1, description="Noise levels to which these steps lead."
    )
    rest: int = Field(16, ge=1, description="Steps from there on down.")
    levels: Distinct[Level] = Field(
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
        min_length=1,
        description="Noise levels at which a run loops.",
    )
    passes: Distinct[Index] = Field(
        [0, 4, 12, 24, 48], min_length=1, description="Numbers of passes of a loop."
    )
    above: int = Field(4, ge=1, description="Steps from pure noise to the level of a loop.")
    below: int = Field(8, ge=1, description="Steps from there on down.")


class WithLoops(View):
    loops: Loops = Field(default_factory=Loops)
