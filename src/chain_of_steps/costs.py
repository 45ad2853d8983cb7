"""What experiments say of their cost before anything runs: lines of a plan, by what is known.

An experiment whose passes are counted has a module `cost` with the class `Settings`, the sections
it reads, and `lines(settings, groups)`. Cheap to import.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from chain_of_steps.cases.sources import Shape
from chain_of_steps.files import read_json
from chain_of_steps.models.files import weight_files
from chain_of_steps.settings.models import Model

WAN = {"z_dim": 16, "scale_factor_temporal": 4, "scale_factor_spatial": 8, "num_layers": 40}


@dataclass(frozen=True)
class Group:
    """Cases of one task, split and shape."""

    task: str
    split: str
    shape: Shape
    cases: int


@dataclass(frozen=True)
class Line:
    """One line of a plan: a stage with a model. jobs: how many cut the work; nfe: of all."""

    name: str
    model: str
    jobs: int
    runs: int
    nfe: int


@dataclass(frozen=True)
class Makeup:
    """What is known of a model without loading it.

    weights: bytes, None if unknown. assumed: the fields that are Wan A14B's for want of others.
    """

    z_dim: int
    scale_factor_temporal: int
    scale_factor_spatial: int
    num_layers: int
    weights: int | None
    assumed: tuple[str, ...]

    @classmethod
    def of(cls, model: Model) -> Makeup:
        """Of a configured model, from the directory it names."""
        folder, found = Path(model.path), {}
        for component in ("vae", "transformer"):
            path = folder / component / "config.json"
            found |= read_json(path) if path.is_file() else {}
        known = {name: found[name] for name in WAN if name in found}
        weights = sum(file.stat().st_size for file in weight_files(folder)) or None
        if model.weights_gb is not None:
            weights = round(model.weights_gb * 1e9)
        assumed = tuple(name for name in WAN if name not in known)
        return cls(**(WAN | known), weights=weights, assumed=assumed)

    def grid(self, shape: Shape) -> tuple[int, int, int]:
        """(F, h, w) of the latent."""
        frames = (shape.frames - 1) // self.scale_factor_temporal + 1
        side = self.scale_factor_spatial
        return frames, shape.height // side, shape.width // side

    def latent_bytes(self, shape: Shape) -> int:
        return 4 * self.z_dim * math.prod(self.grid(shape))


def shards_of(groups: list[Group], size: int) -> int:
    """Jobs that cut the cases of a study into shards."""
    return -(-sum(group.cases for group in groups) // size)
