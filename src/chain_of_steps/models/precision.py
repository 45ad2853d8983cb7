"""How the experts compute: the kernel of their attention, and the form in which weights are kept.

Both change numbers. diffusers has the kernels; which of them runs here depends on the card and on
packages that it names itself. Weights kept in 8 bits are widened block by block to compute with,
which halves their memory and rounds them; no further package is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from chain_of_steps.errors import UserError

STORAGE = {"float8": torch.float8_e4m3fn}


def set_precision(
    experts: Sequence[Any], dtype: torch.dtype, attention: str | None, storage: str | None
) -> None:
    """attention: a backend of diffusers, None for its own choice. storage: float8, or None for
    `dtype`, in which the experts compute.

    Raises UserError for a backend that is unknown or cannot run here.
    """
    for expert in experts:
        if attention is not None:
            try:
                expert.set_attention_backend(attention)
            except (ValueError, RuntimeError, ImportError) as error:
                reason = str(error).splitlines()[0].rstrip(".")
                raise UserError(
                    f"attention is {attention!r}, which cannot be used here ({reason}): write null,"
                    " native, or another backend of diffusers."
                ) from None
        if storage is not None:
            expert.enable_layerwise_casting(storage_dtype=STORAGE[storage], compute_dtype=dtype)
