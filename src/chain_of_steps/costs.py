"""What experiments say of their cost before anything runs: lines of a plan, by what is known.

An experiment whose passes are counted has a module `cost` with the class `Settings`, the sections
it reads, and `lines(settings, groups)`. Cheap to import.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain_of_steps.cases.drawings import drawing_of
from chain_of_steps.cases.sources import Shape, fitted_frames, fitted_size
from chain_of_steps.files import read_json
from chain_of_steps.models.files import weight_files
from chain_of_steps.models.known import WAN_A14B, Known, known_of
from chain_of_steps.settings.cases import Cases
from chain_of_steps.settings.models import Model
from chain_of_steps.settings.video import Video
from chain_of_steps.tasks.board import Board

FIELDS = (
    *("z_dim", "scale_factor_temporal", "scale_factor_spatial", "patch_size"),
    *("num_layers", "dim", "ffn_dim"),
)
VBVR_SHAPE = (1024, 1024, 100)  # width, height, frames: the largest that was seen of VBVR-Bench
VIDEO = 12  # bytes of a pixel of a decoded video
PROCESS = 4e9  # bytes of Python, torch, a CUDA context and what they hold of files


@dataclass(frozen=True)
class Group:
    """Cases of one task, split and shape."""

    task: str
    split: str
    shape: Shape
    cases: int


@dataclass(frozen=True)
class Line:
    """One line of a plan: a stage with a model. jobs: how many cut the work; nfe: of all.

    decodes: videos that are decoded to be read, at most; None where nobody has counted.
    """

    name: str
    model: str
    jobs: int
    runs: int
    nfe: int
    decodes: int | None = None


@dataclass(frozen=True)
class Makeup:
    """What is known of a model without loading it.

    weights: bytes, None if unknown. assumed: the fields that are Wan A14B's for want of others.
    family: what is published of it, for a model that is not at hand. like: what is known of its
    kind, at hand or not. Other fields: see `Known`.
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
    like: Known | None

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
        sizes = published | found
        like = known_of(model.path)
        if like is not None and any(sizes[name] != getattr(like, name) for name in FIELDS):
            like = None  # a folder of that name which holds something else
        return cls(**sizes, weights=weights, assumed=assumed, family=family, like=like)

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


def shards_of(groups: list[Group], size: int) -> int:
    """Jobs that cut the cases of a study into shards."""
    return -(-sum(group.cases for group in groups) // size)


def shape_of(cases: Cases, video: Video) -> Shape:
    """Of a video of a study, without a look at its data: of its puzzles, or the largest of others.

    Samples of VBVR-Bench and own pictures are taken to be as large as any that was seen there.
    """
    if cases.source == "puzzles":
        board, drawing = Board(**cases.board.model_dump()), drawing_of(cases, video)
        return Shape(drawing.width_on(board), drawing.height_on(board), video.frames)
    width, height, frames = VBVR_SHAPE
    size = fitted_size(width, height, area=video.area, multiple=video.multiple)
    return Shape(*size, fitted_frames(frames, video.frames, video.stride))


def latents_of_runs(makeup: Makeup, shape: Shape, runs: int, steps: int) -> int:
    """Bytes of all latents and clean estimates of some runs, float32."""
    return runs * (2 * steps + 1) * makeup.latent_bytes(shape)


def main_memory(makeup: Makeup, latents: int, dtype: str) -> int | None:
    """Bytes of main memory that a job takes at most, counted; None where weights are unknown.

    All weights are read there before any goes to a card, latents are stacked before they are
    written. latents: bytes of those that the job keeps. dtype: execution.dtype.
    """
    if makeup.weights is None:
        return None
    wide = makeup.family is not None and dtype == "float32"  # published ones are of 16 bits
    return round(makeup.weights * (2 if wide else 1) + 2 * latents + PROCESS)


@dataclass(frozen=True)
class OnCard:
    """Bytes of a card's memory at each part of the work, counted, without workspace of kernels.

    encode: while text is encoded. passes: of the transformer. decode: of one video.
    """

    encode: float
    passes: float
    decode: float

    @property
    def peak(self) -> float:
        return max(self.encode, self.passes, self.decode)

    @classmethod
    def of(
        cls, makeup: Makeup, shape: Shape, offload: str, *, batch: int, tiling: bool
    ) -> OnCard | None:
        """With offload none or model, for videos of a shape, `batch` runs a pass; None where the
        makeup of its kind is unknown, or what its codec takes in tiles.

        Weights of published sizes, in bfloat16, the codec in float32. none: experts and codec stay
        beside whatever works. model: what works is alone. Latents and texts are small beside these.
        """
        like = makeup.like
        if like is None or like.decode_bytes is None or (tiling and like.tile is None):
            return None
        stays = 1e9 * (like.experts * like.expert_gb + like.codec_gb) * (offload == "none")
        tokens = batch * makeup.tokens(shape)
        passes = like.pass_bytes * makeup.dim * tokens
        area, (of_frame, of_video) = shape.width * shape.height, like.decode_bytes
        at_once = min(area, like.tile or area) if tiling else area
        decode = (of_frame + of_video * shape.frames) * at_once
        if tiling:  # tiles, which overlap, lie beside the video that they are put together to
            decode += 9 / 4 * VIDEO * area * shape.frames
        alone = offload != "none"
        return cls(
            encode=stays + 1e9 * like.text_gb,
            passes=stays + 1e9 * like.expert_gb * alone + passes,
            decode=stays + 1e9 * like.codec_gb * alone + decode,
        )
