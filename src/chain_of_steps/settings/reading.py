"""The section `reading`: how clean estimates are decoded so as to be read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from chain_of_steps.settings.base import Section, View, refusal


class Reading(Section):
    """How the clean estimates of a run are decoded. A cheap decoder is held against the codec on
    some steps first, and reads those alone at which the two agree.
    """

    decoder: Literal["full", "projection", "tiny", "latents"] = Field(
        "full",
        description=(
            "full: the model's own codec; projection: a linear map from latents to pixels, fitted "
            "to the results of each case; tiny: a small decoder from a file; latents: no decoder, "
            "as all candidates' videos are encoded instead. The result of a run is always read by "
            "the codec."
        ),
    )
    file: str | None = Field(
        None,
        description="The file of a tiny decoder of the family TAEHV, such as taew2_1.safetensors.",
    )
    agreement: float = Field(
        0.8,
        ge=0,
        le=1,
        description=(
            "Share of cases that must agree for a step to be read cheaply: the lower end of its "
            "95 % interval (Wilson's). With 34 cases that all agree it is at 0.898."
        ),
    )
    tolerance: float = Field(
        0.1,
        ge=0,
        le=1,
        description=(
            "A look agrees where the accepted and the leading answer are the same and no "
            "candidate's evidence differs by more than this."
        ),
    )
    steps: int = Field(
        8,
        ge=2,
        description=(
            "Steps that are held against the codec, evenly spread from the first to the last; one "
            "in between is read cheaply where those at both sides of it may be."
        ),
    )
    seeds: int = Field(
        1, ge=1, description="How many of a model's seeds are held against the codec, the first."
    )

    @property
    def cheap(self) -> bool:
        """Whether any step may be read by another decoder than the codec."""
        return self.decoder != "full"

    @property
    def files(self) -> list[Path]:
        """Those of a tiny decoder."""
        return [Path(self.file)] if self.decoder == "tiny" and self.file else []

    def checked(self, n_steps: int) -> list[int]:
        """The steps of a run that are held against the codec, from the first to the last."""
        return sorted({round(n * (n_steps - 1) / (self.steps - 1)) for n in range(self.steps)})

    @model_validator(mode="after")
    def _file_of_the_tiny_one(self) -> Reading:
        if self.decoder == "tiny" and self.file is None:
            raise refusal(
                "reading.decoder is tiny, but reading.file is null: write the path of a file such "
                "as taew2_1.safetensors."
            )
        return self


class WithReading(View):
    reading: Reading = Field(default_factory=Reading)


def files_of(settings: WithReading) -> list[Path]:
    """The files that reading takes from the user."""
    return settings.reading.files
