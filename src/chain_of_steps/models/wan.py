"""Wan image-to-video models (2.1 I2V, 2.2 I2V-A14B, and small ones of the same architecture).

The adapter holds the parts of a diffusers WanImageToVideoPipeline and offers what the core needs:
a condition, a velocity, noise, blocks to hook, and the way to and from pictures. Conditioning and
guidance follow the stock pipeline, so our Euler loop gives its latents bit for bit in float32.

Shapes: latents (B, C, F, h, w) float32, normalised; videos (B, T, H, W, 3) float32 in [0, 1] with
T = 4 (F - 1) + 1; tokens (B, N, D) with N in (F, h, w) order after patching.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from chain_of_steps.errors import UserError

# diffusers takes seconds to import: only loading a model pays for it.
if TYPE_CHECKING:
    from diffusers import WanImageToVideoPipeline
    from PIL import Image

PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}
DIGESTED = re.compile(r".*\.(safetensors|json)|(tokenizer|spiece|vocab|merges).*\.(model|txt)")


@dataclass(frozen=True)
class Condition:
    """What a batch of B runs is given; row i belongs to run i.

    prompt_embeds, negative_embeds (B, L, D): text; negative_embeds is None without guidance.
    image_latents (B, 4 + C, F, h, w): mask of the given frames, then their latents.
    image_embeds (B, 257, D): CLIP tokens of the first frame, only for Wan 2.1.
    """

    prompt_embeds: Tensor
    negative_embeds: Tensor | None
    image_latents: Tensor
    image_embeds: Tensor | None

    def __len__(self) -> int:
        return len(self.prompt_embeds)

    def repeat(self, n: int) -> Condition:
        """Each row n times, row-major: a, a, b, b."""
        return self.select([row for row in range(len(self)) for _ in range(n)])

    def select(self, index: int | slice | Sequence[int]) -> Condition:
        """The rows of `index`; a single int keeps the batch axis."""
        index = [index] if isinstance(index, int) else index
        return Condition(*(None if part is None else part[index] for part in vars(self).values()))


class WanModel:
    """Adapter over the parts of a WanImageToVideoPipeline.

    guidance, guidance_2: scales of classifier-free guidance of the high- and low-noise expert; it
    is on when guidance > 1, and guidance_2 defaults to guidance (both as in the stock pipeline).
    """

    def __init__(
        self,
        pipe: WanImageToVideoPipeline,
        *,
        guidance: float = 1.0,
        guidance_2: float | None = None,
        negative_prompt: str = "",
        max_sequence_length: int = 512,
        name: str = "",
        directory: Path | None = None,
    ):
        if pipe.config.expand_timesteps:
            raise UserError(
                f"Model {name or 'given'} sets expand_timesteps (Wan 2.2 TI2V-5B), which is not "
                "supported yet: use an I2V model, such as Wan2.2-I2V-A14B."
            )
        self.pipe = pipe
        self.name = name
        self.directory = directory
        self.guidances = (guidance, guidance if guidance_2 is None else guidance_2)
        self.negative_prompt = negative_prompt
        self.max_sequence_length = max_sequence_length
        self.experts = tuple(m for m in (pipe.transformer, pipe.transformer_2) if m is not None)
        self.mean = torch.tensor(pipe.vae.config.latents_mean).view(1, -1, 1, 1, 1)
        self.std = torch.tensor(pipe.vae.config.latents_std).view(1, -1, 1, 1, 1)

    @classmethod
    def load(
        cls,
        path_or_id: str | Path,
        *,
        revision: str | None = None,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        name: str | None = None,
        **options,
    ) -> WanModel:
        """Load a pipeline directory, or a Hub repository at a revision.

        `options` are those of the constructor: guidance, guidance_2, negative_prompt,
        max_sequence_length. The codec stays in float32 whatever `dtype` the rest has, since half
        precision changes pictures. Raises UserError if no whole pipeline is there.
        """
        from diffusers import WanImageToVideoPipeline
        from safetensors import SafetensorError

        try:
            directory = Path(path_or_id)
            if not directory.is_dir():
                directory = Path(
                    WanImageToVideoPipeline.download(
                        str(path_or_id), revision=revision, use_safetensors=True
                    )
                )
            index = json.loads((directory / "model_index.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"No pipeline at {path_or_id}: give a directory with a model_index.json, or the "
                "name (and revision) of a diffusers WanImageToVideoPipeline on the Hub."
            ) from error
        refuse_pickles(directory)
        # diffusers imports no module because a model names it; our own codecs we may.
        for part in index.values():
            if isinstance(part, list) and str(part[0]).startswith("chain_of_steps."):
                importlib.import_module(part[0])
        try:
            pipe = WanImageToVideoPipeline.from_pretrained(
                directory,
                dtype={"default": dtype, "vae": torch.float32},
                use_safetensors=True,
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).splitlines()[0].split(". ")[0].rstrip(".").split())
            if isinstance(error, RuntimeError):  # all that transformers says of wrong shapes
                reason = "a weight of its text encoder has another shape than its config says"
            raise UserError(
                f"The pipeline at {path_or_id} is not whole ({reason}): fetch or train it again."
            ) from error
        check_weights(pipe, directory)
        pipe.to(device)
        # A mapped file lies unaligned in memory, which alters low bits of products on a CPU.
        for module in (pipe.text_encoder, pipe.vae, pipe.transformer, pipe.transformer_2):
            for weight in () if module is None else module.parameters():
                weight.data = weight.data.clone() if weight.is_cpu else weight.data
        name = Path(path_or_id).name if name is None else name
        return cls(pipe, name=name, directory=directory, **options)

    @cached_property
    def digest(self) -> str:
        """sha256 of names and contents of weights, configs and tokenizer; "" if built in memory.

        It is computed when first asked for: tens of GB take minutes.
        """
        return "" if self.directory is None else directory_digest(self.directory)

    @property
    def device(self) -> torch.device:
        return self.pipe._execution_device

    @property
    def blocks(self) -> tuple[torch.nn.ModuleList, ...]:
        """The transformer blocks of each expert, high-noise expert first."""
        return tuple(expert.blocks for expert in self.experts)

    def token_grid(self, n_latent_frames: int, h: int, w: int) -> tuple[int, int, int]:
        """(F, h, w) of the latent -> (F, h, w) of the tokens."""
        t, y, x = self.experts[0].config.patch_size
        return n_latent_frames // t, h // y, w // x

    def latent_shape(self, n_frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """(C, F, h, w) of a video of n_frames pictures of height x width pixels.

        Raises UserError if n_frames is not 4 k + 1, or a side does not fill whole tokens.
        """
        vae = self.pipe.vae.config
        per_latent, space = vae.scale_factor_temporal, vae.scale_factor_spatial
        if n_frames < 1 or (n_frames - 1) % per_latent:
            good = max(0, round((n_frames - 1) / per_latent)) * per_latent + 1
            raise UserError(f"n_frames is {n_frames}: write {per_latent} k + 1, such as {good}.")
        patches = self.experts[0].config.patch_size[1:]
        for side, pixels, patch in zip(("height", "width"), (height, width), patches, strict=True):
            unit = space * patch
            if pixels < unit or pixels % unit:
                good = max(1, round(pixels / unit)) * unit
                raise UserError(f"{side} is {pixels}: write a multiple of {unit}, such as {good}.")
        return vae.z_dim, (n_frames - 1) // per_latent + 1, height // space, width // space

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> Tensor:
        """Text states (B, L, D), L = max_sequence_length, zero after the last token of a prompt."""
        if self.pipe.text_encoder is None:
            raise UserError("This model has no text encoder: give prompt embeddings, not strings.")
        for prompt in prompts:  # the pipeline would cut a long one off in silence
            tokens = len(self.pipe.tokenizer(prompt, verbose=False).input_ids)
            if tokens > self.max_sequence_length:
                raise UserError(
                    f"The prompt {prompt[:40]!r}... has {tokens} tokens, but the model"
                    f" {self.name} takes {self.max_sequence_length}: shorten it, or raise"
                    " max_sequence_length."
                )
        return self.pipe.encode_prompt(
            list(prompts),
            do_classifier_free_guidance=False,
            max_sequence_length=self.max_sequence_length,
            device=self.device,
        )[0]

    @torch.no_grad()
    def condition(
        self,
        images: Sequence[Image.Image],
        prompts: Sequence[str] | Tensor,
        n_frames: int,
        *,
        negative_embeds: Tensor | None = None,
    ) -> Condition:
        """Condition of B runs from B first frames (all of one size) and B prompts.

        `prompts` may be embeddings (B, L, D) made earlier by encode_prompts. With guidance on,
        negative_embeds (1 or B, L, D) defaults to those of negative_prompt.
        Raises UserError if the counts or the sizes of the images do not fit.
        """
        n, sizes = len(images), {image.size for image in images}
        if n == 0 or len(prompts) != n:
            raise UserError(f"{n} images and {len(prompts)} prompts: give one prompt per image.")
        if len(sizes) > 1:
            raise UserError(f"images have sizes {sorted(sizes)}: bring them to one size first.")
        width, height = sizes.pop()
        self.latent_shape(n_frames, height, width)
        images = [image.convert("RGB") for image in images]

        embeds = prompts if isinstance(prompts, Tensor) else self.encode_prompts(prompts)
        negative, image_embeds = None, None
        if self.guidances[0] > 1:
            negative = negative_embeds
            if negative is None:
                negative = self.encode_prompts([self.negative_prompt])
            negative = negative.to(self.device).expand(n, -1, -1)
        if self.experts[0].config.image_dim is not None:
            image_embeds = self.pipe.encode_image(images, self.device)

        # As Wan was trained: the picture, then mid grey; the mask marks latent frame 0 as given.
        videos = torch.full((n, n_frames, height, width, 3), 0.5)
        videos[:, 0] = torch.stack([torch.from_numpy(np.array(image)) for image in images]) / 255
        latents = self.encode(videos)
        mask_channels = self.pipe.vae.config.scale_factor_temporal
        mask = latents.new_zeros(n, mask_channels, *latents.shape[2:])
        mask[:, :, 0] = 1
        image_latents = torch.cat([mask, latents], dim=1)
        return Condition(embeds.to(self.device), negative, image_latents, image_embeds)

    def velocity(self, condition: Condition) -> WanVelocity:
        """The velocity of a batch of runs under `condition`."""
        return WanVelocity(self, condition)

    def noise(self, seed: int, n_frames: int, height: int, width: int) -> Tensor:
        """The first latent of a run: N(0, I), (1, C, F, h, w), drawn on the CPU in float32."""
        shape = self.latent_shape(n_frames, height, width)
        generator = torch.Generator("cpu").manual_seed(seed)
        return torch.randn(1, *shape, generator=generator).to(self.device)

    def noise_batch(self, seeds: Sequence[int], n_frames: int, height: int, width: int) -> Tensor:
        """One row of `noise` for each seed: (B, C, F, h, w)."""
        return torch.cat([self.noise(seed, n_frames, height, width) for seed in seeds])

    @torch.no_grad()
    def encode(self, videos: Tensor) -> Tensor:
        """videos (B, T, H, W, 3) in [0, 1] -> latents (B, C, F, h, w) float32."""
        self.latent_shape(*videos.shape[1:4])
        video = 2.0 * videos.to(self.device, self.pipe.vae.dtype).permute(0, 4, 1, 2, 3) - 1.0
        # The mode, not a draw: a condition is the same each time it is made.
        latents = self.pipe.vae.encode(video.contiguous()).latent_dist.mode()
        latents = latents.to(self.device, torch.float32)
        return (latents - self.mean.to(latents)) * (1.0 / self.std.to(latents))

    @torch.no_grad()
    def decode(self, latents: Tensor, frames: Sequence[int] | None = None) -> Tensor:
        """latents (B, C, F, h, w) -> videos (B, T, H, W, 3) float32 in [0, 1].

        `frames` picks pixel frames, in its order; a codec that can decode them alone does so.
        """
        latents = latents.to(self.device, self.pipe.vae.dtype)
        latents = latents / (1.0 / self.std.to(latents)) + self.mean.to(latents)
        if frames is not None and hasattr(self.pipe.vae, "decode_frames"):
            video = self.pipe.vae.decode_frames(latents, frames)
        else:
            video = self.pipe.vae.decode(latents, return_dict=False)[0]
            video = video if frames is None else video[:, :, list(frames)]
        return (video.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 4, 1)


class WanVelocity:
    """v(x, sigma) of a batch of runs; guidance is two forward passes, conditional one first.

    nfe: transformer forward passes so far, counted per row of the batch.
    site: (step, expert, branch) of the forward pass under way, None between passes; branch is
        "cond" or "uncond". Hooks read it to know where they are.
    """

    def __init__(self, model: WanModel, condition: Condition):
        if any(expert.is_cache_enabled for expert in model.experts):
            raise UserError(
                "A diffusers cache is enabled on the transformer, which would skip blocks unseen: "
                "call disable_cache() on it."
            )
        self.model = model
        self.condition = condition
        self.dtypes = tuple(expert.dtype for expert in model.experts)
        self.nfe = 0
        self.site: tuple[int, int, str] | None = None

    def expert(self, sigma: float) -> int:
        """0 where the high-noise expert (or the only one) answers, 1 below the boundary."""
        ratio = self.model.pipe.config.boundary_ratio
        if ratio is None:
            return 0
        boundary = ratio * self.model.pipe.scheduler.config.num_train_timesteps
        return 0 if bool(self._timestep(sigma) >= boundary) else 1

    def _timestep(self, sigma: float) -> Tensor:
        """The model's clock, 1000 sigma, in float32 as the stock scheduler has it."""
        return torch.tensor(sigma) * self.model.pipe.scheduler.config.num_train_timesteps

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: float, k: int) -> Tensor:
        """Velocity (B, C, F, h, w) float32 at x (same shape), noise level sigma, step k."""
        if len(x) != len(self.condition):
            raise UserError(
                f"{len(x)} latents but {len(self.condition)} conditions: "
                "give the condition as many rows, with Condition.repeat or select."
            )
        v = self._forward(x, sigma, k, "cond")
        if self.condition.negative_embeds is None:
            return v
        v_uncond = self._forward(x, sigma, k, "uncond")
        return v_uncond + self.model.guidances[self.expert(sigma)] * (v - v_uncond)

    def _forward(self, x: Tensor, sigma: float, k: int, branch: str) -> Tensor:
        expert, given = self.expert(sigma), self.condition
        net, dtype = self.model.experts[expert], self.dtypes[expert]
        text = given.prompt_embeds if branch == "cond" else given.negative_embeds
        clip = None if given.image_embeds is None else given.image_embeds.to(dtype)
        self.site = (k, expert, branch)
        try:
            v = net(
                hidden_states=torch.cat([x, given.image_latents], dim=1).to(dtype),
                timestep=self._timestep(sigma).to(x.device).expand(len(x)),
                encoder_hidden_states=text.to(dtype),
                encoder_hidden_states_image=clip,
                return_dict=False,
            )[0]
        finally:
            self.site = None
        self.nfe += len(x)
        return v.float()


