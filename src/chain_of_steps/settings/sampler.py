"""The section `sampler`: the denoising schedule."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chain_of_steps.errors import UserError
from chain_of_steps.settings.base import Section, View


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
