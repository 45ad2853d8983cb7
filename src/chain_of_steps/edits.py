"""Edits that stay where a model has been trained: plain data that says what is put into a latent.

Noise alone gives a model inputs that no training ever gave it. These put in what a run could have:
a clean video y under noise of the step's own level,

    x_k <- (1 - s) y + s N                                             N drawn from N(0, I)

    UTurn        y is the run's own result          does it find its answer again?
    Inject       y shows some answer                is a mistake put right?
    Transplant   the same on some tiles alone       do the others follow?
    Erase        y shows no answer on some tiles    do the others fall back?
    Loop         y is the clean estimate; several passes at one noise level
    Bottleneck   y is the answer read from the clean estimate, drawn anew, at every step

Another picture in mid-run changes what a model is given, not the latent: `runs.rerun` takes a run
up from a stored step under any condition.

After an Euler step x_k = (1 - s) c + s n exactly, c the clean estimate of step k - 1 and n the
noise that the model took the rest for. A strength a between 0 and 1 moves the clean part by the
share a of the way and mixes old and new noise without shrinking it, as `interventions` do:

    x <- (1 - s) (c + a (y - c)) + sqrt(1 - a^2) s n + a s N

and `fresh=False` keeps the noise n as it is. Strength 0 gives back the same bits, and so does
putting in c itself without fresh noise. Noise is that of `interventions.draw`: the same for a
position whatever else is touched.

Sources: fresh noise and another prompt in mid-run, SDEdit, arXiv 2108.01073; mistakes put in and
noised, PaTh, arXiv 2610.09876; loops at one noise level, the Langevin corrector of arXiv
2011.13456, section 3.3; a readable state between steps, arXiv 2606.20560.
"""

from __future__ import annotations

import math
import re
from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chain_of_steps.errors import UserError
from chain_of_steps.interventions import NoiseAtStep, check_whole, draw
from chain_of_steps.sampling import Edit

Place = tuple[int, int]  # row and column of the latent


def in_turn(*edits: Edit) -> Edit:
    """One Edit that makes several, each on what the ones before it leave."""

    def change(k: int, sigma: float, x: Tensor, clean: Tensor | None) -> Tensor:
        for edit in edits:
            x = edit(k, sigma, x, clean)
        return x

    return change


@dataclass(frozen=True, kw_only=True)
class Put(ABC):
    """What all share that put a clean video under noise at one step; the module says how.

    step: before which the latent is changed. strength: from 0 to 1. fresh: whether the noise is
    new. seed: of that noise.
    """

    strength: float = 1.0
    fresh: bool = True
    seed: int = 0

    step: int

    @property
    def first_step(self) -> int:
        """Before this step nothing differs from the plain run: a fork may start here."""
        return self.step

    def mask(self, grid: Sequence[int]) -> Tensor:
        """Which positions of the latent grid (F, h, w) are touched, as booleans."""
        return torch.ones(*grid, dtype=torch.bool)

    def validate(self, n_steps: int, grid: Sequence[int]) -> None:
        """Raise UserError, naming the field, if this cannot be done in such a run."""
        check_strength(self.strength)
        check_whole("seed", self.seed)
        check_whole("step", self.step, 0, n_steps)

    def edit(self, n_steps: int, y: Tensor) -> Edit:
        """The Edit of a run of n_steps that puts in y, a latent (C, F, h, w) without noise.

        Raises UserError before anything runs, as `validate` does, and in a run that starts at the
        step without a clean estimate where the old noise is to be kept.
        """
        grid = y.shape[-3:]
        self.validate(n_steps, grid)
        mask = self.mask(grid)

        def change(k: int, sigma: float, x: Tensor, clean: Tensor | None) -> Tensor:
            if k != self.step or self.strength == 0:
                return x
            return self._put(k, sigma, x, clean, y, mask)

        return change

    def _put(
        self, k: int, sigma: float, x: Tensor, clean: Tensor | None, y: Tensor, mask: Tensor
    ) -> Tensor:
        noise = draw(self.seed, k, x.shape[1:]) if self.fresh else None
        return put(sigma, x, clean, y, mask, strength=self.strength, noise=noise, k=k)


