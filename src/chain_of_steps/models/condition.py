"""What a batch of runs is given: text and pictures, encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

Encoded = Mapping[str, Tensor]
"""What an encoder gives, by name; a tensor has one row for each run. A family has its own names;
all of them have the text's states (B, L, D) as "embeds" and what the codec makes of the picture as
"latents"."""


@dataclass(frozen=True)
class Condition:
    """What a batch of B runs is given; row i of every tensor belongs to run i.

    text: the prompt, as the family's `_encode_text` has it. negative: what guidance leads away
    from, in the same form; None without guidance. picture: the first frame, and the last one where
    it is given, as the family's `_encode_picture` has it.
    """

    text: Encoded
    negative: Encoded | None
    picture: Encoded

    def __len__(self) -> int:
        return len(self.text["embeds"])

    def repeat(self, n: int) -> Condition:
        """Each row n times, row-major: a, a, b, b."""
        return self.select([row for row in range(len(self)) for _ in range(n)])

    def select(self, index: int | slice | Sequence[int]) -> Condition:
        """The rows of `index`; a single int keeps the batch axis."""
        rows = [index] if isinstance(index, int) else index

        def taken(given: Encoded) -> Encoded:
            return {name: x[rows] for name, x in given.items()}

        negative = None if self.negative is None else taken(self.negative)
        return Condition(taken(self.text), negative, taken(self.picture))
