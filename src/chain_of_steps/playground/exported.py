"""A model as the playground takes it: plain bytes and numbers. Cheap to import."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Exported:
    """A model as the page takes it.

    blocks: transformer blocks. onnx: v(x, given, text, time) of one run. prompts: prompt -> text
    states, float32 (L, D). codec: float32 basis (C, 3072), mean (3072,), and the latents' shift
    and scale (C,).
    """

    name: str
    blocks: int
    onnx: bytes
    prompts: Mapping[str, np.ndarray]
    codec: Mapping[str, np.ndarray]

    @property
    def codec_name(self) -> str:
        """The same for models whose codecs are alike, which the page is given once."""
        digest = hashlib.sha256(b"".join(part.tobytes() for part in self.codec.values()))
        return f"codec-{digest.hexdigest()[:12]}"
