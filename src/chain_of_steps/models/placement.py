"""Which components of a model lie on the device, when not all of them fit.

A model that is loaded here has its text and image encoders there only while they encode. Beyond
that

    none   experts and codec stay on the device
    model  one expert at a time, the one in use; the codec only while it works
    group  the blocks of an expert come one by one as they are needed, which is slow
    auto   the first of these for which the weights leave room for the activations
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import nn

from chain_of_steps.errors import UserError

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

FILL = 0.7  # weights may take this share of the free memory; activations and codec get the rest
CPU = torch.device("cpu")
GB = 1e9


def module_bytes(module: nn.Module) -> int:
    return sum(weight.numel() * weight.element_size() for weight in module.parameters())


def choose_offload(experts: Sequence[int], codec: int, free: int) -> str:
    """none, model or group, from the bytes of each expert, of the codec, and of free memory."""
    if sum(experts) + codec <= FILL * free:
        return "none"
    return "model" if max(experts) <= FILL * free else "group"


def check_offload(offload: str, experts: Sequence[int], codec: int, free: int) -> None:
    """Raises UserError if the weights alone do not fit with the offloading that was asked for."""
    needed = {"none": sum(experts) + codec, "model": max(experts), "group": 0}[offload]
    if needed > free:
        smaller = "model or group" if offload == "none" else "group"
        raise UserError(
            f"execution.offload is {offload}, for which the weights take {needed / GB:.1f} GB, but "
            f"{free / GB:.1f} GB of the device are free: write {smaller}, or auto."
        )


class Placement:
    """Moves the components of one model; `offload` as the module says, never auto."""

    def __init__(self, offload: str, device: torch.device) -> None:
        self.offload = offload
        self.device = device

    @classmethod
    def of(cls, pipe: DiffusionPipeline, offload: str, device: torch.device) -> Placement:
        """Puts a pipeline that was loaded on the CPU where `offload` wants it."""
        experts = [pipe.transformer, getattr(pipe, "transformer_2", None)]
        experts = [expert for expert in experts if expert is not None]
        if device.type == "cpu":
            return cls("none", device)
        sizes, codec = [module_bytes(expert) for expert in experts], module_bytes(pipe.vae)
        free = torch.cuda.mem_get_info(device)[0]
        if offload == "auto":
            offload = choose_offload(sizes, codec, free)
        check_offload(offload, sizes, codec, free)
        placement = cls(offload, device)
        placement.install(experts, pipe.vae)
        return placement

    def install(self, experts: Sequence[nn.Module], codec: nn.Module) -> None:
        """The first positions of experts and codec, which are on the CPU."""
        if self.offload == "none":
            for module in (*experts, codec):
                module.to(self.device)
        if self.offload == "group":
            from diffusers.hooks import apply_group_offloading

            for expert in experts:
                apply_group_offloading(
                    expert,
                    onload_device=self.device,
                    offload_device=CPU,
                    offload_type="block_level",
                    num_blocks_per_group=1,
                )

    def expert(self, experts: Sequence[nn.Module], index: int) -> nn.Module:
        """The expert to run next; with `model` it comes to the device, and the other leaves."""
        if self.offload == "model":
            for other in experts:
                if other is not experts[index]:
                    other.to(CPU)
            experts[index].to(self.device)
        return experts[index]

    @contextmanager
    def visiting(self, module: nn.Module) -> Iterator[None]:
        """The module is on the device while the context lasts, and then where it came from."""
        home = next((weight.device for weight in module.parameters()), CPU)
        module.to(self.device)
        try:
            yield
        finally:
            module.to(home)

    def codec(self, module: nn.Module) -> AbstractContextManager[None]:
        """The codec at work: a visit, unless it lives on the device."""
        return nullcontext() if self.offload == "none" else self.visiting(module)
