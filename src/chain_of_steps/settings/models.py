"""The section `models`: what is run, and with which guidance and seeds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field

from chain_of_steps.errors import UserError
from chain_of_steps.settings.base import NAME, Section, Seed, View

HUB = r"[\w-][\w.-]*/[\w.-]+(/.+)?"  # owner/repository, and a file of it for a LoRA


class Lora(Section):
    """A LoRA of this expert; null for none."""

    path: str = Field(
        min_length=1, description="A .safetensors file, or owner/repository/file on the Hub."
    )
    weight: float = Field(1.0, description="Factor of what the LoRA adds.")
    revision: str | None = Field(
        None, description="Revision of the Hub repository; pin it to a commit."
    )


class Loras(Section):
    """
    LoRAs that are merged into the weights, `high` into the first (or only) expert and `low` into
    the low-noise expert.
    """

    high: Lora | None = None
    low: Lora | None = None


class Model(Section):
    """A model, its guidance and what it costs."""

    path: str = Field(
        min_length=1,
        description="Directory of a diffusers pipeline, or the name of a repository on the Hub.",
    )
    revision: str | None = Field(
        None, description="Revision of a Hub repository; pin it to a commit."
    )
    guidance: float = Field(
        1.0, ge=1, description="Scale of classifier-free guidance; 1 switches it off."
    )
    guidance_2: float | None = Field(
        None,
        ge=1,
        description="Guidance of the low-noise expert; null takes that of the first.",
    )
    boundary: float | None = Field(
        None,
        ge=0,
        le=1,
        description=(
            "Sigma from which on down the low-noise expert of two answers; null takes that of the "
            "pipeline."
        ),
    )
    lora: Loras = Field(default_factory=Loras)
    attention: str | None = Field(
        None,
        min_length=1,
        description=(
            "Kernel of the attention, one of diffusers' backends, such as native or "
            "_native_cudnn, flash or _flash_3_hub with the packages that they need; null leaves "
            "the choice to diffusers. Kernels differ in low bits, and some round more."
        ),
    )
    storage: Literal["float8"] | None = Field(
        None,
        description=(
            "float8 keeps the weights of the experts in 8 bits, which halves their memory and "
            "rounds them; null keeps them in execution.dtype."
        ),
    )
    negative_prompt: str = Field("", description="Text of the unconditional branch.")
    max_sequence_length: int = Field(512, ge=1, description="Text tokens a prompt is padded to.")
    seeds: list[Seed] | None = Field(
        None,
        min_length=1,
        description="Seeds of this model's runs; null takes those of the study.",
    )
    repeats: str | None = Field(
        None,
        description=(
            "Name of the model that this one repeats with another training seed; claims take them "
            "as one."
        ),
    )
    base: str | None = Field(
        None,
        description=(
            "Name of the model of this study that this one was tuned from; null where it is not "
            "here. Scores by VBVR-Bench are compared with its."
        ),
    )
    chosen: bool = Field(
        False,
        description=(
            "Whether board, depth or training were chosen by looking at it; claims about what it "
            "was chosen for leave it out."
        ),
    )
    control: bool = Field(
        False,
        description="Whether it is the control without room, shown beside the main model.",
    )
    seconds_per_nfe: float | None = Field(
        None,
        gt=0,
        description=(
            "Seconds of one forward pass of one run at this study's size, as measured; `cos plan` "
            "takes null from the runs of the study so far."
        ),
    )
    weights_gb: float | None = Field(
        None,
        gt=0,
        description=("Gigabytes of the weights, for `cos plan`; null measures a local directory."),
    )


class WithModels(View):
    models: dict[Annotated[str, Field(pattern=NAME)], Model] = Field(
        min_length=1,
        description=(
            "The models to run, by name. The first one is the main model of every figure; the "
            "others are shown beside it where competence matters."
        ),
    )


class HasModels(Protocol):
    """A view with WithModels, maybe beside others."""

    @property
    def models(self) -> dict[str, Model]: ...


class HasSeeds(HasModels, Protocol):
    """What `seeds_of` reads: a view with WithModels and WithSeeds."""

    @property
    def seeds(self) -> list[int]: ...


def main_model(settings: HasModels) -> str:
    """The first model, which every figure shows."""
    return next(iter(settings.models))


def named_model(settings: HasModels, name: str | None) -> str:
    """The name itself, or that of the main model for None. Raises UserError if there is none."""
    name = main_model(settings) if name is None else name
    if name not in settings.models:
        known = ", ".join(settings.models)
        raise UserError(f"model {name!r} is not in the configuration: write one of {known}.")
    return name


def unpinned(models: Mapping[str, Model]) -> Iterator[str]:
    """A sentence for each model or LoRA that would come from the Hub at no certain revision.

    What a branch holds changes, and results would say nothing of it.
    """
    for name, model in models.items():
        parts = {"": model, ".lora.high": model.lora.high, ".lora.low": model.lora.low}
        for place, one in parts.items():
            if one is None or Path(one.path).exists() or one.revision not in (None, "main"):
                continue
            if re.fullmatch(HUB, one.path):
                repository = "/".join(one.path.split("/")[:2])
                yield (
                    f"models.{name}{place}.path is {one.path}: no such path is on this machine, "
                    f"and as a repository of the Hub it has the revision "
                    f"{one.revision or 'null'}, which may change: write the path of a copy, or the "
                    f"commit to take in models.{name}{place}.revision (`git ls-remote "
                    f"https://huggingface.co/{repository} HEAD` says the newest)."
                )


def seeds_of(settings: HasSeeds, model: str) -> list[int]:
    """The seeds of a model's runs: its own, else those of the study."""
    return settings.models[model].seeds or settings.seeds


def repeats_of(settings: HasModels) -> dict[str, list[str]]:
    """Models that repeat no other -> their training seeds, themselves first, in their order.

    Raises UserError where the repeated one is not there, or repeats another itself.
    """
    found = {name: [name] for name, model in settings.models.items() if model.repeats is None}
    for name, model in settings.models.items():
        if model.repeats is None:
            continue
        if model.repeats not in found:
            raise UserError(
                f"models.{name}.repeats is {model.repeats!r}: write one of {', '.join(found)}."
            )
        found[model.repeats].append(name)
    return found


def bases_of(settings: HasModels) -> dict[str, str]:
    """Models that were tuned from another model of the study -> that one.

    Raises UserError where it is not there, or is the model itself.
    """
    found = {name: model.base for name, model in settings.models.items() if model.base}
    for name, base in found.items():
        others = [other for other in settings.models if other != name]
        if base not in others:
            instead = f"write one of {', '.join(others)}" if others else "leave it out"
            raise UserError(f"models.{name}.base is {base!r}: {instead}.")
    return found


def control_of(settings: HasModels) -> str | None:
    """The control without room: the first model that is called so."""
    return next((name for name, model in settings.models.items() if model.control), None)


def passes_of(model: Model) -> int:
    """Forward passes of one step: two with guidance, the second without the prompt."""
    return 2 if model.guidance > 1 else 1
