"""An early look at runs that are still sampled, for those who cannot wait for their end.

A job that samples keeps some clean estimates of the run that it works on beside the trajectory that
it will write: their first latent frame, whose picture is known, and their last one. `cos watch`
draws them. The file goes when the trajectory is there, and no result is made from it.
"""

from __future__ import annotations

import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chain_of_steps.files import atomic_path
from chain_of_steps.films import shown_steps

if TYPE_CHECKING:  # a page needs no torch
    from chain_of_steps.sampling import StepState, Watch


def early_path(trajectory: Path) -> Path:
    """Where the early look at a trajectory lies."""
    return trajectory.with_name(f".{trajectory.name}.early.npz")


class Early:
    """Writes what the first run of each batch shows so far, at most every `seconds`."""

    def __init__(self, trajectory: Path, n_steps: int, seconds: float = 5.0) -> None:
        self.path, self.seconds = early_path(trajectory), seconds
        self.steps = set(shown_steps(n_steps))
        self.written = time.monotonic()

    def beside(self, watch: Watch, case: str) -> Watch:
        """A `watch` that does what another does as well; case: of the first run of the batch."""
        kept: dict[int, np.ndarray] = {}

        def both(state: StepState) -> None:
            watch(state)
            late = time.monotonic() - self.written > self.seconds
            if late or state.k in self.steps:
                kept[state.k] = state.clean[0][:, [0, -1]].cpu().numpy().astype(np.float16)
            if late:
                self._write(case, [kept[k] for k in sorted(self.steps & kept.keys() | {state.k})])

        return both

    def _write(self, case: str, clean: list[np.ndarray]) -> None:
        with atomic_path(self.path) as path:
            np.savez(path, case=case, clean=np.stack(clean))
        self.written = time.monotonic()

    def end(self) -> None:
        """Takes the file away: the trajectory says more."""
        self.path.unlink(missing_ok=True)


def read_early(trajectory: Path) -> tuple[str, np.ndarray] | None:
    """The case, and clean estimates (steps, C, 2, h, w) of first and last latent frame.

    None where there are none.
    """
    try:
        with np.load(early_path(trajectory)) as file:
            return str(file["case"]), file["clean"].astype(np.float32)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
