"""Noise interventions: plain data that says how a run differs (arXiv 2603.16870, section 3.2).

Every intervention is a frozen dataclass for one run: which steps it touches, which positions
(frame, row, column) of the latent, and how. `edit` turns it into the function that
`sampling.sample` calls before a step. With N a draw from N(0, I), s the step's sigma, a the
strength and m, d the mean and standard deviation of each channel over the touched positions, the
value x at a touched one becomes

    replace   sqrt(1 - a^2) x + a N                                  a = 1: the paper's x <- N
    matched   m + sqrt(1 - a^2) (x - m) + a d N'                     N' is N standardised
    renoise   c + sqrt(1 - a^2) (x - c) + a s N,  c = (1 - s) clean  keeps the clean estimate
    add       x + a N

so in the first three a strength between 0 and 1 mixes old and new noise without shrinking it.
Strength 0 gives back the same bits. Noise is drawn on the CPU in float32 for the whole latent of
one run, from a generator seeded by (seed, step): it depends neither on the device nor on the rest
of the batch, and a frame or a token gets the noise it would get if the whole step were touched.
"""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chain_of_steps.errors import UserError
from chain_of_steps.sampling import Edit

MODES = ("replace", "matched", "renoise", "add")


@dataclass(frozen=True, kw_only=True)
class Noise(ABC):
    """What all noise interventions share; the module says what mode and strength do."""

    mode: str = "replace"
    strength: float = 1.0
    seed: int = 0

    @property
    def first_step(self) -> int:
        """Before this step nothing differs from the unperturbed run: a fork may start here."""
        return min(self.touched_steps(2))  # where it starts does not depend on the run's length

    @abstractmethod
    def touched_steps(self, n_steps: int) -> Iterable[int]:
        """The steps before which the latent is changed."""

    @abstractmethod
    def mask(self, k: int, grid: tuple[int, ...]) -> Tensor:
        """Which positions of the latent grid (F, h, w) step k touches, as booleans."""

    def validate(self, n_steps: int, n_latent_frames: int) -> None:
        """Raise UserError, naming the field, if this cannot be done in such a run."""
        if self.mode not in MODES:
            raise UserError(f"mode is {self.mode!r}: write one of {', '.join(MODES)}.")
        top = math.inf if self.mode == "add" else 1.0
        number = isinstance(self.strength, int | float) and math.isfinite(self.strength)
        if not number or not 0 <= self.strength <= top:
            raise UserError(f"strength is {self.strength!r}: write a number from 0 to {top}.")
        check_whole("seed", self.seed)

    def edit(self, n_steps: int, shape: Sequence[int]) -> Edit:
        """The Edit of a run of n_steps on latents of `shape` (..., C, F, h, w).

        Every row of a batch gets the same noise; `by_row` gives each row its own intervention.
        Raises UserError before anything runs, as `validate` does or if count exceeds the grid.
        """
        self.validate(n_steps, shape[-3])
        masks = {k: self.mask(k, tuple(shape[-3:])) for k in self.touched_steps(n_steps)}

        def change(k: int, sigma: float, x: Tensor, clean: Tensor | None) -> Tensor:
            if k not in masks or self.strength == 0:
                return x
            if self.mode == "renoise" and clean is None and k > 0:
                raise UserError(
                    f"mode is 'renoise', and step {k} starts without the clean estimate of step "
                    f"{k - 1}: fork with clean= as well, or write another mode."
                )
            mask = masks[k].to(x.device)
            noise = draw(self.seed, k, x.shape[1:]).to(x.device)[:, mask]
            clean = None if clean is None else clean[:, :, mask]
            changed = x.clone()
            changed[:, :, mask] = self._mix(sigma, x[:, :, mask], clean, noise)
            return changed

        return change

    def _mix(self, sigma: float, x: Tensor, clean: Tensor | None, noise: Tensor) -> Tensor:
        """The module's formulas on touched positions x, clean (B, C, M) and noise (C, M)."""
        if self.mode == "add":
            return x + self.strength * noise
        base: Tensor | float = 0.0
        scale: Tensor | float = 1.0
        if self.mode == "renoise":
            base, scale = 0.0 if clean is None else (1 - sigma) * clean, sigma
        elif self.mode == "matched":
            base, scale = x.mean(-1, keepdim=True), x.std(-1, keepdim=True, correction=0)
            noise = noise - noise.mean(-1, keepdim=True)
            noise = noise / noise.std(-1, keepdim=True, correction=0).clamp_min(1e-12)
        return base + math.sqrt(1 - self.strength**2) * (x - base) + self.strength * scale * noise


