"""The model that a resident process keeps from one job to the next; see `resident`.

One model at a time: what is kept makes room before another is loaded. A whole model serves jobs
that need its codec alone, as it decodes the same bits. Cheap to import.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chain_of_steps.models.model import VideoModel


class Kept:
    """key: what decides a model, and so whether the kept one is it."""

    def __init__(self) -> None:
        self._key: str | None = None
        self._whole = False
        self._model: VideoModel | None = None

    def get(self, key: str, whole: bool, load: Callable[[], VideoModel]) -> VideoModel:
        """The kept model, as if it were new, or the one that `load` gives, which is kept.

        whole: whether experts and encoders are needed as well.
        """
        if self._model is not None and self._key == key and self._whole >= whole:
            self._model.forget()
            return self._model
        self._key, self._model = None, None
        release()
        self._model = load()
        self._key, self._whole = key, whole
        return self._model


def release() -> None:
    """Give back the memory of what nobody holds."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


KEPT: ContextVar[Kept | None] = ContextVar("kept", default=None)  # of a resident process alone
