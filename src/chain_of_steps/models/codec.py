"""A linear video codec with the interface of `AutoencoderKLWan`.

One latent vector for each block of 4 frames x 16 x 16 pixels: a fixed projection, found by
principal component analysis of the puzzles' own tiles. The first frame is its own block, repeated
four times, so that the codec is causal in the same way as Wan's. Encoding and decoding are one
matrix product each; a 17 x 80 x 80 video takes microseconds, where a small convolutional
autoencoder takes tenths of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn


class LinearVideoCodec(ModelMixin, ConfigMixin):
    """Videos (B, 3, T, H, W) in [-1, 1] <-> latents (B, z_dim, 1 + (T - 1) / 4, H / 16, W / 16).

    Latents are not normalised: as with Wan, the pipeline subtracts `latents_mean` and divides by
    `latents_std`.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        z_dim: int = 36,
        scale_factor_temporal: int = 4,
        scale_factor_spatial: int = 16,
        latents_mean: list[float] | None = None,
        latents_std: list[float] | None = None,
    ) -> None:
        super().__init__()
        block = 3 * scale_factor_temporal * scale_factor_spatial**2
        self.basis = nn.Parameter(torch.zeros(z_dim, block), requires_grad=False)
        self.mean = nn.Parameter(torch.zeros(block), requires_grad=False)
        self.temperal_downsample = [False, True, True]  # diffusers' spelling

    @apply_forward_hook  # a pipeline may bring it to another device for this
    def encode(self, x: Tensor, return_dict: bool = True) -> SimpleNamespace | tuple:
        """The latent "distribution" is a point: its mode and its sample are the projection."""
        t, s = self.config.scale_factor_temporal, self.config.scale_factor_spatial
        x = torch.cat([x[:, :, :1].repeat(1, 1, t - 1, 1, 1), x], dim=2)
        batch, channels, frames, height, width = x.shape
        if frames % t or height % s or width % s:
            raise ValueError(
                f"video of {frames - t + 1} frames of {height} x {width}: the number of frames must"
                f" be 1 more than a multiple of {t}, height and width multiples of {s}"
            )
        cut = x.reshape(batch, channels, frames // t, t, height // s, s, width // s, s)
        blocks = cut.permute(0, 2, 4, 6, 3, 5, 7, 1).flatten(4)  # (B, F, h, w, t * s * s * 3)
        z = ((blocks - self.mean) @ self.basis.T).permute(0, 4, 1, 2, 3)
        point = SimpleNamespace(mode=lambda: z, sample=lambda generator=None: z)
        return SimpleNamespace(latent_dist=point) if return_dict else (point,)

    @apply_forward_hook
    def decode(self, z: Tensor, return_dict: bool = True) -> SimpleNamespace | tuple:
        x = self._decode(z, self.basis, self.mean)[:, :, self.config.scale_factor_temporal - 1 :]
        return SimpleNamespace(sample=x) if return_dict else (x,)

    @apply_forward_hook
    def decode_frames(self, z: Tensor, frames: Sequence[int]) -> Tensor:
        """Only some frames (B, 3, len(frames), H, W): blocks are independent of each other."""
        t = self.config.scale_factor_temporal
        pictures = []
        for frame in frames:
            block, within = divmod(frame + t - 1, t)
            rows = self.basis.unflatten(1, (t, -1))[:, within]
            mean = self.mean.unflatten(0, (t, -1))[within]
            pictures.append(self._decode(z[:, :, block : block + 1], rows, mean))
        return torch.cat(pictures, dim=2)

    def _decode(self, z: Tensor, basis: Tensor, mean: Tensor) -> Tensor:
        """All pixel frames of the blocks that `basis` (z_dim, t * s * s * 3) spans."""
        s = self.config.scale_factor_spatial
        blocks = z.permute(0, 2, 3, 4, 1) @ basis + mean
        batch, frames, height, width, _ = blocks.shape
        cut = blocks.reshape(batch, frames, height, width, -1, s, s, 3)
        video = cut.permute(0, 7, 1, 4, 2, 5, 3, 6)
        return video.reshape(batch, 3, -1, height * s, width * s).clamp(-1, 1)


def fit_codec(blocks: np.ndarray, counts: np.ndarray, z_dim: int) -> LinearVideoCodec:
    """Principal components of blocks (n, 4 * 16 * 16 * 3) in [-1, 1], seen `counts` times each.

    Blocks are weighted by the square root of their counts, so that rare drawings keep their
    details. `latents_std` is the geometric mean of each channel's own and a common spread: weak
    channels are raised, but stay weaker, and all channels together have variance 1.
    """
    weights = np.sqrt(counts) / np.sqrt(counts).sum()
    mean = weights @ blocks
    centred = blocks - mean
    spread, axes = np.linalg.eigh((centred * weights[:, None]).T @ centred)
    axes = axes[:, ::-1][:, :z_dim]
    # a sign convention, so that the same tiles give the same codec everywhere
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(z_dim)])
    z = centred @ axes
    share = counts / counts.sum()
    centre = share @ z
    own = np.sqrt(np.maximum(spread[::-1][:z_dim], 1e-12))
    variance = share @ (z - centre) ** 2
    std = np.sqrt(own * (variance / own).mean())
    codec = LinearVideoCodec(z_dim, latents_mean=centre.tolist(), latents_std=std.tolist())
    codec.basis.data = torch.from_numpy(np.ascontiguousarray(axes.T)).float()
    codec.mean.data = torch.from_numpy(mean).float()
    return codec