def put(
    sigma: float,
    x: Tensor,
    clean: Tensor | None,
    y: Tensor,
    mask: Tensor,
    *,
    strength: float,
    noise: Tensor | None,
    k: int,
) -> Tensor:
    """The module's formula where mask (F, h, w) is true; elsewhere x (B, C, F, h, w) has its bits.

    y, noise: (C, F, h, w); without noise the old one is kept. clean: of step k - 1. Raises
    UserError where the old noise is asked for and nothing tells it from the rest.
    """
    mask = mask.to(x.device)
    here, base = x[:, :, mask], (1 - sigma) * y.to(x)[:, mask]
    if noise is not None and strength == 1:
        new = base + sigma * noise.to(x)[:, mask]
    else:
        if clean is None and sigma < 1:
            raise UserError(
                f"step {k} starts without the clean estimate of step {k - 1}, and the old noise "
                "cannot be told without it: fork with clean= as well, or write strength 1 and "
                "fresh noise."
            )
        old = torch.zeros_like(here) if clean is None else (1 - sigma) * clean[:, :, mask]
        new = here + strength * (base - old)
        if noise is not None:
            kept = math.sqrt(1 - strength**2)
            new = new + (kept - 1) * (here - old) + strength * sigma * noise.to(x)[:, mask]
    changed = x.clone()
    changed[:, :, mask] = new
    return changed


@dataclass(frozen=True)
class UTurn(Put):
    """The run's own result, taken back to the noise of a step; y is that result."""

    step: int


@dataclass(frozen=True)
class Inject(Put):
    """An answer, right or wrong, put under the noise of a step.

    answer: the candidate that y shows, as `observe.Observer` counts them.
    """

    step: int
    answer: int = 0

    def validate(self, n_steps: int, grid: Sequence[int]) -> None:
        super().validate(n_steps, grid)
        check_whole("answer", self.answer, 0)


@dataclass(frozen=True)
class Transplant(Put):
    """Some tiles of another answer: y shows it whole, and these tiles are taken, in every frame.

    tiles: (row, column) of the latent. A position is a tile of a puzzle where the codec makes one
    of it, as the pocket models' does.
    """

    step: int
    tiles: tuple[Place, ...]
    answer: int = 0

    def mask(self, grid: Sequence[int]) -> Tensor:
        return tile_mask(self.tiles, grid)

    def validate(self, n_steps: int, grid: Sequence[int]) -> None:
        super().validate(n_steps, grid)
        check_whole("answer", self.answer, 0)
        check_tiles(self.tiles, grid)


@dataclass(frozen=True)
class Erase(Put):
    """Some tiles without any answer, in every frame; y shows the first picture throughout.

    tiles: (row, column) of the latent, as of Transplant.
    """

    step: int
    tiles: tuple[Place, ...]

    def mask(self, grid: Sequence[int]) -> Tensor:
        return tile_mask(self.tiles, grid)

    def validate(self, n_steps: int, grid: Sequence[int]) -> None:
        super().validate(n_steps, grid)
        check_tiles(self.tiles, grid)


Read = Callable[[Tensor], Tensor | None]
"""read(clean (C, F, h, w)) -> the answer that it shows, drawn as such a latent, or None."""


