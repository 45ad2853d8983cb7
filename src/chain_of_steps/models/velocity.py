"""The velocity of a batch of runs under its condition, with guidance and its site for hooks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from chain_of_steps.errors import UserError
from chain_of_steps.models.condition import Condition, Encoded
from chain_of_steps.models.placement import Placement
from chain_of_steps.sampling import Velocity


class Backbone(Protocol):
    """What a velocity asks of its model, see `model.VideoModel`."""

    experts: tuple[Any, ...]
    boundary: float | None
    guidances: tuple[float, float]
    placement: Placement
    pipe: Any

    def token_grid(self, n_latent_frames: int, h: int, w: int) -> tuple[int, int, int]: ...


class VideoVelocity(Velocity):
    """v(x, sigma) of a batch of runs; guidance is two forward passes, conditional one first.

    A family fills in `_predict`. Raises UserError if the model has a cache that skips blocks.

    nfe: transformer forward passes so far, counted per row of the batch.
    site: (step, expert, branch) of the forward pass under way, None between passes; branch is
        "cond" or "uncond". Hooks read it to know where they are.
    clock: the time that the model is told at some sigma, where it is not 1000 sigma: UniPC cuts
        it to a whole number.
    """

    def __init__(self, model: Backbone, condition: Condition) -> None:
        if not model.experts:
            raise UserError("Only the codec of this model is loaded: load it whole to run it.")
        if any(expert.is_cache_enabled for expert in model.experts):
            raise UserError(
                "A diffusers cache is enabled on the transformer, which would skip blocks unseen: "
                "call disable_cache() on it."
            )
        self.model = model
        self.condition = condition
        self.dtypes = tuple(expert.dtype for expert in model.experts)
        self.nfe = 0
        self.site: tuple[int, int, str] | None = None
        self.clock: Mapping[float, Tensor] = {}

    def expert(self, sigma: float) -> int:
        """0 where the high-noise expert (or the only one) answers, 1 below the boundary."""
        if self.model.boundary is None:
            return 0
        boundary = self.model.boundary * self.model.pipe.scheduler.config.num_train_timesteps
        return 0 if bool(self._timestep(sigma) >= boundary) else 1

    def _timestep(self, sigma: float) -> Tensor:
        """The model's clock, 1000 sigma, in float32 as the stock scheduler has it."""
        if sigma in self.clock:
            return self.clock[sigma]
        return torch.tensor(sigma) * self.model.pipe.scheduler.config.num_train_timesteps

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: float, k: int) -> Tensor:
        """Velocity (B, C, F, h, w) float32 at x (same shape), noise level sigma, step k.

        Raises UserError if the condition is not that of as many runs.
        """
        if len(x) != len(self.condition):
            raise UserError(
                f"{len(x)} latents but {len(self.condition)} conditions: "
                "give the condition as many rows, with Condition.repeat or select."
            )
        v = self._forward(x, sigma, k, "cond")
        if self.condition.negative is None:
            return v
        v_uncond = self._forward(x, sigma, k, "uncond")
        return v_uncond + self.model.guidances[self.expert(sigma)] * (v - v_uncond)

    def _forward(self, x: Tensor, sigma: float, k: int, branch: str) -> Tensor:
        """One forward pass under the name of its site, counted."""
        expert, given = self.expert(sigma), self.condition
        text = given.text
        if branch == "uncond" and given.negative is not None:
            text = given.negative
        net = self.model.placement.expert(self.model.experts, expert)
        self.site = (k, expert, branch)
        try:
            v = self._predict(net, self.dtypes[expert], x, sigma, text)
        finally:
            self.site = None
        self.nfe += len(x)
        return v.float()

    @abstractmethod
    def _predict(
        self,
        net: nn.Module,
        dtype: torch.dtype,
        x: Tensor,
        sigma: float,
        text: Encoded,
    ) -> Tensor:
        """One forward pass of an expert: the velocity (B, C, F, h, w) in its own precision."""


class GivenFrameVelocity(VideoVelocity):
    """Where latent frame 0 is itself given: the model always sees the picture there.

    Its velocity is the straight line from the latent to the picture, so the clean estimate of
    frame 0 is the picture at every step, and noise put there is without effect.
    """

    def __call__(self, x: Tensor, sigma: float, k: int) -> Tensor:
        given = self.condition.picture["latents"]
        v = super().__call__(torch.cat([given, x[:, :, 1:]], dim=2), sigma, k)
        return torch.cat([(x[:, :, :1] - given) / sigma, v[:, :, 1:]], dim=2)

    def _token_times(self, x: Tensor, sigma: float) -> Tensor:
        """(B, N): the clock of each token, 0 in the given frame."""
        frames, h, w = self.model.token_grid(*x.shape[2:])
        times = self._timestep(sigma).to(x.device).repeat(len(x), frames * h * w)
        times[:, : h * w] = 0
        return times
