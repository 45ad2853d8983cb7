"""What the adapters of all model families share.

An adapter holds the components of a diffusers image-to-video pipeline and offers what the core
needs: a condition, a velocity, noise, blocks to hook, and the way to and from pictures.
Conditioning and guidance follow the stock pipeline, so our Euler loop gives its latents.

Shapes: latents (B, C, F, h, w) float32, normalised; videos (B, T, H, W, 3) float32 in [0, 1] with
T = t (F - 1) + 1, t = 4 (Wan) or 8 (LTX); tokens (B, N, D) with N in (F, h, w) order after
patching.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor, nn

from chain_of_steps.errors import UserError
from chain_of_steps.models.condition import Condition, Encoded
from chain_of_steps.models.loading import directory_digest, fetch, load_pipeline
from chain_of_steps.models.lora import Lora, merge_loras
from chain_of_steps.models.pictures import for_codec, from_codec
from chain_of_steps.models.placement import Placement
from chain_of_steps.models.velocity import VideoVelocity
from chain_of_steps.sampling import flow_sigmas

# diffusers takes seconds to import: only loading a model pays for it.
if TYPE_CHECKING:
    from diffusers import DiffusionPipeline, UniPCMultistepScheduler
    from PIL import Image


class VideoModel(ABC):
    """Adapter over the components of a pipeline; a family fills in what is abstract.

    guidance, guidance_2: scales of classifier-free guidance of the high- and low-noise expert; it
    is on when guidance > 1, and guidance_2 defaults to guidance (both as in the stock pipelines).
    boundary: sigma below which the low-noise expert answers; None takes that of the pipeline.
    negative_prompt: what guidance leads away from. max_sequence_length: tokens of a prompt at most.
    name: how tables call the model. directory, loras: what `digest` covers. placement: where the
    components lie; None leaves them where they are.
    Raises UserError for a boundary where there is one expert.
    """

    PIPELINE: ClassVar[str]  # the diffusers class that loads the family

    def __init__(
        self,
        pipe: DiffusionPipeline,
        *,
        guidance: float = 1.0,
        guidance_2: float | None = None,
        boundary: float | None = None,
        negative_prompt: str = "",
        max_sequence_length: int = 512,
        name: str = "",
        directory: Path | None = None,
        loras: Sequence[Lora] = (),
        placement: Placement | None = None,
    ) -> None:
        experts = (pipe.transformer, getattr(pipe, "transformer_2", None))
        self.pipe = pipe
        self.name = name
        self.directory = directory
        self.loras = tuple(loras)
        self.guidances = (guidance, guidance if guidance_2 is None else guidance_2)
        self.negative_prompt = negative_prompt
        self.max_sequence_length = max_sequence_length
        self.experts = tuple(expert for expert in experts if expert is not None)
        self.boundary = pipe.config.get("boundary_ratio") if boundary is None else boundary
        self.placement = placement or Placement("none", pipe.device)
        # Every run of a case is given the same text and picture: each is encoded once.
        self._texts: dict[str, Encoded] = {}
        self._pictures: dict[tuple[bytes, int], Encoded] = {}
        if boundary is not None and len(self.experts) < 2:
            raise UserError(
                f"boundary is {boundary}, but model {name or 'given'} has one expert: write null."
            )

    @classmethod
    def load(
        cls,
        path_or_id: str | Path,
        *,
        revision: str | None = None,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        name: str | None = None,
        lora: Mapping[str, Mapping[str, Any] | None] | None = None,
        offload: str = "none",
        vae_tiling: bool = False,
        **options: Any,
    ) -> Self:
        """Load a pipeline directory, or a Hub repository at a revision.

        `options` are those of the constructor: guidance, guidance_2, boundary, negative_prompt,
        max_sequence_length. lora: see `lora.merge_loras`. offload: see `placement`. The codec stays
        in float32 whatever `dtype` the rest has, since half precision changes pictures; vae_tiling
        saves memory, and changes them too.
        Raises UserError if no whole pipeline is there, it is too large, or a LoRA fits nothing.
        """
        directory = fetch(path_or_id, revision)
        pipe = load_pipeline(directory, cls.PIPELINE, dtype)
        loras = merge_loras(pipe, lora or {})
        if vae_tiling:
            if not hasattr(pipe.vae, "enable_tiling"):
                raise UserError("vae_tiling is true, but this codec has no tiles: write false.")
            pipe.vae.enable_tiling()
        return cls(
            pipe,
            name=Path(path_or_id).name if name is None else name,
            directory=directory,
            loras=loras,
            placement=Placement.of(pipe, offload, torch.device(device)),
            **options,
        )

    @cached_property
    def digest(self) -> str:
        """sha256 of names and contents of weights, configs and tokenizer; "" if built in memory.

        LoRAs and their weights count. Computed when first asked for: tens of GB take minutes.
        """
        if self.directory is None:
            return ""
        own = directory_digest(self.directory)
        if not self.loras:
            return own
        digests = [own, *(lora.digest for lora in self.loras)]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    @property
    def device(self) -> torch.device:
        return self.placement.device

    # What a family fills in

    @property
    @abstractmethod
    def blocks(self) -> tuple[nn.ModuleList, ...]:
        """The transformer blocks of each expert, high-noise expert first."""

    @property
    @abstractmethod
    def compression(self) -> tuple[int, int, int]:
        """Pixel frames (in frame 0: one), rows and columns that a latent position stands for."""

    @property
    @abstractmethod
    def patch(self) -> tuple[int, int, int]:
        """Latent frames, rows and columns of a token."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """Channels of a latent."""

    @abstractmethod
    def velocity(self, condition: Condition) -> VideoVelocity:
        """The velocity of a batch of runs under `condition`."""

    @abstractmethod
    def _encode_text(self, prompt: str) -> Encoded:
        """Text states (1, L, D) and, where the family reads one, their mask (1, L)."""

    @abstractmethod
    def _encode_picture(self, image: Image.Image, n_frames: int) -> Encoded:
        """image_latents (1, ...) and image_embeds of a `Condition`."""

    @abstractmethod
    def _normalised(self, z: Tensor) -> Tensor:
        """Latents of the codec as the transformer has them."""

    @abstractmethod
    def _codec_latents(self, latents: Tensor) -> Tensor:
        """The inverse of `_normalised`."""

    # Shapes and noise

    def token_grid(self, n_latent_frames: int, h: int, w: int) -> tuple[int, int, int]:
        """(F, h, w) of the latent -> (F, h, w) of the tokens."""
        t, y, x = self.patch
        return n_latent_frames // t, h // y, w // x

    def latent_shape(self, n_frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """(C, F, h, w) of a video of n_frames pictures of height x width pixels.

        Raises UserError if n_frames is not t k + 1, or a side does not fill whole tokens.
        """
        frames, *space = self.compression
        if n_frames < 1 or (n_frames - 1) % frames:
            good = max(0, round((n_frames - 1) / frames)) * frames + 1
            raise UserError(f"n_frames is {n_frames}: write {frames} k + 1, such as {good}.")
        sides = zip(("height", "width"), (height, width), space, self.patch[1:], strict=True)
        for side, length, compression, patch in sides:
            unit = compression * patch
            if length < unit or length % unit:
                good = max(1, round(length / unit)) * unit
                raise UserError(f"{side} is {length}: write a multiple of {unit}, such as {good}.")
        rows, columns = height // space[0], width // space[1]
        return self.channels, (n_frames - 1) // frames + 1, rows, columns

    def noise(self, seed: int, n_frames: int, height: int, width: int) -> Tensor:
        """The first latent of a run: N(0, I), (1, C, F, h, w), drawn on the CPU in float32."""
        shape = self.latent_shape(n_frames, height, width)
        generator = torch.Generator("cpu").manual_seed(seed)
        return torch.randn(1, *shape, generator=generator).to(self.device)

    def noise_batch(self, seeds: Sequence[int], n_frames: int, height: int, width: int) -> Tensor:
        """One row of `noise` for each seed: (B, C, F, h, w)."""
        return torch.cat([self.noise(seed, n_frames, height, width) for seed in seeds])

    # The sampler

    def default_shift(self, n_frames: int, height: int, width: int) -> float:
        """The flow shift that the stock pipeline takes for a video of this size."""
        config = self.pipe.scheduler.config
        return config["flow_shift"] if "flow_shift" in config else config["shift"]

    def sigmas(self, n_steps: int, shift: float) -> Tensor:
        """Noise levels of a run: (n_steps + 1,) float32, those of the family's stock pipeline."""
        return flow_sigmas(n_steps, shift)

    def unipc(self, n_steps: int, shift: float) -> UniPCMultistepScheduler:
        """The multistep solver of Wan's own pipelines, for `sampling.sample_by`."""
        from diffusers import UniPCMultistepScheduler

        scheduler = UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
        )
        scheduler.set_timesteps(n_steps)
        return scheduler

    # What a run is given

    def encode_prompts(self, prompts: Sequence[str]) -> Tensor:
        """Text states (B, L, D), L = max_sequence_length."""
        return self._texts_of(prompts)[0]

    @torch.no_grad()
    def _texts_of(self, prompts: Sequence[str] | Tensor) -> Encoded:
        """States (B, L, D) and mask of prompts, or of states made earlier, on the device.

        Each prompt is encoded by itself, so that its bits do not depend on the others.
        """
        if isinstance(prompts, Tensor):
            return prompts.to(self.device), None
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._texts]
        if new and self.pipe.text_encoder is None:
            raise UserError("This model has no text encoder: give prompt embeddings, not strings.")
        for prompt in new:  # the pipeline would cut a long one off in silence
            tokens = len(self.pipe.tokenizer(prompt, verbose=False).input_ids)
            if tokens > self.max_sequence_length:
                raise UserError(
                    f"The prompt {prompt[:40]!r}... has {tokens} tokens, but the model"
                    f" {self.name} takes {self.max_sequence_length}: shorten it, or raise"
                    " max_sequence_length."
                )
        if new:
            with self.placement.visiting(self.pipe.text_encoder):
                self._texts |= {prompt: self._encode_text(prompt) for prompt in new}
        return self._stacked([self._texts[prompt] for prompt in prompts])

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
        embeds, mask = self._texts_of(prompts)
        negative, negative_mask = None, None
        if self.guidances[0] > 1:
            given = [self.negative_prompt] if negative_embeds is None else negative_embeds
            negative, negative_mask = self._texts_of(given)
            negative = negative.expand(n, -1, -1)
            negative_mask = None if negative_mask is None else negative_mask.expand(n, -1)
        pictures = [self._picture(image.convert("RGB"), n_frames) for image in images]
        latents, clip = self._stacked(pictures)
        return Condition(embeds, negative, latents, clip, mask, negative_mask)

    def _picture(self, image: Image.Image, n_frames: int) -> Encoded:
        """The encoded first frame of one run, on the CPU."""
        shown = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).digest()
        key = (shown, n_frames)
        if key not in self._pictures:
            latents, clip = self._encode_picture(image, n_frames)
            self._pictures[key] = latents.cpu(), None if clip is None else clip.cpu()
        return self._pictures[key]

    def _stacked(self, rows: Sequence[Encoded]) -> Encoded:
        """The rows as one batch on the device; all of them have a second item, or none."""
        second = [more for _, more in rows if more is not None]
        more = torch.cat(second).to(self.device) if second else None
        return torch.cat([first for first, _ in rows]).to(self.device), more

    # To latents and back

    @torch.no_grad()
    def encode(self, videos: Tensor) -> Tensor:
        """videos (B, T, H, W, 3) in [0, 1] -> latents (B, C, F, h, w) float32."""
        self.latent_shape(*videos.shape[1:4])
        video = for_codec(videos.to(self.device, self.pipe.vae.dtype))
        with self.placement.codec(self.pipe.vae):
            # The mode, not a draw: a condition is the same each time it is made.
            z = self.pipe.vae.encode(video).latent_dist.mode()
        return self._normalised(z.to(self.device, torch.float32))

    @torch.no_grad()
    def decode(self, latents: Tensor, frames: Sequence[int] | None = None) -> Tensor:
        """latents (B, C, F, h, w) -> videos (B, T, H, W, 3) float32 in [0, 1], on the CPU.

        `frames` picks pixel frames, in its order; a codec that can decode them alone does so.
        """
        with self.placement.codec(self.pipe.vae):
            if frames is not None and hasattr(self.pipe.vae, "decode_frames"):
                z = self._codec_latents(latents.to(self.device))
                return from_codec(self.pipe.vae.decode_frames(z, frames))
            wanted = slice(None) if frames is None else list(frames)
            # Row by row: a codec needs many times the memory of the video it makes.
            rows = [self._decode(self._codec_latents(r.to(self.device))) for r in latents.split(1)]
            return torch.cat([from_codec(row[:, :, wanted]) for row in rows])

    def _decode(self, z: Tensor) -> Tensor:
        """Latents of the codec (1, C, F, h, w) -> video (1, 3, T, H, W) in [-1, 1]."""
        return self.pipe.vae.decode(z.to(self.pipe.vae.dtype), return_dict=False)[0]
