"""The section `layers`: what happens inside one step."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chain_of_steps.settings.base import Distinct, Section, View

Count = Annotated[int, Field(ge=1)]


class Layers(Section):
    """Token energy, layer swaps, patching and ablation of the main model (Figure 6)."""

    jobs: int = Field(1, ge=1, description="Jobs that the cases of each analysis are dealt to.")
    seeds: int = Field(
        1,
        ge=1,
        description=("How many of the main model's seeds each case runs with, the first ones."),
    )
    steps: int = Field(
        20,
        ge=3,
        description=(
            "Denoising steps of the runs of patching, ablation and swaps at the first steps; the "
            "others use sampler.steps."
        ),
    )
    branches: Distinct[Literal["cond", "uncond"]] = Field(
        ["cond"],
        min_length=1,
        description=(
            "Forward passes of classifier-free guidance that are read, swapped and patched; "
            "ablation always takes all of them."
        ),
    )
    energy_cases: int = Field(
        1, ge=1, description="Cases of each task and split whose token energy is measured."
    )
    massive: int = Field(
        4,
        ge=1,
        description=("Channels of largest mean square that the energy is also taken without."),
    )
    swap_cases: int = Field(
        8,
        ge=1,
        description=("Cases of the identify task in each split that are swapped with their twins."),
    )
    stride: int = Field(
        5,
        ge=1,
        description=(
            "Distance between the single steps at which is swapped, the first being step 0."
        ),
    )
    swap_steps: Distinct[Count] = Field(
        [1, 2, 4, 8],
        description=(
            "How many of the first steps are swapped, beside all of them: the dose at which an "
            "answer flips lies between."
        ),
    )
    final_parts: Distinct[Literal["all", "picture", "video", "update"]] = Field(
        ["all"],
        min_length=1,
        description=(
            "Parts of the hidden states (all, picture, video, update) whose swaps at step 0 are "
            "also followed to the final video; other swaps at one step are read in the clean "
            "estimate of that step."
        ),
    )
    patching_cases: int = Field(
        6, ge=1, description="Mazes in each split whose clean and perturbed runs are patched."
    )
    noise_at: float = Field(
        0.7,
        ge=0,
        lt=1,
        description="Where the noise of the perturbed mazes comes, as a share of the steps.",
    )
    ablation_cases: int = Field(
        1, ge=1, description="Cases of each task and split whose layers are ablated."
    )


class WithLayers(View):
    layers: Layers = Field(default_factory=Layers)
