"""Reading and writing inside the transformer: forward hooks owned by one context manager.

A site says where a block's output is: (step, expert, branch, layer), or that of a part of a block,
such as its self-attention. The velocity tells the hooks which forward pass is under way, so nothing
is found by counting calls, and passes of another velocity over the same blocks are left alone.
Hidden states are (B, N, D) in (F, h, w) order.

    with hooked(velocity, model.blocks, read=record, write=skip(lambda s: s.layer == 3)):
        sample(velocity, x, sigmas)
    with hooked(velocity, model.blocks, read=record, parts=model.PARTS):  # and inside blocks
        sample(velocity, x, sigmas)

Sources: token energy and layer swaps, arXiv 2603.16870, section 5; the ensemble, section 6.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from chain_of_steps.errors import UserError


class Site(NamedTuple):
    """Where a hook reads or writes: the output of block `layer` (from 0) in one forward pass.

    part: what of the block, by the names of the model's PARTS; "block" is the whole.
    """

    step: int
    expert: int
    branch: str
    layer: int
    part: str = "block"


class Sited(Protocol):
    """A velocity that says which forward pass is under way: (step, expert, branch), or None."""

    site: tuple[int, int, str] | None


Where = Callable[[Site], bool]

Read = Callable[[Site, Tensor, Tensor], None]
"""read(site, before, after): the hidden states a block was given and those that leave it."""

Write = Callable[[Site, Tensor, Tensor], Tensor]
"""write(site, before, after) -> after: what goes on instead; `after` itself changes nothing."""


@contextmanager
def hooked(
    velocity: Sited,
    blocks: Sequence[torch.nn.ModuleList],
    *,
    read: Read | None = None,
    write: Write | None = None,
    parts: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[None]:
    """Hook every block of every expert while the context lasts; no hook outlives it.

    parts: what inside of a block is hooked, too: its name in a site -> that of the submodule. Parts
    are given normalised states, and what leaves them is added to the block's own behind a gate.

    `write` acts first, so `read` sees what the next block sees. Blocks may return a tensor or a
    tuple whose first item is the hidden states. Reduce in `read`: one full activation of a 14B
    model is hundreds of MB. Raises UserError if `write` returns another shape.
    """

    def hook_for(expert: int, layer: int, part: str) -> Callable[..., Any]:
        def hook(module: torch.nn.Module, args: tuple, kwargs: dict, output: Any) -> Any:
            if velocity.site is None:
                return None
            site = Site(*velocity.site, layer, part)
            if site.expert != expert:
                raise RuntimeError(f"{site} was announced, but expert {expert} ran.")
            before = args[0] if args else kwargs["hidden_states"]
            computed = output[0] if isinstance(output, tuple | list) else output
            after = computed if write is None else write(site, before, computed)
            if after.shape != computed.shape:
                raise UserError(
                    f"The write at {site} returned shape {tuple(after.shape)}: "
                    f"return {tuple(computed.shape)}."
                )
            after = after.to(computed)
            if read is not None:
                read(site, before, after)
            if isinstance(output, tuple | list):
                return type(output)([after, *output[1:]])
            return after

        return hook

    with ExitStack() as handles:
        for expert, layers in enumerate(blocks):
            for layer, block in enumerate(layers):
                inside = {part: block.get_submodule(name) for part, name in parts.items()}
                for part, module in {**inside, "block": block}.items():
                    hook = hook_for(expert, layer, part)
                    handle = module.register_forward_hook(hook, with_kwargs=True)
                    handles.callback(handle.remove)
        yield


def skip(where: Where) -> Write:
    """A `write` that undoes a block: its input goes on as its output."""
    return lambda site, before, after: before if where(site) else after


def average(where: Where, group: int, restore: bool = False) -> Write:
    """A `write` that gives each `group` successive rows their mean, position by position."""

    def write(site: Site, before: Tensor, after: Tensor) -> Tensor:
        if not where(site):
            return after
        return group_mean(after, group, restore).repeat_interleave(group, dim=0)

    return write


def group_mean(x: Tensor, group: int, restore: bool = False) -> Tensor:
    """Mean of each `group` successive rows: (R, ...) -> (R / group, ...).

    A mean of independent Gaussians has less spread than they have; with `restore` each mean gets
    the average standard deviation of its rows back. Raises UserError if R is no multiple.
    """
    if len(x) % group:
        raise UserError(f"group is {group}: write a divisor of the {len(x)} rows.")
    grouped = x.unflatten(0, (-1, group))
    mean = grouped.mean(1)
    if not restore or group == 1:
        return mean
    shape = (-1, *[1] * (mean.ndim - 1))
    centre = mean.flatten(1).mean(1).view(shape)
    spread = grouped.flatten(2).std(2).mean(1).view(shape)
    return centre + (mean - centre) * spread / mean.flatten(1).std(1).view(shape)
