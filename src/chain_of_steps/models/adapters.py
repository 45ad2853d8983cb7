"""Which adapter a pipeline needs."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.models.loading import pipeline_index
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.ltx2 import LTX2Model
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.wan import WanGivenFrameModel, WanModel


def adapter_for(directory: Path) -> type[VideoModel]:
    """The adapter that a pipeline's class asks for. Raises UserError if there is none."""
    index = pipeline_index(directory)
    name = index.get("_class_name")
    if name in ("WanImageToVideoPipeline", "WanPipeline") and index.get("expand_timesteps"):
        return WanGivenFrameModel  # the repository of TI2V-5B names WanPipeline
    if name == "WanImageToVideoPipeline":
        return WanModel
    if name in ("LTXImageToVideoPipeline", "LTXConditionPipeline", "LTXPipeline"):
        return LTXModel
    if name in ("LTX2ImageToVideoPipeline", "LTX2Pipeline"):
        return LTX2Model  # the repositories name LTX2Pipeline
    raise UserError(
        f"{directory} is a {name}, which makes no video from a picture here: write a Wan "
        "image-to-video, Wan TI2V, LTX-Video or LTX-2 model."
    )
