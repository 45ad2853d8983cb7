"""CogVideoX image-to-video models (1.0 and 1.5), and small ones of the same architecture.

They are trained on another path, z = a x0 + b noise with a^2 + b^2 = 1, and say v = a noise - b x0
(Salimans and Ho, arXiv 2202.00512). Divided by a + b this is the path of flow matching,

    x = z / (a + b) = (1 - sigma) x0 + sigma noise      sigma = b / (a + b)
    noise - x0 = (b - a) z + (a + b) v

and a step of DDIM is an Euler step there, exactly. So latents are x here, not z; the model is
given z and the time that it was trained to see at that sigma. In float32 our Euler loop gives the
latents of diffusers' CogVideoXImageToVideoPipeline with DDIM to rounding, as that pipeline computes
in z, and with guidance puts both branches into one batch. Two more differences: the pipeline
draws the latent of the picture from the codec's posterior, of which we take the mode; with a number
of steps that does not divide 1000 its steps end up to one of its 1000 times beside the next one,
ours meet. CogVideoX 1.5, whose tokens span two latent frames, has one latent frame ahead of the
video, as in the pipeline; it carries the picture, and is not decoded. Such a video has 8 k + 1
frames.
"""

from __future__ import annotations

from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from chain_of_steps.errors import UserError
from chain_of_steps.models.condition import Condition, Encoded
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.pictures import pixels
from chain_of_steps.models.velocity import VideoVelocity

if TYPE_CHECKING:
    from diffusers import CogVideoXDDIMScheduler, DiffusionPipeline
    from PIL import Image

OFFSET = 2.0  # what the pipeline tells the models of 1.5 that read one


