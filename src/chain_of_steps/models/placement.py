"""Which components of a model lie on the device, when not all of them fit.

A model that is loaded here has its text and image encoders there only while they encode. Beyond
that

    none   experts and codec stay on the device
    model  one expert at a time, the one in use; the codec only while it works
    group  the blocks of an expert come one by one as they are needed, which is slow
    auto   the first of these for which the weights leave room for the activations

An encoder that finds no room there encodes on the CPU, which takes minutes for a large one.
A pipeline that somebody has loaded and that moves its components by itself is left to do so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from chain_of_steps.errors import UserError

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

FILL = 0.7  # weights may take this share of the free memory; activations and codec get the rest
ROOM = 0.95  # and this share while an encoder is there, as nothing else is computed then
CPU = torch.device("cpu")
GB = 1e9


def module_bytes(module: nn.Module) -> int:
    return sum(weight.numel() * weight.element_size() for weight in module.parameters())


def experts_of(pipe: DiffusionPipeline) -> tuple[Any, ...]:
    """The transformers of a pipeline, high-noise expert first; none where they are left out."""
    experts = (getattr(pipe, name, None) for name in ("transformer", "transformer_2"))
    return tuple(expert for expert in experts if expert is not None)


def visitors_of(pipe: DiffusionPipeline) -> list[nn.Module]:
    """The modules of a pipeline that are on the device only while they encode."""
    stay = {id(module) for module in (*experts_of(pipe), pipe.vae)}
    modules = [one for one in pipe.components.values() if isinstance(one, nn.Module)]
    return [module for module in modules if id(module) not in stay]


def free_bytes(device: torch.device) -> int:
    """Bytes of a GPU that tensors of this process may still take."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def choose_offload(experts: Sequence[int], codec: int, free: int, visitor: int = 0) -> str:
    """none, model or group, from the bytes of each expert, of the codec, and of free memory.

    visitor: bytes of the largest encoder. One that is too large for the whole device encodes
    elsewhere, and counts for nothing.
    """
    staying = sum(experts) + codec
    crowded = visitor <= ROOM * free and staying + visitor > ROOM * free
    if staying <= FILL * free and not crowded:
        return "none"
    return "model" if max(experts, default=0) <= FILL * free else "group"


def check_offload(offload: str, experts: Sequence[int], codec: int, free: int) -> None:
    """Raises UserError if the weights alone do not fit with the offloading that was asked for."""
    needed = {"none": sum(experts) + codec, "model": max(experts, default=0), "group": 0}[offload]
    if needed > free:
        smaller = "model or group" if offload == "none" else "group"
        raise UserError(
            f"execution.offload is {offload}, for which the weights take {needed / GB:.1f} GB, but "
            f"{free / GB:.1f} GB of the device are free: write {smaller}, or auto."
        )


class Placement:
    """Moves the components of one model; `offload` as the module says, never auto.

    free: bytes of the device that may still be taken.
    """

    def __init__(
        self, offload: str, device: torch.device, free: Callable[[], int] | None = None
    ) -> None:
        self.offload = offload
        self.device = device
        self.free = free or (lambda: free_bytes(device))
        self._here: nn.Module | None = None  # the expert that `model` has brought to the device

    @classmethod
    def of(cls, pipe: DiffusionPipeline, offload: str, device: torch.device) -> Placement:
        """Puts a pipeline that was loaded on the CPU where `offload` wants it."""
        experts = experts_of(pipe)
        if device.type == "cpu":
            return cls("none", device)
        sizes, codec = [module_bytes(expert) for expert in experts], module_bytes(pipe.vae)
        visitor = max(map(module_bytes, visitors_of(pipe)), default=0)
        free = torch.cuda.mem_get_info(device)[0]
        if offload == "auto":
            offload = choose_offload(sizes, codec, free, visitor)
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
        if self.offload == "model" and self._here is not experts[index]:
            self._make_room()
            self._here = experts[index].to(self.device)
        return experts[index]

    @contextmanager
    def visiting(self, module: nn.Module) -> Iterator[torch.device]:
        """The module is on the device while the context lasts, and then where it came from.

        Yields where it is: on the CPU if there is no room for it on the device.
        """
        if hasattr(module, "_hf_hook"):  # its pipeline brings it there when it is called
            yield self.device
            return
        home = next((weight.device for weight in module.parameters()), CPU)
        place = self._place(module, home)
        module.to(place)
        try:
            yield place
        finally:
            module.to(home)

    def codec(self, module: nn.Module) -> AbstractContextManager[Any]:
        """The codec at work: a visit, unless it lives on the device.

        What it computes takes many times its weights, so the expert leaves for it.
        """
        if self.offload == "none":
            return nullcontext()
        self._make_room()
        return self.visiting(module)

    def _place(self, module: nn.Module, home: torch.device) -> torch.device:
        """Where a module that lives at `home` finds room."""
        if self.device.type == "cpu" or home == self.device:
            return self.device
        size = module_bytes(module)
        if size > ROOM * self.free():
            self._make_room()
        return self.device if size <= ROOM * self.free() else CPU

    def _make_room(self) -> None:
        """The expert that was brought to the device leaves it."""
        if self._here is not None:
            self._here.to(CPU)
        self._here = None
