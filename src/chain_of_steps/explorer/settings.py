"""The section `explorer`: what its page shows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chain_of_steps.settings.base import Distinct, Section, View


class Explorer(Section):
    """The page on which one looks at runs (`snakemake explorer`)."""

    cases: int | None = Field(
        4,
        ge=1,
        description=(
            "Puzzles of each task and split to show; null shows all. Other cases are all shown."
        ),
    )
    seeds: int = Field(
        2,
        ge=1,
        description="How many of the main model's seeds are shown, the first ones.",
    )
    noise_cases: int = Field(
        1,
        ge=0,
        description=(
            "Cases of each task and split that are also shown under noise, which costs NFE; their "
            "first seed."
        ),
    )
    noise_at_steps: Distinct[Annotated[float, Field(ge=0, lt=1)]] = Field(
        [0.1, 0.3, 0.5, 0.7, 0.9],
        description="Where that noise comes, as shares of the steps.",
    )
    noise_at_frames: Distinct[Annotated[float, Field(ge=0, le=1)]] = Field(
        [0.5, 1],
        description=(
            "Which latent frame gets noise at every step, as shares of the video's length."
        ),
    )
    pixels: int = Field(160, ge=16, description="Longer side of a picture; larger ones are shrunk.")
    quality: int = Field(
        90,
        ge=1,
        le=100,
        description="Quality of the WebP pictures, which lose fine detail below 100.",
    )


class WithExplorer(View):
    explorer: Explorer = Field(default_factory=Explorer)
