"""From a pipeline that somebody has loaded already to a model, for use as a library."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from chain_of_steps.models.adapters import adapter_of_class
from chain_of_steps.models.loading import pipeline_class
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.placement import Placement

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


def wrap(pipe: DiffusionPipeline, **options: Any) -> VideoModel:
    """The adapter over a diffusers pipeline that is loaded already; both have the same weights.

    options: those of `VideoModel`, such as guidance=1.0. What is not given is the pipeline's own:
    guidance and the length of prompts are what calling it would take, the boundary between experts
    is in its configuration. Components stay on the device where they are; those of a pipeline that
    moves them by itself, as after enable_model_cpu_offload, are moved by it.
    Raises UserError for a pipeline of no known family.
    """
    name, expanded = type(pipe).__name__, pipe.config.get("expand_timesteps")
    adapter = adapter_of_class(name, expanded, what="This pipeline")
    # before the components are given to another pipeline, which does not know that they move
    placement = Placement("none", pipe._execution_device)
    stock = pipeline_class(adapter.PIPELINE)
    if not isinstance(pipe, stock):  # of the same family, but made for text alone
        fields = inspect.signature(stock).parameters
        given = {**pipe.config, **pipe.components}
        # not from_pipe, which would cast the components that both pipelines share
        pipe = stock(**{name: given[name] for name in fields if name in given})
    return adapter(pipe, **({"placement": placement, **adapter.options_of(pipe)} | options))
