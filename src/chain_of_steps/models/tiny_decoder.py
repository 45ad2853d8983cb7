"""Decoders of a few million weights, for a look at latents: the family TAEHV, from a file.

A file holds the decoder as numbered layers, and names and shapes of their weights say what each of
them is, so one reader does for Wan 2.1 and 2.2, HunyuanVideo and LTX. The files do not come along,
and it was not tried on them: names and layers are those of the published code
(github.com/madebyollin/taehv, MIT). What such a decoder shows is near the picture and not the
picture: a study measures how near, before it reads any step by it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from chain_of_steps.errors import UserError

Weights = dict[str, Tensor]  # of one layer: the rest of each name -> values
LAYER = re.compile(r"decoder\.(\d+)\.(.+)")
MEMORY = {"conv.0.weight", "conv.2.weight", "conv.4.weight"}


class TinyDecoder:
    """Decodes normalised latents, each frame with the one before it in mind."""

    def __init__(self, weights: Weights, name: str = "the decoder") -> None:
        """weights: those of a whole file. Raises UserError where they are no such decoder's."""
        layers: dict[int, Weights] = defaultdict(dict)
        for key, value in weights.items():
            if found := LAYER.fullmatch(key):
                layers[int(found[1])][found[2]] = value.float()
        try:
            self.layers = [(kind_of(layers, n), layers.get(n, {})) for n in range(max(layers) + 1)]
            first, last = (
                next(w["weight"] for _, w in some if "weight" in w)
                for some in (self.layers, reversed(self.layers))
            )
        except (ValueError, KeyError, StopIteration):
            raise UserError(
                f"{name} holds no decoder of the family TAEHV: give a file such as "
                "taew2_1.safetensors; those called super are not read."
            ) from None
        self.channels = first.shape[1]
        self.patch = round((last.shape[0] / 3) ** 0.5)
        grown = [w["conv.weight"] for kind, w in self.layers if kind == "grow"]
        self.stride = torch.tensor([w.shape[0] // w.shape[1] for w in grown]).prod().item()
        self.side = self.patch * 2 ** sum(kind == "enlarge" for kind, _ in self.layers)

    @classmethod
    def load(cls, path: Path) -> TinyDecoder:
        """Raises UserError where no safetensors file with such a decoder lies."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return cls(load_file(path), str(path))
        except (OSError, SafetensorError):
            raise UserError(f"{path} is no safetensors file: write the path of one.") from None

    def to(self, device: torch.device) -> TinyDecoder:
        """It, with its weights on a device from here on."""
        self.layers = [
            (kind, {name: value.to(device) for name, value in weights.items()})
            for kind, weights in self.layers
        ]
        return self

    @torch.no_grad()
    def __call__(self, latents: Tensor) -> Tensor:
        """latents (B, C, F, h, w) -> videos (B, T, H, W, 3) in [0, 1], T = (F - 1) stride + 1."""
        batch, channels, frames = latents.shape[:3]
        if channels != self.channels:
            raise UserError(
                f"the decoder takes latents of {self.channels} channels and the model has "
                f"{channels}: give the file that was made for it."
            )
        x = latents.float().transpose(1, 2).flatten(0, 1)
        for kind, weights in self.layers:
            if kind == "grow":
                frames *= weights["conv.weight"].shape[0] // weights["conv.weight"].shape[1]
            x = LAYERS[kind](x, weights, x.shape[0] // batch)
        x = F.pixel_shuffle(x, self.patch).unflatten(0, (batch, frames))
        return x[:, self.stride - 1 :].permute(0, 1, 3, 4, 2).clamp(0, 1)


def kind_of(layers: dict[int, Weights], n: int) -> str:
    """What layer n is, by its weights, or where it has none by its place."""
    names = layers[n].keys() if n in layers else set()
    if names >= MEMORY:
        return "memory"
    if names == {"conv.weight"}:
        return "grow"
    if names and names <= {"weight", "bias"}:
        if layers[n]["weight"].shape[-1] != 3:
            raise ValueError(f"layer {n} is none of this family")
        return "convolution"
    if names:
        raise ValueError(f"layer {n} is none of this family")
    following = layers.get(n + 1, {}).keys()
    return "clamp" if n == 0 else "enlarge" if following == {"conv.weight"} else "relu"


def _memory(x: Tensor, weights: Weights, frames: int) -> Tensor:
    """A residual block that sees each frame beside the one before it, the first beside zeros."""
    before = F.pad(x.unflatten(0, (-1, frames))[:, :-1], (0, 0) * 3 + (1, 0)).flatten(0, 1)
    y = torch.cat([x, before], dim=1)
    for place in (0, 2, 4):
        y = F.conv2d(y, weights[f"conv.{place}.weight"], weights[f"conv.{place}.bias"], padding=1)
        y = F.relu(y) if place < 4 else y
    skip = F.conv2d(x, weights["skip.weight"]) if "skip.weight" in weights else x
    return F.relu(y + skip)


def _grow(x: Tensor, weights: Weights, frames: int) -> Tensor:
    """Several frames out of each, or as many."""
    return F.conv2d(x, weights["conv.weight"]).reshape(-1, *x.shape[1:])


LAYERS = {
    "memory": _memory,
    "grow": _grow,
    "convolution": lambda x, w, _: F.conv2d(x, w["weight"], w.get("bias"), padding=1),
    "clamp": lambda x, w, _: torch.tanh(x / 3) * 3,
    "enlarge": lambda x, w, _: F.interpolate(x, scale_factor=2),
    "relu": lambda x, w, _: F.relu(x),
}
