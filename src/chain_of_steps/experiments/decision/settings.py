"""The section `tiles`: which runs are read tile by tile."""

from __future__ import annotations

from pydantic import Field

from chain_of_steps.settings.base import Section, View


class Tiles(Section):
    """Runs whose videos are read tile by tile and frame by frame, which takes time."""

    cases: int = Field(6, ge=1, description="Cases of each task and split, the first ones.")
    seeds: int = Field(1, ge=1, description="How many of a model's seeds, the first ones.")
    every: int = Field(
        3, ge=1, description="Read every how many-th step; the result is always read."
    )


class WithTiles(View):
    tiles: Tiles = Field(default_factory=Tiles)
