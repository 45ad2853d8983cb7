"""Which adapter a pipeline needs."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

import torch

from chain_of_steps.errors import UserError
from chain_of_steps.files import digest_json
from chain_of_steps.gpus import device_of
from chain_of_steps.models.cogvideox import CogVideoXModel
from chain_of_steps.models.files import Digests, weights_of
from chain_of_steps.models.hunyuan import HunyuanModel
from chain_of_steps.models.kept import KEPT
from chain_of_steps.models.loading import fetch, pipeline_index, stored_transformer_config
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.ltx2 import LTX2Model
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.wan import NEEDS_LAST, SkyReelsModel, WanGivenFrameModel, WanModel
from chain_of_steps.sampling import Schedule
from chain_of_steps.settings.execution import Execution
from chain_of_steps.settings.models import Model, named_model, unpinned
from chain_of_steps.settings.sampler import Sampler


class HasExecution(Protocol):
    """What `load_model` reads: a view with WithModels and WithExecution."""

    @property
    def models(self) -> dict[str, Model]: ...

    @property
    def execution(self) -> Execution: ...


BUILT_IN: dict[str, type[VideoModel]] = {
    "WanImageToVideoPipeline": WanModel,
    "SkyReelsV2ImageToVideoPipeline": SkyReelsModel,
    "LTXImageToVideoPipeline": LTXModel,
    "LTXConditionPipeline": LTXModel,
    "LTXPipeline": LTXModel,
    "LTX2ImageToVideoPipeline": LTX2Model,
    "LTX2Pipeline": LTX2Model,  # what the repositories name
    "CogVideoXImageToVideoPipeline": CogVideoXModel,
    "HunyuanVideo15ImageToVideoPipeline": HunyuanModel,
}
"""Class of a pipeline -> its adapter."""

ENTRY_POINTS = "chain_of_steps.adapters"


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

    An installed package that has an entry point of that name in the group chain_of_steps.adapters
    comes first. Raises UserError, which calls the pipeline `what`, if there is none.
    """
    for entry in entry_points(group=ENTRY_POINTS, name=str(name)):
        return _loaded(entry)
    if name in ("WanImageToVideoPipeline", "WanPipeline") and expand_timesteps:
        return WanGivenFrameModel  # the repository of TI2V-5B names WanPipeline
    if name in BUILT_IN:
        return BUILT_IN[name]
    raise UserError(
        f"{what} is a {name}, which makes no video from a picture here: write a Wan "
        "image-to-video, Wan TI2V, SkyReels-V2 I2V, LTX-Video, LTX-2, CogVideoX I2V or "
        "HunyuanVideo-1.5 I2V model, or install the package that has its adapter "
        "(docs/add-a-model.md)."
    )


def _loaded(entry: EntryPoint) -> type[VideoModel]:
    """The adapter of an entry point. Raises UserError if it cannot be imported, or is none."""
    try:
        adapter = entry.load()
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"The adapter {entry.value} of {entry.name} cannot be imported ({error}): mend or "
            "uninstall the package that has it."
        ) from error
    if not (isinstance(adapter, type) and issubclass(adapter, VideoModel)):
        raise UserError(
            f"{entry.value}, the adapter of {entry.name}, is no subclass of VideoModel: mend or "
            "uninstall the package that has it."
        )
    return adapter


def load_model(settings: HasExecution, name: str) -> VideoModel:
    """A configured model on its device, with the study's number of threads.

    Raises UserError for a name that is not in the configuration, for a repository whose revision
    is not pinned, for a model that needs a last frame, which no case has, and as
    `VideoModel.load` does.
    """
    return _kept(settings, name)


def load_codec(settings: HasExecution, name: str) -> VideoModel:
    """As `load_model`, for a stage that only decodes: without experts, encoders and LoRAs."""
    return _kept(settings, name, codec_alone=True)


def _kept(settings: HasExecution, name: str, codec_alone: bool = False) -> VideoModel:
    """The model that a resident process has from an earlier job, or a new one."""
    kept, model = KEPT.get(), settings.models[named_model(settings, name)]
    if kept is None:
        return _load(settings, name, codec_alone)
    execution = settings.execution.model_dump(exclude={"shard", "batch", "estimates"})
    content = weights_of(model, Digests.of_results())
    key = digest_json([name, model.model_dump(), execution, content])
    found = kept.get(key, not codec_alone, lambda: _load(settings, name, codec_alone))
    found.levels = _levels(settings)
    return found


def _levels(settings: HasExecution) -> Schedule:
    sampler: Sampler | None = getattr(settings, "sampler", None)  # of a stage that samples
    return "diffusers" if sampler is None else sampler.noise_levels


def _load(settings: HasExecution, name: str, codec_alone: bool) -> VideoModel:
    model, execution = settings.models[named_model(settings, name)], settings.execution
    torch.set_num_threads(execution.threads)
    device = device_of(execution.device)
    for sentence in unpinned({name: model}):
        raise UserError(sentence)
    directory = fetch(model.path, model.revision)
    adapter = adapter_for(directory)
    if stored_transformer_config(directory).get("pos_embed_seq_len") is not None:
        raise UserError(NEEDS_LAST.format(name))
    keys = (
        *("guidance", "guidance_2", "boundary", "negative_prompt", "max_sequence_length"),
        *("attention", "storage"),
    )
    return adapter.load(
        directory,
        name=name,
        device=device,
        dtype=getattr(torch, execution.dtype),
        offload=execution.offload,
        vae_tiling=execution.vae_tiling,
        lora=model.lora.model_dump(),
        **{key: getattr(model, key) for key in keys},
        levels=_levels(settings),
        codec_alone=codec_alone,
    )
