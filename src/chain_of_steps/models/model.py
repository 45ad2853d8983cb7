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
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor, nn

from chain_of_steps.errors import UserError
from chain_of_steps.models.condition import Condition, Encoded
from chain_of_steps.models.files import Digests, directory_digest
from chain_of_steps.models.loading import fetch, load_pipeline, stored_transformer_config
from chain_of_steps.models.lora import Lora, find_loras, merge_loras
from chain_of_steps.models.pictures import for_codec, from_codec
from chain_of_steps.models.placement import Placement, experts_of
from chain_of_steps.models.precision import set_precision
from chain_of_steps.models.velocity import VideoVelocity
from chain_of_steps.sampling import Schedule, flow_sigmas, levels_of

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
    components lie; None leaves them where they are. levels: noise levels of runs, those of
    diffusers or others, see `sampling.levels_of`.
    Raises UserError for a boundary where there is one expert.
    """

    PIPELINE: ClassVar[str]  # the class that loads the family: of diffusers, or module:class
    PARTS: ClassVar[Mapping[str, str]]  # what is inside a block -> the name of its submodule
    TEXT_STREAM: ClassVar[bool] = False  # do blocks pass on states of the text beside the video's

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
        levels: Schedule = "diffusers",
    ) -> None:
        self.pipe = pipe
        self.name = name
        self.directory = directory
        self.loras = tuple(loras)
        self.guidances = (guidance, guidance if guidance_2 is None else guidance_2)
        self.negative_prompt = negative_prompt
        self.max_sequence_length = max_sequence_length
        self.levels = levels
        self.experts = experts_of(pipe)
        self.boundary = pipe.config.get("boundary_ratio") if boundary is None else boundary
        self.placement = placement or Placement("none", pipe.device)
        # Every run of a case is given the same text and picture: each is encoded once.
        self._texts: dict[str, Encoded] = {}
        self._pictures: dict[tuple[bytes, bytes, int], Encoded] = {}
        if boundary is not None and len(self.experts) == 1:
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
        codec_alone: bool = False,
        attention: str | None = None,
        storage: str | None = None,
        **options: Any,
    ) -> Self:
        """Load a pipeline directory, or a Hub repository at a revision.

        `options` are those of the constructor: guidance, guidance_2, boundary, negative_prompt,
        max_sequence_length, levels. lora: see `lora.merge_loras`. offload: see `placement`. The
        codec stays in float32 whatever `dtype` the rest has, since half precision changes pictures;
        vae_tiling saves memory, and changes them too. codec_alone: leave experts and encoders out,
        for a model that only encodes and decodes videos. attention, storage: see `precision`.
        Raises UserError if no whole pipeline is there, it is too large, or a LoRA fits nothing.
        """
        directory, place = fetch(path_or_id, revision), torch.device(device)
        pipe = load_pipeline(
            directory,
            cls.PIPELINE,
            dtype,
            codec_alone=codec_alone,
            aligned=place.type == "cpu",
            trusted=cls.__module__.split(".")[0],
        )
        loras = (find_loras if codec_alone else partial(merge_loras, pipe))(lora or {})
        if not codec_alone:
            set_precision(experts_of(pipe), dtype, attention, storage)
        if vae_tiling:
            if not hasattr(pipe.vae, "enable_tiling"):
                raise UserError("vae_tiling is true, but this codec has no tiles: write false.")
            pipe.vae.enable_tiling()
        return cls(
            pipe,
            name=Path(path_or_id).name if name is None else name,
            directory=directory,
            loras=loras,
            placement=Placement.of(pipe, offload, place),
            **options,
        )

    @classmethod
    def options_of(cls, pipe: DiffusionPipeline) -> dict[str, Any]:
        """guidance and max_sequence_length as calling the pipeline takes them."""
        length = default_of(pipe, "max_sequence_length")
        if pipe.tokenizer is not None:
            length = min(length, pipe.tokenizer.model_max_length)
        return {"guidance": default_of(pipe, "guidance_scale"), "max_sequence_length": length}

    @cached_property
    def digest(self) -> str:
        """sha256 of names and contents of weights, configs and tokenizer; "" if built in memory.

        LoRAs and their weights count. Computed when first asked for: tens of GB take minutes.
        """
        if self.directory is None:
            return ""
        own = directory_digest(self.directory, Digests.of_results().of)
        if not self.loras:
            return own
        digests = [own, *(lora.digest for lora in self.loras)]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def forget(self) -> None:
        """Let go of the texts and pictures that were encoded, as a new model has none."""
        self._texts.clear()
        self._pictures.clear()

    @property
    def device(self) -> torch.device:
        return self.placement.device

    @property
    def transformer_config(self) -> Mapping[str, Any]:
        """The configuration of the experts, also where only the codec is loaded."""
        if self.experts:
            return self.experts[0].config
        return self._stored_config

    @cached_property
    def _stored_config(self) -> Mapping[str, Any]:
        return stored_transformer_config(self.directory) if self.directory else {}

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
    def ahead(self) -> int:
        """Latent frames before the video, which fill its tokens up and show nothing of it."""
        return 0

    @property
    @abstractmethod
    def channels(self) -> int:
        """Channels of a latent."""

    @abstractmethod
    def velocity(self, condition: Condition) -> VideoVelocity:
        """The velocity of a batch of runs under `condition`."""

    @abstractmethod
    def _encode_text(self, prompt: str, device: torch.device) -> Encoded:
        """What `_predict` reads of the text: its states (1, L, D) as "embeds", and more.

        device: where the text encoder is.
        """

    @abstractmethod
    def _encode_picture(
        self, image: Image.Image, n_frames: int, last: Image.Image | None
    ) -> Encoded:
        """What `_predict` reads of the first frame, and of the last one where it is given."""

    @abstractmethod
    def _normalised(self, z: Tensor) -> Tensor:
        """Latents of the codec as the transformer has them."""

    @abstractmethod
    def _codec_latents(self, latents: Tensor) -> Tensor:
        """The inverse of `_normalised`."""

    # What calling the pipeline takes where nothing is said

    def default(self, name: str) -> Any:
        """The default of an argument of the pipeline's call."""
        return default_of(self.pipe, name)

    def default_size(self, image: Image.Image) -> tuple[int, int, int]:
        """(n_frames, height, width): the pipeline's own length, and the shape of the picture at the
        pipeline's own area, in whole tokens. `condition` wants pictures of that size.
        """
        t, y, x = (c * p for c, p in zip(self.compression, self.patch, strict=True))
        area = self._default_area()
        height = max(1, round((area * image.height / image.width) ** 0.5 / y)) * y
        width = max(1, round((area * image.width / image.height) ** 0.5 / x)) * x
        return (self._default_frames() - 1) // t * t + 1, height, width

    def _default_frames(self) -> int:
        """Pixel frames of the pipeline's own length."""
        return self.default("num_frames")

    def _default_area(self) -> int:
        """Pixels of a frame of the pipeline's own size."""
        return self.default("height") * self.default("width")

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
        before, together = self.ahead, self.patch[0]
        latent_frames = (n_frames - 1) / frames + 1 + before
        latent_frames = max(1, round(latent_frames / together)) * together
        good = (latent_frames - 1 - before) * frames + 1
        if n_frames != good:
            unit = frames * together
            raise UserError(f"n_frames is {n_frames}: write {unit} k + 1, such as {good}.")
        sides = zip(("height", "width"), (height, width), space, self.patch[1:], strict=True)
        for side, length, compression, patch in sides:
            unit = compression * patch
            if length < unit or length % unit:
                good = max(1, round(length / unit)) * unit
                raise UserError(f"{side} is {length}: write a multiple of {unit}, such as {good}.")
        rows, columns = height // space[0], width // space[1]
        return self.channels, latent_frames, rows, columns

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
        """Noise levels of a run: (n_steps + 1,) float32, as `levels` says."""
        return levels_of(self.levels, n_steps, shift, self._stock_sigmas)

    def _stock_sigmas(self, n_steps: int, shift: float) -> Tensor:
        """Those of the family's stock pipeline, (n_steps + 1,) float32."""
        return flow_sigmas(n_steps, shift)

    def schedule(
        self, n_frames: int, height: int, width: int, n_steps: int | None = None
    ) -> Tensor:
        """`sigmas` of a video of this size as calling the pipeline takes them."""
        shift = self.default_shift(n_frames, height, width)
        return self.sigmas(
            self.default("num_inference_steps") if n_steps is None else n_steps, shift
        )

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
        return self._texts_of(prompts)["embeds"]

    @torch.no_grad()
    def _texts_of(self, prompts: Sequence[str] | Tensor) -> Encoded:
        """What `_encode_text` gives of prompts, or states made earlier, on the device.

        Each prompt is encoded by itself, so that its bits do not depend on the others.
        """
        if isinstance(prompts, Tensor):
            return {"embeds": prompts.to(self.device)}
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
            with self.placement.visiting(self.pipe.text_encoder) as device:
                self._texts |= {prompt: self._encode_text(prompt, device) for prompt in new}
        return self._stacked([self._texts[prompt] for prompt in prompts])

    @torch.no_grad()
    def condition(
        self,
        images: Sequence[Image.Image],
        prompts: Sequence[str] | Tensor,
        n_frames: int,
        *,
        last_images: Sequence[Image.Image] | None = None,
        negative_embeds: Tensor | None = None,
    ) -> Condition:
        """Condition of B runs from B first frames (all of one size) and B prompts.

        `prompts` may be embeddings (B, L, D) made earlier by encode_prompts. With guidance on,
        negative_embeds (1 or B, L, D) defaults to those of negative_prompt. last_images: B last
        frames, for a model that takes them.
        Raises UserError if the counts or the sizes of the images do not fit, or the model takes no
        last frame, or needs one that is not given.
        """
        lasts = [None] * len(images) if last_images is None else list(last_images)
        shown = [image for image in (*images, *lasts) if image is not None]
        n, sizes = len(images), {image.size for image in shown}
        if n == 0 or len(prompts) != n:
            raise UserError(f"{n} images and {len(prompts)} prompts: give one prompt per image.")
        if len(lasts) != n:
            raise UserError(f"{n} images and {len(lasts)} last frames: give one per image.")
        self._check_last(last_images is not None)
        if len(sizes) > 1:
            raise UserError(f"images have sizes {sorted(sizes)}: bring them to one size first.")
        width, height = sizes.pop()
        self.latent_shape(n_frames, height, width)
        text, negative = self._texts_of(prompts), None
        if self.guidances[0] > 1:
            given = [self.negative_prompt] if negative_embeds is None else negative_embeds
            negative = {
                name: x.expand(n, *x.shape[1:]) for name, x in self._texts_of(given).items()
            }
        pictures = [
            self._picture(image, n_frames, last) for image, last in zip(images, lasts, strict=True)
        ]
        return Condition(text, negative, self._stacked(pictures))

    def _check_last(self, given: bool) -> None:
        """Raises UserError where a last frame is given and not taken, or needed and not given."""
        if given:
            raise UserError(
                f"Model {self.name or 'given'} takes no last frame: leave last_images out."
            )

    def _picture(
        self, image: Image.Image, n_frames: int, last: Image.Image | None = None
    ) -> Encoded:
        """What one run is shown, encoded, on the CPU."""
        first = image.convert("RGB")
        last = None if last is None else last.convert("RGB")
        key = (_shown(first), b"" if last is None else _shown(last), n_frames)
        if key not in self._pictures:
            encoded = self._encode_picture(first, n_frames, last)
            self._pictures[key] = {name: x.cpu() for name, x in encoded.items()}
        return self._pictures[key]

    def _stacked(self, rows: Sequence[Encoded]) -> Encoded:
        """What was encoded for each run as one batch on the device."""
        return {name: torch.cat([row[name] for row in rows]).to(self.device) for name in rows[0]}

    # To latents and back

    @torch.no_grad()
    def encode(self, videos: Tensor) -> Tensor:
        """videos (B, T, H, W, 3) in [0, 1] -> latents (B, C, F, h, w) float32."""
        self.latent_shape(*videos.shape[1:4])
        video = for_codec(videos.to(self.device, self.pipe.vae.dtype))
        with self.placement.codec(self.pipe.vae):
            # The mode, not a draw: a condition is the same each time it is made.
            z = self.pipe.vae.encode(video).latent_dist.mode()
        latents = self._normalised(z.to(self.device, torch.float32))
        # as what is ahead of a video the models are shown its first frame once more
        return torch.cat([*[latents[:, :, :1]] * self.ahead, latents], dim=2)

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
            shown = latents[:, :, self.ahead :].split(1)
            rows = [self._decode(self._codec_latents(row.to(self.device))) for row in shown]
            return torch.cat([from_codec(row[:, :, wanted]) for row in rows])

    def _decode(self, z: Tensor) -> Tensor:
        """Latents of the codec (1, C, F, h, w) -> video (1, 3, T, H, W) in [-1, 1]."""
        return self.pipe.vae.decode(z.to(self.pipe.vae.dtype), return_dict=False)[0]


def default_of(pipe: DiffusionPipeline, name: str) -> Any:
    """The default of an argument of a pipeline's call."""
    return inspect.signature(pipe.__call__).parameters[name].default


def _shown(image: Image.Image) -> bytes:
    """A digest of a picture."""
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).digest()
