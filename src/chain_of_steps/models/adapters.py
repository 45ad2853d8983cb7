"""Which adapter a pipeline needs, on disk or already loaded."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chain_of_steps.errors import UserError
from chain_of_steps.models.loading import pipeline_index
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.ltx2 import LTX2Model
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.wan import WanGivenFrameModel, WanModel

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


def adapter_for(directory: Path) -> type[VideoModel]:
    """The adapter that the class of a pipeline on disk asks for. Raises UserError if none does."""
    index = pipeline_index(directory)
    return _adapter(str(directory), index.get("_class_name"), index.get("expand_timesteps"))


def wrap(pipe: DiffusionPipeline, **options: Any) -> VideoModel:
    """The adapter over a diffusers pipeline that is loaded already; both have the same weights.

    options: those of `VideoModel`, such as guidance=1.0. What is not given is the pipeline's own:
    guidance and the length of prompts are what calling it would take, the boundary between experts
    is in its configuration. Components stay on the device where they are.
    Raises UserError for a pipeline of no known family, and for one that moves its parts by itself.
    """
    import diffusers

    name, expanded = type(pipe).__name__, pipe.config.get("expand_timesteps")
    adapter = _adapter("This pipeline", name, expanded)
    if any(hasattr(component, "_hf_hook") for component in pipe.components.values()):
        raise UserError(
            "This pipeline moves its parts between devices by itself: call remove_all_hooks() on it"
            " and bring it to one device, or load it by the adapter's own load(offload=...)."
        )
    stock = getattr(diffusers, adapter.PIPELINE)
    if not isinstance(pipe, stock):  # of the same family, but made for text alone
        fields = inspect.signature(stock).parameters
        given = {**pipe.config, **pipe.components}
        # not from_pipe, which would cast the components that both pipelines share
        pipe = stock(**{name: given[name] for name in fields if name in given})
    call = inspect.signature(pipe.__call__).parameters
    length = call["max_sequence_length"].default
    if pipe.tokenizer is not None:
        length = min(length, pipe.tokenizer.model_max_length)
    own = {"guidance": call["guidance_scale"].default, "max_sequence_length": length}
    return adapter(pipe, **(own | options))


def _adapter(what: str, name: str | None, expand_timesteps: bool | None) -> type[VideoModel]:
    """name: the class of a pipeline; expand_timesteps: of its configuration."""
    if name in ("WanImageToVideoPipeline", "WanPipeline") and expand_timesteps:
        return WanGivenFrameModel  # the repository of TI2V-5B names WanPipeline
    if name == "WanImageToVideoPipeline":
        return WanModel
    if name in ("LTXImageToVideoPipeline", "LTXConditionPipeline", "LTXPipeline"):
        return LTXModel
    if name in ("LTX2ImageToVideoPipeline", "LTX2Pipeline"):
        return LTX2Model  # the repositories name LTX2Pipeline
    raise UserError(
        f"{what} is a {name}, which makes no video from a picture here: write a Wan "
        "image-to-video, Wan TI2V, LTX-Video or LTX-2 model."
    )
