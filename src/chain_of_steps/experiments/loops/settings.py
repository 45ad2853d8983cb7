"""The section `loops`: runs of few steps, steps at matched noise levels, passes at one level."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chain_of_steps.settings.base import Distinct, Index, Section, View

FLAT = "chain_lit"  # a chain whose way is shown: runs of few steps have it as their control
Level = Annotated[float, Field(gt=0, lt=1)]
Steps = Annotated[int, Field(ge=1)]


class Chosen(Section):
    """
    The one loop that all models make, and that Table 1 compares. It was chosen on the development
    pool of the first training seed; it is not tuned on the cases of a study.
    """

    sigma: Level = Field(0.7, description="Its noise level.")
    passes: Steps = Field(12, description="Its number of passes.")


class Loops(Section):
    """More steps, or more passes at one noise level: each model's first seed."""

    cases: int = Field(
        3,
        ge=1,
        description=(
            "Cases of each task and split, the first ones, of tasks whose inferences are counted; "
            "whole runs are made of chain_lit, too."
        ),
    )
    few_steps: Distinct[Steps] = Field(
        [1, 2, 4, 8, 16, 24],
        min_length=1,
        description="Numbers of steps of whole runs, with every model; Table 1 has them, too.",
    )
    chosen: Chosen = Field(default_factory=Chosen)
    matched_steps: Distinct[Steps] = Field(
        [1, 4, 16],
        min_length=1,
        description=(
            "Numbers of steps from pure noise to a level, all runs alike below it; main model."
        ),
    )
    matched_levels: Distinct[Level] = Field(
        [0.7], min_length=1, description="Noise levels to which these steps lead."
    )
    rest: int = Field(16, ge=1, description="Steps from there on down.")
    levels: Distinct[Level] = Field(
        [0.9, 0.7, 0.5, 0.3],
        min_length=1,
        description="Noise levels at which a run of the main model loops.",
    )
    passes: Distinct[Index] = Field(
        [0, 4, 12, 24], min_length=1, description="Numbers of passes of these loops."
    )
    above: int = Field(4, ge=1, description="Steps from pure noise to the level of a loop.")
    below: int = Field(8, ge=1, description="Steps from there on down.")

    def grid(self, main: bool) -> dict[float, list[int]]:
        """Level -> numbers of passes that a model makes there: all with the main one."""
        found = {level: list(self.passes) for level in self.levels} if main else {}
        mine = found.setdefault(self.chosen.sigma, [])
        if self.chosen.passes not in mine:
            mine.append(self.chosen.passes)
        return found


class WithLoops(View):
    loops: Loops = Field(default_factory=Loops)