@dataclass(frozen=True, kw_only=True)
class Bottleneck:
    """Between steps nothing passes but the answer that can be read, drawn anew and noised.

    steps: before which, None for all but step 0; strength, fresh, seed: as of Put. Where nothing
    can be read the latent passes as it is: `read` knows how often it said None.
    """

    steps: tuple[int, ...] | None = None
    strength: float = 1.0
    fresh: bool = True
    seed: int = 0

    @property
    def first_step(self) -> int:
        """Before this step nothing differs from the plain run: a fork may start here."""
        return min(self.steps or (1,))

    def validate(self, n_steps: int) -> None:
        """Raise UserError, naming the field, if this cannot be done in such a run."""
        check_strength(self.strength)
        check_whole("seed", self.seed)
        for step in self.steps or ():
            check_whole("steps", step, 1, n_steps)

    def edit(self, n_steps: int, read: Read) -> Edit:
        """The Edit of a run of n_steps; `read` is asked of every row of a batch by itself.

        Raises UserError as `validate` does, or where a run forks without its clean estimate.
        """
        self.validate(n_steps)
        steps = set(range(1, n_steps) if self.steps is None else self.steps)

        def row(k: int, sigma: float, x: Tensor, clean: Tensor) -> Tensor:
            y = read(clean[0])
            if y is None:
                return x
            noise = draw(self.seed, k, x.shape[1:]) if self.fresh else None
            mask = torch.ones(x.shape[2:], dtype=torch.bool)
            return put(sigma, x, clean, y, mask, strength=self.strength, noise=noise, k=k)

        def change(k: int, sigma: float, x: Tensor, clean: Tensor | None) -> Tensor:
            if k not in steps or self.strength == 0:
                return x
            if clean is None:
                raise UserError(
                    f"step {k} starts without the clean estimate of step {k - 1}, which is what is "
                    "read: fork with clean= as well."
                )
            rows = zip(x.split(1), clean.split(1), strict=True)
            return torch.cat([row(k, sigma, one, its) for one, its in rows])

        return change


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Passes at one noise level: x <- (1 - s) clean + s N, as often as `passes` says, then on.

    sigma: the level, above 0 and below 1. The one of a schedule that is nearest is taken, so all
    other passes of the run stay where they are. strength: share of the noise that is new, see
    `interventions`, mode renoise. seed: of that noise.

    A pass of a loop is an ordinary step of the loop of `sampling`, of a schedule in which the level
    stands `passes` times more: an Euler step between equal levels moves nothing, and before the
    next one `edit` renews the noise. So what is watched, stored, counted and forked of any run is
    so of these. A run of N steps has N + passes of them, and as many more forward passes.
    """

    sigma: float
    passes: int
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        number = isinstance(self.sigma, int | float) and not isinstance(self.sigma, bool)
        if not number or not 0 < self.sigma < 1:
            raise UserError(
                f"sigma is {self.sigma!r}: write a noise level between 0 and 1, such as 0.7."
            )
        check_whole("passes", self.passes, 0)
        check_strength(self.strength)
        check_whole("seed", self.seed)

    @classmethod
    def parse(cls, text: str) -> Loop:
        """Of "0.7x12", sigma and passes. Raises UserError for any other text."""
        found = re.fullmatch(r"(\d*\.?\d+)x(\d+)", text.strip())
        if not found:
            raise UserError(
                f"the loop is {text!r}: write a noise level, an x and how many passes, such as "
                "0.7x12."
            )
        return cls(sigma=float(found[1]), passes=int(found[2]))

    def step(self, sigmas: Tensor) -> int:
        """The first step of the schedule (N + 1,) at the level that is nearest."""
        return int((sigmas[:-1] - self.sigma).abs().argmin())

    def schedule(self, sigmas: Tensor) -> Tensor:
        """The noise levels with the passes in them, (N + passes + 1,)."""
        k = self.step(sigmas)
        return torch.cat([sigmas[:k], sigmas[k].repeat(self.passes), sigmas[k:]])

    def steps(self, sigmas: Tensor) -> range:
        """The steps of `schedule` before which the noise is renewed."""
        k = self.step(sigmas)
        return range(k + 1, k + 1 + self.passes)

    def edit(self, sigmas: Tensor, shape: Sequence[int], y: Tensor | None = None) -> Edit:
        """The Edit of a run on `schedule(sigmas)`, latents of `shape` (..., C, F, h, w).

        y: a latent (C, F, h, w) that stands in for the clean estimate at every pass. Without any
        answer in it, it is the control: as many passes from which nothing is taken on.
        """
        n_steps, again = len(sigmas) - 1 + self.passes, self.steps(sigmas)
        if y is None:
            noises = [
                NoiseAtStep(k, mode="renoise", strength=self.strength, seed=self.seed)
                for k in again
            ]
            return in_turn(*(noise.edit(n_steps, shape) for noise in noises))
        puts = [Inject(k, strength=self.strength, seed=self.seed) for k in again]
        return in_turn(*(one.edit(n_steps, y) for one in puts))


def dose(plain: Tensor, changed: Tensor) -> Tensor:
    """How far something moved latents (B, ...) of one step, |x' - x| / |x| of each: (B,).

    Of an edit at step k, at that step; of what acts inside step k, on the latent behind it. There
    an Euler step has moved x by the share 1 - sigma_{k+1} / sigma_k towards the clean estimate, and
    no change of the estimate moves it farther: 0.4 % at step 0 of 50 with shift 5.
    """
    return (changed - plain).flatten(1).norm(dim=1) / plain.flatten(1).norm(dim=1)


def tile_mask(tiles: Sequence[Place], grid: Sequence[int]) -> Tensor:
    """The positions of some tiles (row, column) in every frame of a latent grid (F, h, w)."""
    mask = torch.zeros(*grid, dtype=torch.bool)
    for row, column in tiles:
        mask[:, row, column] = True
    return mask


def check_strength(strength: object) -> None:
    if (
        isinstance(strength, bool)
        or not isinstance(strength, int | float)
        or not 0 <= strength <= 1
    ):
        raise UserError(f"strength is {strength!r}: write a number from 0 to 1.0.")


def check_tiles(tiles: Sequence[Place], grid: Sequence[int]) -> None:
    if not tiles:
        raise UserError("tiles is empty: write the rows and columns of some tiles.")
    for row, column in tiles:
        check_whole("the row in tiles", row, 0, grid[-2])
        check_whole("the column in tiles", column, 0, grid[-1])
