"""The section `front`: where along the steps each tile is decided."""

from __future__ import annotations

from pydantic import Field

from chain_of_steps.settings.base import Section, View


class Front(Section):
    """When each tile of an answer is decided, of puzzles whose inferences are counted."""

    seeds: int = Field(
        1, ge=1, description="How many of a model's seeds are read tile by tile, the first ones."
    )
    every: int = Field(
        3, ge=1, description="Read every how many-th step of them; the result is always read."
    )
    looks: int = Field(
        11, ge=2, description="Noise levels of the table, evenly spread over the steps of a run."
    )


class WithFront(View):
    front: Front = Field(default_factory=Front)
