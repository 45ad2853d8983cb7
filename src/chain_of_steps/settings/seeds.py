"""The field `seeds`: of the first latents."""

from __future__ import annotations

from pydantic import Field

from chain_of_steps.settings.base import Distinct, Seed, View


class WithSeeds(View):
    seeds: Distinct[Seed] = Field(
        [0, 1, 2, 3],
        min_length=1,
        description="Seeds of the first latent; every case runs with each.",
    )