@dataclass(frozen=True)
class NoiseAtStep(Noise):
    """One step, every frame (Fig. 3a, "Noise at Step")."""

    step: int

    def touched_steps(self, n_steps: int) -> Iterable[int]:
        return [self.step]

    def mask(self, k: int, grid: tuple[int, ...]) -> Tensor:
        return torch.ones(grid, dtype=torch.bool)

    def validate(self, n_steps: int, n_latent_frames: int) -> None:
        super().validate(n_steps, n_latent_frames)
        check_whole("step", self.step, 0, n_steps)


@dataclass(frozen=True)
class NoiseAtFrame(Noise):
    """One latent frame, every step, fresh noise at each (Fig. 3a, "Noise at Frame").

    last_step_clean leaves the last step alone, so that what it starts from has been denoised.
    """

    frame: int
    last_step_clean: bool = False

    def touched_steps(self, n_steps: int) -> Iterable[int]:
        return range(n_steps - 1 if self.last_step_clean else n_steps)

    def mask(self, k: int, grid: tuple[int, ...]) -> Tensor:
        return (torch.arange(grid[0]) == self.frame).view(-1, 1, 1).expand(grid)

    def validate(self, n_steps: int, n_latent_frames: int) -> None:
        super().validate(n_steps, n_latent_frames)
        check_whole("frame", self.frame, 0, n_latent_frames)


@dataclass(frozen=True)
class NoiseAtTokens(Noise):
    """Random positions of the latent: the control that touches as many, but no whole frame or step.

    count: positions a step. steps: which, None for all. fixed: the same ones at every step, as
    NoiseAtFrame has, or new ones each step. Matched counts: h w on all steps for NoiseAtFrame,
    F h w / n_steps on all steps for NoiseAtStep. In a model of patch size 1 a position is a token.
    """

    count: int
    steps: tuple[int, ...] | None = None
    fixed: bool = True

    def touched_steps(self, n_steps: int) -> Iterable[int]:
        return range(n_steps) if self.steps is None else self.steps

    def mask(self, k: int, grid: tuple[int, ...]) -> Tensor:
        n = math.prod(grid)
        check_whole("count", self.count, 1, n + 1)
        # the word is part of the seed: another one draws other positions
        generator = _generator("cells", self.seed, None if self.fixed else k)
        order = torch.randperm(n, generator=generator)
        return (order < self.count).view(grid)

    def validate(self, n_steps: int, n_latent_frames: int) -> None:
        super().validate(n_steps, n_latent_frames)
        check_whole("count", self.count, 1)
        if self.steps is not None and not self.steps:
            raise UserError("steps is empty: write the steps to change, or none for all of them.")
        for step in self.steps or ():
            check_whole("steps", step, 0, n_steps)


def by_row(edits: Sequence[Edit | None]) -> Edit:
    """One Edit that gives row i of a batch its own edits[i] (None leaves the row alone)."""

    def change(k: int, sigma: float, x: Tensor, clean: Tensor | None) -> Tensor:
        if len(edits) != len(x):
            raise UserError(f"{len(edits)} edits for {len(x)} latents: give one for each row.")
        cleans = [None] * len(x) if clean is None else clean.split(1)
        rows = zip(edits, x.split(1), cleans, strict=True)
        return torch.cat([row if e is None else e(k, sigma, row, c) for e, row, c in rows])

    return change


def draw(seed: int, step: int, shape: Sequence[int]) -> Tensor:
    """The N(0, I) noise of (seed, step): float32 of `shape`, on the CPU."""
    return torch.randn(*shape, generator=_generator("noise", seed, step))


def _generator(*key: object) -> torch.Generator:
    # A hash keeps these draws apart from the run's own first latent, which has a plain seed.
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:7], "big"))


def check_whole(field: str, value: object, low: float = -math.inf, end: float = math.inf) -> None:
    """Raises UserError, naming the field, unless it is a whole number, low <= value < end."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value < end:
        wanted = f", at least {low}" if low > -math.inf else ""
        wanted += f", below {end}" if end < math.inf else ""
        raise UserError(f"{field} is {value!r}: write a whole number{wanted}.")
