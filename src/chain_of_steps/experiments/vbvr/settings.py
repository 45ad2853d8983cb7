"""The section `vbvr`: which videos VBVR-Bench scores, and how long it may take."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chain_of_steps.settings.base import Distinct, Section, View


class Vbvr(Section):
    """What is sampled, written as videos and scored by VBVR-Bench beside the references."""

    conditions: Distinct[Literal["clean", "steps", "noise", "ensemble"]] = Field(
        ["clean"],
        min_length=1,
        description=(
            "clean (every model and seed), steps (their clean estimates), noise (main model, as in "
            "`perturbation`), ensemble (main model, as in `ensemble`)."
        ),
    )
    steps_every: int = Field(
        10,
        ge=1,
        description=(
            "Distance between the steps whose clean estimates are written, from step 0 on."
        ),
    )
    timeout: float = Field(
        120.0,
        gt=0,
        description="Seconds that scoring one video may take; over it the score is missing.",
    )
    pro: str | None = Field(
        None,
        min_length=1,
        description=(
            "Clone of https://github.com/Video-Reason/VBVR-Pro-Bench, by whose rules videos are "
            "scored as well; cases.path then is the bench's own data, whose metadata.json they "
            "read. null leaves it out."
        ),
    )
    pro_python: str | None = Field(
        None,
        min_length=1,
        description=(
            "Python that has what that clone's requirements.txt asks for; null takes the one that "
            "runs this program."
        ),
    )


class WithVbvr(View):
    vbvr: Vbvr = Field(default_factory=Vbvr)
