"""Which adapter a pipeline needs."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch

from chain_of_steps.errors import UserError
from chain_of_steps.gpus import device_of
from chain_of_steps.models.loading import fetch, pipeline_index
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.ltx2 import LTX2Model
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.wan import WanGivenFrameModel, WanModel
from chain_of_steps.settings.execution import Execution
from chain_of_steps.settings.models import Model, named_model


class HasExecution(Protocol):
    """What `load_model` reads: a view with WithModels and WithExecution."""

    @property
    def models(self) -> dict[str, Model]: ...

    @property
    def execution(self) -> Execution: ...


def adapter_for(directory: Path) -> type[VideoModel]:
    """The adapter that a pipeline's class asks for. Raises UserError if there is none."""
    index = pipeline_index(directory)
    return adapter_of_class(
        index.get("_class_name"), index.get("expand_timesteps"), what=str(directory)
    )


def adapter_of_class(
    name: str | None, expand_timesteps: bool | None, *, what: str
) -> type[VideoModel]:
    """The adapter of the class `name` of a pipeline, whose configuration has expand_timesteps.

    Raises UserError, which calls the pipeline `what`, if there is none.
    """
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


def load_model(settings: HasExecution, name: str) -> VideoModel:
    """A configured model on its device, with the study's number of threads.

    Raises UserError for a name that is not in the configuration, and as `VideoModel.load` does.
    """
    model, execution = settings.models[named_model(settings, name)], settings.execution
    torch.set_num_threads(execution.threads)
    device = device_of(execution.device)
    directory = fetch(model.path, model.revision)
    keys = ("guidance", "guidance_2", "boundary", "negative_prompt", "max_sequence_length")
    return adapter_for(directory).load(
        directory,
        name=name,
        device=device,
        dtype=getattr(torch, execution.dtype),
        offload=execution.offload,
        vae_tiling=execution.vae_tiling,
        lora=model.lora.model_dump(),
        **{key: getattr(model, key) for key in keys},
    )
