"""LoRAs, merged into the weights once, when a model is loaded.

diffusers only warns when a LoRA does not fit and goes on with the base model. Here each one has to
fit whole and to change weights of its expert.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from chain_of_steps.errors import UserError
from chain_of_steps.files import digest_file
from chain_of_steps.models.loading import require

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

EXPERTS = {"high": "transformer", "low": "transformer_2"}


@dataclass(frozen=True)
class Lora:
    """One merged LoRA. changed: how many weights of its expert are other numbers than before."""

    expert: str
    file: Path
    weight: float
    changed: int

    @property
    def digest(self) -> str:
        made_by = f"{self.expert} {self.weight!r} {digest_file(self.file)}"
        return hashlib.sha256(made_by.encode()).hexdigest()


def merge_loras(
    pipe: DiffusionPipeline, wanted: Mapping[str, Mapping[str, Any] | None]
) -> list[Lora]:
    """Merges `high` into the first expert and `low` into the second, each {path, weight}.

    path: a safetensors file, or owner/repository/file on the Hub (at `revision`).
    Raises UserError naming the field of a LoRA that is not there or does not fit.
    """
    return [merge_lora(pipe, field, **given) for field, given in wanted.items() if given]


def find_loras(wanted: Mapping[str, Mapping[str, Any] | None]) -> list[Lora]:
    """The LoRAs of `merge_loras` for a model whose experts are left out: by name, not merged."""
    return [
        Lora(EXPERTS[field], _file(given["path"], field, given.get("revision")), weight, changed=0)
        for field, given in wanted.items()
        if given
        for weight in [given.get("weight", 1.0)]
    ]


def merge_lora(
    pipe: DiffusionPipeline, field: str, path: str, weight: float = 1.0, revision: str | None = None
) -> Lora:
    """Merges one file into the expert `field`, high or low; raises UserError as `merge_loras`."""
    expert = EXPERTS[field]
    net = getattr(pipe, expert, None)
    if net is None:
        raise UserError(f"lora.{field} is given, but the model has no such expert: write null.")
    require("peft", f"lora.{field} is merged with it")
    from peft.tuners.tuners_utils import BaseTunerLayer

    file = _file(path, field, revision)
    state = _read(file, field)
    target = {"load_into_transformer_2": True} if field == "low" else {}
    try:
        pipe.load_lora_weights(state, adapter_name="lora", **target)
    except (ValueError, KeyError, IndexError, RuntimeError) as error:
        raise _misfit(field, file, str(error).splitlines()[0].rstrip(".")) from error
    adapted = [module for module in net.modules() if isinstance(module, BaseTunerLayer)]
    pairs = sum(name.endswith(("lora_A.weight", "lora_down.weight")) for name in state)
    if len(adapted) < pairs:
        raise _misfit(field, file, f"{len(adapted)} of its {pairs} layers are in the model")
    changed = 0
    for module in adapted:
        base = module.get_base_layer().weight
        before = base.detach().clone()
        module.set_scale("lora", weight)
        module.merge()
        changed += int((base != before).sum())
    pipe.unload_lora_weights()
    if not changed:
        raise _misfit(field, file, "it changes no weight")
    return Lora(expert, file, weight, changed)


def _misfit(field: str, file: Path, reason: str) -> UserError:
    return UserError(
        f"lora.{field}: {file} does not fit this expert ({reason}): write the LoRA that was "
        "trained for it."
    )


def _file(path: str, field: str, revision: str | None) -> Path:
    if Path(path).is_file():
        return Path(path)
    owner, _, rest = path.partition("/")
    repository, _, name = rest.partition("/")
    if name and not Path(path).is_absolute():
        from huggingface_hub import hf_hub_download

        try:
            return Path(hf_hub_download(f"{owner}/{repository}", name, revision=revision))
        except (OSError, ValueError):
            pass  # the sentence below says it
    raise UserError(
        f"lora.{field}: there is no file {path}: write the path of a .safetensors file, or "
        "owner/repository/file of one on the Hub that can be reached."
    )


def _read(file: Path, field: str) -> dict[str, Tensor]:
    """The tensors of a LoRA; those of DiffSynth get the prefix that diffusers converts."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(file)
    except SafetensorError as error:
        raise UserError(f"lora.{field}: {file} cannot be read ({error}): fetch it again.") from None
    if all(name.startswith("blocks.") for name in state):
        state = {
            f"diffusion_model.{name}".replace(".default.", "."): t for name, t in state.items()
        }
    return state
