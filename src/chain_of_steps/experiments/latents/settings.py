"""The section `latents`: what is looked at of any cases, without a reader."""

from __future__ import annotations

from pydantic import Field

from chain_of_steps.settings.base import Section, View


class Latents(Section):
    """What latents show without a reader, of the main model."""

    cases: int = Field(
        4,
        ge=1,
        description=(
            "Cases, spread over those of the study, that are also looked at inside a step: both "
            "passes of guidance and token energy at every step, which costs a clean run's NFE for "
            "each, and a map of when each place settles."
        ),
    )


class WithLatents(View):
    latents: Latents = Field(default_factory=Latents)
