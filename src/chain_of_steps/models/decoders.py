"""What makes pictures of latents beside a model's own codec, for much less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from chain_of_steps.errors import UserError
from chain_of_steps.models.projection import Projection
from chain_of_steps.models.tiny_decoder import TinyDecoder

if TYPE_CHECKING:
    from chain_of_steps.models.model import VideoModel


class Decoder(Protocol):
    """As a `VideoModel` decodes."""

    def decode(self, latents: Tensor, frames: Sequence[int]) -> Tensor:
        """latents (B, C, F, h, w) -> some frames (B, K, H, W, 3) in [0, 1], on the CPU."""
        ...


# (model, results (R, C, F, h, w) of one case, the frames to decode) -> what decodes its looks
Making = Callable[["VideoModel", Tensor, Sequence[int]], Decoder]


def projected(model: VideoModel, results: Tensor, frames: Sequence[int]) -> Projection:
    """The linear decoder of a case, fitted to its results, each of which the codec decodes."""
    stride, side, _ = model.compression
    known = ((row, model.decode(row[None])[0]) for row in results)  # one video at a time
    return Projection.fit(known, frames, stride=stride, side=side, ahead=model.ahead)


class Tiny:
    """A decoder from a file, on the device of a model whose latents it decodes."""

    def __init__(self, decoder: TinyDecoder, model: VideoModel) -> None:
        """Raises UserError where it was made for latents of other frames or sides."""
        stride, side, _ = model.compression
        if (decoder.stride, decoder.side) != (stride, side):
            raise UserError(
                f"reading.file holds a decoder of {decoder.stride} frames and {decoder.side} "
                f"pixels a latent position, and {model.name or 'the model'} has {stride} and "
                f"{side}: write the file that was made for it."
            )
        self.decoder, self.ahead, self.device = decoder.to(model.device), model.ahead, model.device

    def decode(self, latents: Tensor, frames: Sequence[int]) -> Tensor:
        """See `Decoder`; row by row, as whole videos are large."""
        rows = latents[:, :, self.ahead :].split(1)
        return torch.cat([self.decoder(row.to(self.device))[:, list(frames)].cpu() for row in rows])


def tiny_from(path: Path) -> Making:
    """Nothing is fitted: the decoder of a file. Raises UserError where none lies there."""
    decoder = TinyDecoder.load(path)
    return lambda model, results, frames: Tiny(decoder, model)
