"""Pictures for people and for codecs: red, green and blue last in [0, 1], or first in [-1, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image


def pixels(image: Image.Image) -> Tensor:
    """An RGB picture as (H, W, 3) float32 in [0, 1]."""
    return torch.from_numpy(np.array(image)) / 255


def for_codec(videos: Tensor) -> Tensor:
    """Videos (B, T, H, W, 3) in [0, 1] as a codec takes them: (B, 3, T, H, W) in [-1, 1]."""
    return (2.0 * videos.permute(0, 4, 1, 2, 3) - 1.0).contiguous()


def from_codec(videos: Tensor) -> Tensor:
    """The inverse of `for_codec`, cut to [0, 1]; float32, on the CPU."""
    return (videos.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 4, 1).cpu()
