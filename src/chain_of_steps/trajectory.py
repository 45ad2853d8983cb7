"""A trajectory on disk: the latent and the clean estimate of every step, for a shard of runs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.artifacts import load_tensors, save_tensors
from chain_of_steps.errors import UserError
from chain_of_steps.manifests import check_manifest
from chain_of_steps.sampling import StepState


@dataclass(frozen=True)
class Trajectory:
    """R runs of N steps.

    runs: one row a run: model, case, task, split, seed.
    sigmas: (N + 1,). x: (R, N + 1, C, F, h, w), x[:, k] before step k, x[:, N] the result.
    clean: (R, N, C, F, h, w), the clean estimate of each step. experts: N expert indices.
    made_by: what made it (model digest, sampler, batch layout, NFE).
    """

    runs: pd.DataFrame
    sigmas: Tensor
    x: Tensor
    clean: Tensor
    experts: list[int]
    made_by: dict[str, Any]

    @property
    def n_steps(self) -> int:
        return len(self.sigmas) - 1

    def select(self, rows: Sequence[int]) -> Trajectory:
        """The runs at `rows`, in that order."""
        rows = list(rows)
        runs = self.runs.iloc[rows].reset_index(drop=True)
        return replace(self, runs=runs, x=self.x[rows], clean=self.clean[rows])

    def save(self, path: Path, *, estimates: bool = True) -> None:
        """estimates: whether they are stored, or left to be derived, as Euler's can be."""
        tensors = {"sigmas": self.sigmas, "x": self.x}
        if estimates:
            tensors["clean"] = self.clean
        facts = {
            "runs": self.runs.to_csv(index=False),
            "experts": self.experts,
            "made_by": self.made_by,
        }
        save_tensors(path, tensors, facts)

    @classmethod
    def load(cls, path: Path) -> Trajectory:
        """Raises UserError if the file is missing, torn, or no whole trajectory."""
        tensors, facts = load_tensors(path)
        if not {"sigmas", "x"} <= tensors.keys() or "runs" not in facts:
            raise UserError(f"{path} is not a trajectory: make it again with `cos sample`.")
        if "clean" not in tensors:
            tensors["clean"] = derived(tensors["x"], tensors["sigmas"])
        runs = pd.read_csv(io.StringIO(facts["runs"]))
        n_steps, shape = len(tensors["sigmas"]) - 1, tensors["x"].shape[2:]
        expected = {"x": (len(runs), n_steps + 1, *shape), "clean": (len(runs), n_steps, *shape)}
        for name, size in expected.items():
            if tensors[name].shape != size:
                raise UserError(
                    f"{path}: {name} has shape {tuple(tensors[name].shape)} instead of {size}: make"
                    " it again with `cos sample`."
                )
        return cls(runs, **tensors, experts=facts["experts"], made_by=facts["made_by"])

    @classmethod
    def checked(cls, path: Path) -> Trajectory:
        """As `load`; raises UserError, too, where there is no manifest or the file is not its."""
        check_manifest(path)
        return cls.load(path)


class Recorder:
    """A `watch` that keeps x, clean estimate and expert of every step of one batch.

    bar: a progress bar that counts NFE, one for each row and step.
    """

    def __init__(self, bar: Any = None) -> None:
        self.bar = bar
        self.x: list[Tensor] = []
        self.clean: list[Tensor] = []
        self.experts: list[int] = []

    def __call__(self, state: StepState) -> None:
        self.x.append(state.x.cpu())
        self.clean.append(state.clean.cpu())
        self.experts.append(state.expert)
        if self.bar is not None:
            self.bar.update(len(state.x))

    def stacked(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, N + 1, ...) with the result `last` at the end, and clean (B, N, ...)."""
        return torch.stack([*self.x, last.cpu()], dim=1), torch.stack(self.clean, dim=1)


def derived(x: Tensor, sigmas: Tensor) -> Tensor:
    """The clean estimates (R, N, C, F, h, w) of Euler's steps between latents x (R, N + 1, ...).

    The velocity of a step is how far it went over how much noise it took away, so the estimate,
    x - sigma v, differs from that of the run by rounding alone. sigmas: (N + 1,).
    """
    clean = torch.empty_like(x[:, 1:])
    for k, (sigma, following) in enumerate(pairwise(sigmas.tolist())):
        clean[:, k] = x[:, k] + sigma / (sigma - following) * (x[:, k + 1] - x[:, k])
    return clean
