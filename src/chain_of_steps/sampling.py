"""The denoising loop: flow matching, Euler, one free function (arXiv 2603.16870, section 2).

    x_s = (1 - s) x_0 + s x_1      a latent between data (s = 0) and noise (s = 1)        eq. 1
    clean = x_s - sigma_s v        the clean estimate, read from one velocity              eq. 2
    x <- x + (s_{k+1} - s_k) v     the Euler update of step k

Euler looks at x_k alone, which thus determines the rest of a run: a run forked at step k gives the
bits of the uninterrupted one, as long as the batch has the same layout.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from chain_of_steps.errors import UserError


class Velocity(Protocol):
    """The model's velocity v(x, sigma), ideally x_1 - x_0, at step k; x and v are (B, C, F, h, w).

    clock: sigma -> the time that the model is to be told there, for a solver that rounds times;
    a sigma that is missing has the model's own. A subclass that fills in the call alone is a model
    with one expert, which reads no clock.
    """

    clock: Mapping[float, Tensor] = MappingProxyType({})

    def __call__(self, x: Tensor, sigma: float, k: int) -> Tensor: ...

    def expert(self, sigma: float) -> int:
        """Which of the model's transformers answers at sigma: 0 is the only or high-noise one."""
        return 0


class FunctionVelocity(Velocity):
    """A plain function v(x, sigma, k) as a velocity; may decorate the function."""

    def __init__(self, function: Callable[[Tensor, float, int], Tensor]) -> None:
        self.function = function

    def __call__(self, x: Tensor, sigma: float, k: int) -> Tensor:
        return self.function(x, sigma, k)


@dataclass(frozen=True)
class StepState:
    """What `watch` sees of step k.

    `x` is the latent (B, C, F, h, w) the model was given (after `edit`), `v` its velocity,
    `clean` the clean estimate; all float32. `sigma` and `sigma_next` are the step's ends.
    """

    k: int
    sigma: float
    sigma_next: float
    x: Tensor
    v: Tensor
    clean: Tensor
    expert: int


Edit = Callable[[int, float, Tensor, Tensor | None], Tensor]
"""edit(k, sigma, x, clean) -> x, called before step k; clean is the estimate of step k-1."""

Watch = Callable[[StepState], None]


Schedule = str | Sequence[float]
"""diffusers, single-shift, or the noise level of each step, as `Sampler.noise_levels` has them."""

Levels = Callable[[int, float], Tensor]


def flow_sigmas(n_steps: int, shift: float) -> Tensor:
    """Noise levels of a run: (n_steps + 1,) float32, falling from 1 to 0.

    The values are those of diffusers' FlowMatchEulerDiscreteScheduler(shift), bit for bit. That
    scheduler shifts its smallest sigma (1/1000) twice, so the last step starts at a lower sigma
    than the formula shift s / (1 + (shift - 1) s) leads one to expect.

    Raises UserError if n_steps < 1 or shift <= 0.
    """
    check_schedule(n_steps, shift)
    ends = torch.tensor([1000.0, 1.0]) / 1000
    first, last = (shift * ends / (1 + (shift - 1) * ends)).tolist()
    steps = np.linspace(first * 1000, last * 1000, n_steps) / 1000
    steps = shift * steps / (1 + (shift - 1) * steps)
    return torch.tensor([*steps, 0.0], dtype=torch.float32)


def check_schedule(n_steps: int, shift: float) -> None:
    """Raises UserError if n_steps < 1 or shift <= 0."""
    if n_steps < 1:
        raise UserError(f"n_steps is {n_steps}: write a number of denoising steps of 1 or more.")
    if not shift > 0:
        raise UserError(f"shift is {shift}: write a flow shift above 0, such as 3.0 or 5.0.")


def single_shift(n_steps: int, shift: float) -> Tensor:
    """Noise levels evenly spaced from 1 and shifted once: (n_steps + 1,) float32, down to 0.

    So the official tools of Wan and VBVR have them. Raises UserError as `flow_sigmas` does.
    """
    check_schedule(n_steps, shift)
    even = np.linspace(1, 0, n_steps + 1)
    return torch.tensor(shift * even / (1 + (shift - 1) * even), dtype=torch.float32)


