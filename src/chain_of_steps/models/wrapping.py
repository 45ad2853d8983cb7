"""From a pipeline that somebody has loaded already to a model, for use as a library."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from chain_of_steps.errors import UserError
from chain_of_steps.models.adapters import adapter_of_class
from chain_of_steps.models.model import VideoModel

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


def wrap(pipe: DiffusionPipeline, **options: Any) -> VideoModel:
    """The adapter over a diffusers pipeline that is loaded already; both have the same weights.

    options: those of `VideoModel`, such as guidance=1.0. What is not given is the pipeline's own:
    guidance and the length of prompts are what calling it would take, the boundary between experts
    is in its configuration. Components stay on the device where they are.
    Raises UserError for a pipeline of no known family, and for one that offloads by itself.
    """
    import diffusers

    name, expanded = type(pipe).__name__, pipe.config.get("expand_timesteps")
    adapter = adapter_of_class(name, expanded, what="This pipeline")
    if any(hasattr(component, "_hf_hook") for component in pipe.components.values()):
        raise UserError(
            "This pipeline moves its components between devices by itself: call remove_all_hooks()"
            " on it and bring it to one device, or load it by the adapter's own load(offload=...)."
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
