"""The section `execution`: how the work is cut, and where it runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chain_of_steps.settings.base import Section, View


class Execution(Section):
    """How the work is cut. Decides low bits of the numbers, so it is recorded with them."""

    shard: int = Field(44, ge=1, description="Cases of one job; the model is loaded once a job.")
    batch: int = Field(13, ge=1, description="Runs that one forward pass of the transformer holds.")
    threads: int = Field(1, ge=1, description="CPU threads of one job.")
    device: str = Field(
        "cpu",
        description=(
            "Where the model runs: cpu, cuda for a free GPU (each job holds one), or cuda:1 for a "
            "certain one."
        ),
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Precision of the transformer; latents and codec are always float32.",
    )
    offload: Literal["auto", "none", "model", "group"] = Field(
        "auto",
        description=(
            "What waits in main memory: none, model (the expert not in use), group (all blocks but "
            "the one in use, slow), or auto, which decides by the free memory of the GPU."
        ),
    )
    estimates: Literal["stored", "derived"] = Field(
        "stored",
        description=(
            "Clean estimates of a run on disk: stored beside its latents, or derived from them as "
            "they are read, which halves trajectories; exact but for low bits, and Euler's alone."
        ),
    )
    vae_tiling: bool = Field(
        False,
        description=(
            "Code pictures in tiles, which saves memory and changes pixels at their seams."
        ),
    )


class WithExecution(View):
    execution: Execution = Field(default_factory=Execution)