def refuse_pickles(directory: Path) -> None:
    """Raise UserError if a part of a pipeline has weights only as a pickle, which can run code."""
    for path in sorted(directory.glob("*/*")):
        if path.suffix in PICKLES and not any(path.parent.glob("*.safetensors")):
            raise UserError(
                f"{path} is a pickle, which can run code when it is read: convert it to safetensors"
                " with save_pretrained on a machine that may be lost."
            )


def check_weights(pipe: WanImageToVideoPipeline, directory: Path) -> None:
    """Raise UserError naming a weight of a loaded pipeline that is not in its files, or not finite.

    diffusers and transformers only warn about a weight that is missing, and leave it random.
    """
    from safetensors import safe_open

    for part, module in pipe.components.items():
        if not isinstance(module, torch.nn.Module):
            continue
        stored: set[str] = set()
        for path in (directory / part).glob("*.safetensors"):
            with safe_open(path, framework="pt") as file:
                stored |= set(file.keys())
        weights = module.state_dict()
        tied = {weight.data_ptr() for name, weight in weights.items() if name in stored}
        # Names unknown to the module were translated on loading: then names prove nothing.
        if stored <= weights.keys():
            for name, weight in weights.items():
                if name not in stored and (weight.is_meta or weight.data_ptr() not in tied):
                    raise UserError(
                        f"{directory / part} has no weight {name}: fetch or train the model again."
                    )
        for name, weight in weights.items():
            if not weight.is_meta and not bool(torch.isfinite(weight).all()):
                raise UserError(
                    f"{directory / part}: weight {name} holds nan or infinity: fetch or train the"
                    " model again."
                )


def directory_digest(directory: Path) -> str:
    """sha256 hex over relative name and sha256 of each weight, config and tokenizer file."""
    total = hashlib.sha256()
    files = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*")}
    for name, path in sorted(files.items()):
        hidden = any(part.startswith(".") for part in name.split("/"))
        if path.is_file() and not hidden and DIGESTED.fullmatch(path.name):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()
