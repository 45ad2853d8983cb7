"""What a batch of runs is given: text and first frame, encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Encoded = tuple[Tensor, Tensor | None]
"""What one encoder gives, and what some families add: a mask of the text, CLIP tokens."""


@dataclass(frozen=True)
class Condition:
    """What a batch of B runs is given; row i belongs to run i.

    prompt_embeds, negative_embeds (B, L, D): text; negative_embeds is None without guidance.
    image_latents: what a family is told of the first frame. (B, 4 + C, F, h, w): mask of the given
        frames, then their latents; or (B, C, 1, h, w) where latent frame 0 itself is given.
    image_embeds (B, 257, D): CLIP tokens of the first frame, only for Wan 2.1.
    prompt_mask, negative_mask (B, L): 1 where text is, only for LTX.
    """

    prompt_embeds: Tensor
    negative_embeds: Tensor | None
    image_latents: Tensor
    image_embeds: Tensor | None = None
    prompt_mask: Tensor | None = None
    negative_mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.prompt_embeds)

    def repeat(self, n: int) -> Condition:
        """Each row n times, row-major: a, a, b, b."""
        return self.select([row for row in range(len(self)) for _ in range(n)])

    def select(self, index: int | slice | Sequence[int]) -> Condition:
        """The rows of `index`; a single int keeps the batch axis."""
        rows = [index] if isinstance(index, int) else index
        given: dict[str, Any] = {
            name: None if x is None else x[rows] for name, x in vars(self).items()
        }
        return Condition(**given)
