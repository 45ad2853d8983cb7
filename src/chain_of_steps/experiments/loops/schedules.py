"""Noise levels of runs that pass through a certain one."""

from __future__ import annotations

import torch
from torch import Tensor

from chain_of_steps.errors import UserError


def through(level: float, above: int, below: int, shift: float) -> Tensor:
    """`above` steps from 1 to a level and `below` from there to 0: (above + below + 1,) float32.

    Within both parts the steps are those of a flow of this shift: even in u, where the level is
    shift u / (1 + (shift - 1) u). Raises UserError unless 0 < level < 1 and each has steps.
    """
    if not 0 < level < 1:
        raise UserError(f"level is {level}: write a noise level between 0 and 1.")
    for name, steps in (("above", above), ("below", below)):
        if steps < 1:
            raise UserError(f"{name} is {steps}: write 1 step or more.")
    even = level / (shift - (shift - 1) * level)
    u = torch.cat([torch.linspace(1, even, above + 1), torch.linspace(even, 0, below + 1)[1:]])
    sigmas = shift * u / (1 + (shift - 1) * u)
    sigmas[above] = level
    return sigmas