def levels_of(
    schedule: Schedule, n_steps: int, shift: float, stock: Levels = flow_sigmas
) -> Tensor:
    """Noise levels (n_steps + 1,) of a run: `stock` gives those of diffusers.

    A list is of runs of as many steps as it has levels; all others have a single shift.
    """
    if schedule == "diffusers":
        return stock(n_steps, shift)
    if not isinstance(schedule, str) and len(schedule) == n_steps:
        return torch.tensor([*schedule, 0.0], dtype=torch.float32)
    return single_shift(n_steps, shift)


def cuts(n_rows: int, batch: int, *, together: int = 1, even: bool = False) -> list[slice]:
    """Successive rows that share a forward pass: at most `batch`, in whole groups of `together`.

    A batch's size decides low bits, so what is compared bit for bit must be cut alike. Cuts are
    full, and the last holds the rest; even: they are of the least size that makes no more cuts, so
    that most rows sit in batches of one size. A group larger than `batch` is a cut by itself.
    """
    most = max(1, batch // together)
    groups = -(-n_rows // together)
    if even and groups:
        most = -(-groups // -(-groups // most))
    size = most * together
    return [slice(i, min(i + size, n_rows)) for i in range(0, n_rows, size)]


@torch.no_grad()
def sample(
    velocity: Velocity,
    x: Tensor,
    sigmas: Tensor,
    *,
    start: int = 0,
    stop: int | None = None,
    clean: Tensor | None = None,
    edit: Edit | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """Take x_start (B, C, F, h, w) to x_stop in float32, steps start..stop-1 of `sigmas`.

    `edit` may return another latent before a step; `watch` gets the StepState after the model has
    answered. A fork passes the stored x_k, start=k and, if an edit needs it, clean of step k-1.

    Raises UserError if not 0 <= start <= stop <= number of steps, or a velocity is not finite.
    """
    sigmas = sigmas.to("cpu", torch.float32)
    n_steps = len(sigmas) - 1
    stop = n_steps if stop is None else stop
    if not 0 <= start <= stop <= n_steps:
        raise UserError(
            f"start={start}, stop={stop} do not lie in a run of {n_steps} steps: "
            f"write 0 <= start <= stop <= {n_steps}."
        )
    x = x.float()
    for k in range(start, stop):
        sigma, sigma_next = sigmas[k].item(), sigmas[k + 1].item()
        if edit is not None:
            x = edit(k, sigma, x, clean)
        v = velocity(x, sigma, k).float()
        check_finite(v, k)
        clean = x - sigma * v
        if watch is not None:
            watch(StepState(k, sigma, sigma_next, x, v, clean, velocity.expert(sigma)))
        # The difference is taken in float32, as the stock scheduler does, for the same bits.
        x = x + (sigmas[k + 1] - sigmas[k]).item() * v
    return x


def check_finite(v: Tensor, k: int) -> None:
    """Raises UserError if a velocity is no number anywhere."""
    if not torch.isfinite(v).all():
        raise UserError(
            f"The velocity of step {k} holds nan or infinity: check the model's weights and its"
            " first frame, or write execution.dtype: float32."
        )


class Scheduler(Protocol):
    """What `sample_by` needs of a diffusers scheduler whose timesteps are set."""

    sigmas: Tensor
    timesteps: Tensor

    def step(self, v: Tensor, t: Tensor, x: Tensor, *, return_dict: bool) -> tuple[Tensor]: ...


@torch.no_grad()
def sample_by(
    scheduler: Scheduler, velocity: Velocity, x: Tensor, *, watch: Watch | None = None
) -> Tensor:
    """A whole run by a stock scheduler instead of Euler, to reproduce stock outputs.

    A multistep solver such as UniPC remembers earlier estimates and corrects the latent by them,
    so x_k alone does not determine the rest: such a run cannot be forked or changed in between.
    """
    sigmas, x = scheduler.sigmas.tolist(), x.float()
    velocity.clock = dict(zip(sigmas, scheduler.timesteps, strict=False))  # the last sigma is 0
    for k, t in enumerate(scheduler.timesteps):
        sigma = sigmas[k]
        v = velocity(x, sigma, k).float()
        check_finite(v, k)
        if watch is not None:
            watch(StepState(k, sigma, sigmas[k + 1], x, v, x - sigma * v, velocity.expert(sigma)))
        x = scheduler.step(v, t, x, return_dict=False)[0]
    return x