class CogVideoXModel(VideoModel):
    """Adapter over the components of a CogVideoXImageToVideoPipeline.

    Raises UserError, too, for a model that is not trained on v.
    """

    PIPELINE = "CogVideoXImageToVideoPipeline"
    PARTS = MappingProxyType({"attention": "attn1", "feed-forward": "ff"})  # of text and video
    TEXT_STREAM = True

    def __init__(self, pipe: DiffusionPipeline, **options: Any) -> None:
        super().__init__(pipe, **options)
        said = pipe.scheduler.config.prediction_type
        if said != "v_prediction":
            raise UserError(
                f"Model {self.name or 'given'} predicts {said!r}, but CogVideoX models are read as "
                "v_prediction: write one that is trained so."
            )
        self.rotary = cache(self._rotary)

    @property
    def blocks(self) -> tuple[nn.ModuleList, ...]:
        return tuple(expert.transformer_blocks for expert in self.experts)

    @property
    def compression(self) -> tuple[int, int, int]:
        config = self.pipe.vae.config
        return config.temporal_compression_ratio, *[2 ** (len(config.block_out_channels) - 1)] * 2

    @property
    def patch(self) -> tuple[int, int, int]:
        config = self.transformer_config
        return config.get("patch_size_t") or 1, *[config["patch_size"]] * 2

    @property
    def ahead(self) -> int:
        return self.patch[0] - 1

    @property
    def channels(self) -> int:
        return self.pipe.vae.config.latent_channels

    def latent_shape(self, n_frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """As of every model; one of 1.0 has learned its positions, and takes its own size only.

        Of another length it would be given other positions than it has learned, without a word. One
        of 1.5 has positions up to its own size.
        """
        found = super().latent_shape(n_frames, height, width)
        config, (_, high, wide) = self.transformer_config, self.compression
        own = (
            config["sample_frames"],
            config["sample_height"] * high,
            config["sample_width"] * wide,
        )
        learned = config["use_learned_positional_embeddings"]
        # a single picture is encoded to be shown to the model, not to be run
        if learned and (n_frames, height, width) not in (own, (1, *own[1:])):
            raise UserError(
                f"The video has {n_frames} frames of {width} x {height}, but this model has learned"
                f" its positions: write {own[0]} frames of {own[2]} x {own[1]}."
            )
        if self.patch[0] > 1 and (height > own[1] or width > own[2]):  # a part of these
            raise UserError(
                f"The video has {width} x {height} pixels, but this model has positions for "
                f"{own[2]} x {own[1]}: write no more."
            )
        return found

    def _default_frames(self) -> int:
        if self.transformer_config["use_learned_positional_embeddings"]:
            return self.transformer_config["sample_frames"]
        return self.default("num_frames")

    def _default_area(self) -> int:
        config, (_, high, wide) = self.transformer_config, self.compression
        return config["sample_height"] * high * config["sample_width"] * wide

    def _ddim(self, shift: float) -> CogVideoXDDIMScheduler:
        """The pipeline's schedule. A shift of the flow is a scale of the SNR, its square, before
        the schedule is stretched to end in noise alone.
        """
        from diffusers import CogVideoXDDIMScheduler

        config = self.pipe.scheduler.config
        return CogVideoXDDIMScheduler.from_config(config, snr_shift_scale=shift**2)

    def default_shift(self, n_frames: int, height: int, width: int) -> float:
        return self.pipe.scheduler.config.snr_shift_scale**0.5

    def _stock_sigmas(self, n_steps: int, shift: float) -> Tensor:
        scheduler = self._ddim(shift)
        scheduler.set_timesteps(n_steps)
        alphas = scheduler.alphas_cumprod[scheduler.timesteps]
        return flow_sigma(torch.cat([alphas, scheduler.final_alpha_cumprod.to(alphas).view(1)]))

    @cached_property
    def trained(self) -> tuple[np.ndarray, np.ndarray]:
        """Rising sigmas, and the time that the model was trained to be told at each."""
        sigmas = flow_sigma(self.pipe.scheduler.alphas_cumprod).double().numpy()
        return sigmas, np.arange(len(sigmas), dtype=float)

    def unipc(self, n_steps: int, shift: float) -> NoReturn:
        raise UserError("sampler.solver is unipc, but CogVideoX pipelines use DDIM: write euler.")

    def velocity(self, condition: Condition) -> CogVideoXVelocity:
        return CogVideoXVelocity(self, condition)

    def _rotary(self, frames: int, h: int, w: int) -> tuple[Tensor, Tensor] | None:
        """Of a latent with these frames, rows and columns."""
        if not self.transformer_config["use_rotary_positional_embeddings"]:
            return None
        _, high, wide = self.compression
        size = (h * high, w * wide, frames)
        return self.pipe._prepare_rotary_positional_embeddings(*size, self.device)

    def _encode_text(self, prompt: str, device: torch.device) -> Encoded:
        embeds, _ = self.pipe.encode_prompt(
            [prompt],
            do_classifier_free_guidance=False,
            max_sequence_length=self.max_sequence_length,
            device=device,
        )
        return {"embeds": embeds.cpu()}

    def _encode_picture(
        self, image: Image.Image, n_frames: int, last: Image.Image | None
    ) -> Encoded:
        config = self.pipe.vae.config
        first = self.encode(pixels(image)[None, None])[:, :, :1]
        if config.invert_scale_latents:  # as the pipeline says: forgotten in training
            first = first / config.scaling_factor**2
        latents = first.new_zeros(1, *self.latent_shape(n_frames, image.height, image.width))
        latents[:, :, :1] = first
        return {"latents": latents}

    def _normalised(self, z: Tensor) -> Tensor:
        return z * self.pipe.vae.config.scaling_factor

    def _codec_latents(self, latents: Tensor) -> Tensor:
        return latents / self.pipe.vae.config.scaling_factor


def flow_sigma(alphas: Tensor) -> Tensor:
    """The share of noise where the signal has the variance `alphas`, as float32."""
    a, b = alphas.double().sqrt(), (1 - alphas.double()).sqrt()
    return (b / (a + b)).float()


class CogVideoXVelocity(VideoVelocity):
    model: CogVideoXModel

    def _timestep(self, sigma: float) -> Tensor:
        """The time, between two steps of the schedule that the model was trained on if need be."""
        return torch.tensor(np.interp(sigma, *self.model.trained), dtype=torch.float32)

    def _predict(
        self, net: nn.Module, dtype: torch.dtype, x: Tensor, sigma: float, text: Encoded
    ) -> Tensor:
        whole = (sigma**2 + (1 - sigma) ** 2) ** 0.5  # 1 / (a + b)
        a, b = (1 - sigma) / whole, sigma / whole
        z = x / whole
        given = torch.cat([z, self.condition.picture["latents"]], dim=1)
        has_offset = self.model.transformer_config.get("ofs_embed_dim")
        v = net(
            hidden_states=given.transpose(1, 2).to(dtype),
            encoder_hidden_states=text["embeds"].to(dtype),
            timestep=self._timestep(sigma).to(x.device).expand(len(x)),
            image_rotary_emb=self.model.rotary(*x.shape[2:]),
            ofs=x.new_full((1,), OFFSET) if has_offset else None,
            return_dict=False,
        )[0]
        return (b - a) * z + (a + b) * v.transpose(1, 2).float()
