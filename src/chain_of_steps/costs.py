"""What experiments say of their cost before anything runs: lines of a plan, by what is known.

An experiment whose passes are counted has a module `cost` with the class `Settings`, the sections
it reads, and `lines(settings, groups)`. Cheap to import.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain_of_steps.cases.sources import Shape
from chain_of_steps.files import read_json
from chain_of_steps.models.files import weight_files
from chain_of_steps.models.known import WAN_A14B, Known, known_of
from chain_of_steps.settings.models import Model, WithModels, seeds_of
from chain_of_steps.settings.reading import WithReading
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.seeds import WithSeeds

FIELDS = (
    *("z_dim", "scale_factor_temporal", "scale_factor_spatial", "patch_size"),
    *("num_layers", "dim", "ffn_dim"),
)
FRAMES_READ = 2  # of a look: the first and a key frame


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
    family: what is published of it, for a model that is not at hand. Other fields: see `Known`.
    """

    z_dim: int
    scale_factor_temporal: int
    scale_factor_spatial: int
    patch_size: tuple[int, int, int]
    num_layers: int
    dim: int
    ffn_dim: int
    weights: int | None
    assumed: tuple[str, ...]
    family: Known | None

    @classmethod
    def of(cls, model: Model) -> Makeup:
        """Of a configured model, from the directory it names."""
        folder, found = Path(model.path), {}
        for component in ("vae", "transformer"):
            path = folder / component / "config.json"
            found |= read_json(path) if path.is_file() else {}
        found = _by_our_names(found)
        family = None if folder.is_dir() else known_of(model.path)
        published = {name: getattr(family or WAN_A14B, name) for name in FIELDS}
        weights = sum(file.stat().st_size for file in weight_files(folder)) or None
        if family is not None:
            weights = round(1e9 * (family.experts * family.expert_gb + family.text_gb))
            weights += round(1e9 * family.codec_gb)
        if model.weights_gb is not None:
            weights = round(model.weights_gb * 1e9)
        assumed = () if family else tuple(name for name in FIELDS if name not in found)
        return cls(**(published | found), weights=weights, assumed=assumed, family=family)

    def grid(self, shape: Shape) -> tuple[int, int, int]:
        """(F, h, w) of the latent."""
        frames = (shape.frames - 1) // self.scale_factor_temporal + 1
        side = self.scale_factor_spatial
        return frames, shape.height // side, shape.width // side

    def tokens(self, shape: Shape) -> int:
        """Of a video; what a token stands for of the grid is rounded up."""
        sides = zip(self.grid(shape), self.patch_size, strict=True)
        return math.prod(-(-n // patch) for n, patch in sides)

    def flops(self, shape: Shape) -> tuple[float, float]:
        """Of one pass of one run: of its products with weights, and of self-attention.

        A token of a block costs four squares of the width in self-attention, two in attention to
        the text (whose own tokens are few), and the two of the feed-forward part.
        """
        n = self.tokens(shape)
        weights = 6 * self.dim**2 + 2 * self.dim * self.ffn_dim
        return 2.0 * weights * self.num_layers * n, 4.0 * n**2 * self.dim * self.num_layers

    def decoding(self, shape: Shape) -> dict[str, float]:
        """Decoder -> FLOP of one look at a run, of the decoders that somebody has counted.

        The projection makes the frames that are read alone; all of them where a dot moves, which
        is as little beside the others.
        """
        pixels, family = shape.width * shape.height, self.family
        if family is None or family.decode is None:
            return {}
        found = {"full": family.decode * pixels * shape.frames}
        if family.tiny is not None:
            found["tiny"] = family.tiny * pixels * shape.frames
        return found | {"projection": 2.0 * 9 * self.z_dim * 3 * pixels * FRAMES_READ}

    def latent_bytes(self, shape: Shape) -> int:
        return 4 * self.z_dim * math.prod(self.grid(shape))


def _by_our_names(config: dict[str, Any]) -> dict[str, Any]:
    """The FIELDS that the configurations of a codec and a transformer say, as far as they do."""
    found = {name: config[name] for name in FIELDS if config.get(name)}
    for name, other in (("spatial", "spatial_"), ("temporal", "temporal_")):
        if config.get(f"{other}compression_ratio"):
            found.setdefault(f"scale_factor_{name}", config[f"{other}compression_ratio"])
    if config.get("num_attention_heads") and config.get("attention_head_dim"):
        found["dim"] = config["num_attention_heads"] * config["attention_head_dim"]
        found.setdefault("ffn_dim", 4 * found["dim"])
    patch = found.get("patch_size")
    if isinstance(patch, int):
        found["patch_size"] = (config.get("patch_size_t") or 1, patch, patch)
    elif patch is not None:
        found["patch_size"] = tuple(patch)
    if "latent_channels" in config:  # of LTX and CogVideoX
        found.setdefault("z_dim", config["latent_channels"])
    return found


class Read(WithModels, WithSampler, WithSeeds, WithReading):
    """The sections that say how often runs are decoded so as to be read."""


def reading_lines(
    settings: Read, name: str, makeup: Makeup, groups: list[Group], step: float
) -> Iterator[str]:
    """How often the steps of a model's runs are decoded, and the FLOP of that by each decoder.

    step: FLOP of one step of a run, with its passes.
    """
    reading, steps = settings.reading, settings.sampler.steps
    seeds, total = len(seeds_of(settings, name)), sum(group.cases for group in groups)
    looks = total * seeds * (steps + 1)
    each = [(group.cases / total, makeup.decoding(group.shape)) for group in groups]
    said = []
    for decoder in each[0][1]:
        flop = looks * sum(part * of[decoder] for part, of in each)
        share = 100 * flop / (total * seeds * steps * step)
        said.append(f"{decoder} {flop / 1e15:,.4g} ({share:,.3g} % of the steps)")
    if not said:
        return
    yield (f"{name}, counted: {looks:,} looks are read; PFLOP by decoder: {', '.join(said)}")
    if reading.cheap:
        checks = total * min(seeds, reading.seeds) * len(reading.checked(steps))
        fit = total * seeds if reading.decoder == "projection" else 0  # of each result, whole
        least, most = checks + 2 * fit + total * seeds, checks + fit + looks
        beside = ", beside the candidates' videos" if reading.decoder == "latents" else ""
        yield (
            f"{name}, counted: by the codec {least:,} of them or up to {most:,}, as far as "
            f"reading.decoder: {reading.decoder} agrees with it{beside}"
        )


def shards_of(groups: list[Group], size: int) -> int:
    """Jobs that cut the cases of a study into shards."""
    return -(-sum(group.cases for group in groups) // size)
