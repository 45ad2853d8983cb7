"""The section `sampler`: the denoising schedule."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from chain_of_steps.errors import UserError
from chain_of_steps.settings.base import Section, View, refusal

Level = Annotated[float, Field(gt=0, le=1)]


class Sampler(Section):
    """The denoising schedule (flow matching)."""

    steps: int = Field(50, ge=1, le=1000, description="Number of denoising steps.")
    shift: float = Field(
        5.0,
        gt=0,
        description="Flow shift of the noise levels, sigma = shift s / (1 + (shift - 1) s).",
    )
    solver: Literal["euler", "unipc"] = Field(
        "euler",
        description=(
            "euler, or unipc to reproduce the stock outputs of Wan. Runs of unipc cannot be "
            "forked or changed in between."
        ),
    )
    schedule: Literal["diffusers", "single-shift", "list"] = Field(
        "diffusers",
        description=(
            "Noise levels of the steps. diffusers: as the family's own pipeline takes them with "
            "Euler, where Wan's smallest level is shifted twice; single-shift: even from 1 on and "
            "shifted once, as the official tools have them; list: those of levels. With shift 5, "
            "step 40 of 50 is at 0.536 or 0.556, the last at 0.024 or 0.093."
        ),
    )
    levels: list[Level] | None = Field(
        None,
        min_length=1,
        description=(
            "The noise level of each step, from 1 downwards without the 0 at the end, for weights "
            "that were distilled to a few. Runs of other numbers of steps have a single shift."
        ),
    )

    @property
    def noise_levels(self) -> str | list[float]:
        """diffusers, single-shift, or the levels of a list."""
        return self.schedule if self.levels is None else self.levels

    @model_validator(mode="after")
    def _levels_of_all_steps(self) -> Sampler:
        if self.solver != "euler" and self.schedule != "diffusers":
            raise refusal(
                f"sampler.schedule is {self.schedule}, but sampler.solver is {self.solver}, which "
                "has its own levels: write euler, or leave schedule out."
            )
        if (self.schedule == "list") != (self.levels is not None):
            raise refusal(
                f"sampler.schedule is {self.schedule}, but sampler.levels is {self.levels}: write "
                "both schedule: list and the levels, or neither."
            )
        levels = self.levels
        if levels is None:
            return self
        if len(levels) != self.steps:
            raise refusal(
                f"sampler.levels has {len(levels)} numbers, but sampler.steps is {self.steps}: "
                "write one level a step, without the 0 at the end."
            )
        if levels[0] != 1 or any(a <= b for a, b in pairwise(levels)):
            raise refusal(
                f"sampler.levels is {levels}: write levels that fall from 1, such as "
                "[1.0, 0.938, 0.833, 0.625]."
            )
        return self


class WithSampler(View):
    sampler: Sampler = Field(default_factory=Sampler)


def solver_refusal(what: str) -> str:
    """Why `what` cannot be done with a multistep solver, and what to write."""
    return (
        f"sampler.solver is unipc, but {what} forks or changes runs in between: write euler, since "
        "UniPC steers each step by its memory of earlier ones, which is no part of the latent."
    )


def require_euler(settings: WithSampler, what: str) -> None:
    """Raises UserError where `what` forks or changes runs and the study's solver remembers."""
    if settings.sampler.solver != "euler":
        raise UserError(solver_refusal(what))
