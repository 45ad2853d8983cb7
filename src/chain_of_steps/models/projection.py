"""A linear decoder: pixels of a latent position from its own vector and those around it.

It is fitted by least squares to latents whose video is known, for each pixel frame that a latent
frame stands for. A token of a video model is two latent positions wide or one, and a tile of a
puzzle several, so what a reader looks for has many positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from chain_of_steps.ridge import ridge

ENOUGH = 10  # positions for each number of a map, under which no neighbours are looked at

Place = tuple[bool, int]  # whether it is the first latent frame; which of its pixel frames


class Projection:
    """Decodes latents (B, C, F, h, w) by maps that `fit` has found.

    maps: place -> weights (3 s^2, C, n, n) and offsets (3 s^2), n = 1 or 3. stride, side: frames
    and pixels a side of a latent position. ahead: latent frames before the video.
    """

    def __init__(
        self, maps: dict[Place, tuple[Tensor, Tensor]], stride: int, side: int, ahead: int = 0
    ) -> None:
        self.maps, self.stride, self.side, self.ahead = maps, stride, side, ahead

    @classmethod
    def fit(
        cls,
        known: Iterable[tuple[Tensor, Tensor]],
        frames: Sequence[int],
        *,
        stride: int,
        side: int,
        ahead: int = 0,
    ) -> Projection:
        """known: latents (C, F, h, w) and their videos (T, H, W, 3); frames: those of a video that
        it is to decode.

        A map is fitted to all latent frames but the first one, or to that one alone. It sees the
        eight positions around its own where ENOUGH are known.
        """
        places = {_place(frame, stride) for frame in frames}
        sums = {place: (_Sums(3), _Sums(1)) for place in places}
        for latent, video in known:
            for at, one in enumerate(latent[:, ahead:].unbind(1)):
                for first, within in places:
                    if first == (at == 0):
                        shown = video[0 if first else 1 + stride * (at - 1) + within]
                        for each in sums[first, within]:
                            each.add(one, shown, side)
        maps = {
            place: (wide if wide.positions >= ENOUGH * len(wide.gram) else narrow).map()
            for place, (wide, narrow) in sums.items()
        }
        return cls(maps, stride, side, ahead)

    @torch.no_grad()
    def decode(self, latents: Tensor, frames: Sequence[int]) -> Tensor:
        """latents (B, C, F, h, w) -> some frames (B, K, H, W, 3) in [0, 1] of their videos.

        Raises KeyError for a frame that it was not fitted for.
        """
        return torch.stack([self._frame(latents.float(), frame) for frame in frames], dim=1)

    def _frame(self, latents: Tensor, frame: int) -> Tensor:
        weights, offsets = self.maps[_place(frame, self.stride)]
        at = self.ahead + -(-frame // self.stride)
        edge = weights.shape[-1] // 2
        padded = F.pad(latents[:, :, at], (edge,) * 4, mode="replicate")
        pixels = F.pixel_shuffle(F.conv2d(padded, weights, offsets), self.side)
        return pixels.permute(0, 2, 3, 1).clamp(0, 1)


def _place(frame: int, stride: int) -> Place:
    return (True, 0) if frame == 0 else (False, (frame - 1) % stride)


class _Sums:
    """Of positions with n x n around them, and what they show."""

    def __init__(self, n: int) -> None:
        self.n, self.gram, self.cross = n, torch.zeros(1, 1), torch.zeros(1, 1)

    @property
    def positions(self) -> int:
        return int(self.gram[-1, -1])

    def add(self, latent: Tensor, picture: Tensor, side: int) -> None:
        """A latent frame (C, h, w), and the picture (H, W, 3) that it stands for."""
        padded = F.pad(latent[None].double(), (self.n // 2,) * 4, mode="replicate")
        seen = F.unfold(padded, self.n)[0].T
        seen = torch.cat([seen, torch.ones(len(seen), 1, dtype=seen.dtype)], dim=1)
        pixels = F.pixel_unshuffle(picture.double().permute(2, 0, 1), side).flatten(1).T
        self.gram, self.cross = self.gram + seen.T @ seen, self.cross + seen.T @ pixels

    def map(self) -> tuple[Tensor, Tensor]:
        """Weights (3 s^2, C, n, n) and offsets (3 s^2)."""
        found = torch.from_numpy(ridge(self.gram.numpy(), self.cross.numpy())).float()
        return found[:-1].T.unflatten(1, (-1, self.n, self.n)).contiguous(), found[-1]
