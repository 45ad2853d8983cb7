"""LTX-Video image-to-video models (0.9.x) and small ones of the same architecture.

The picture takes the place of latent frame 0, whose tokens have time 0. The transformer has one
expert and is given tokens, not a grid. Our Euler loop gives the latents of diffusers'
LTXImageToVideoPipeline: bit for bit without guidance; with it to rounding, since that pipeline
puts both branches of guidance into one batch, and here they are two passes with their own sites.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from chain_of_steps.errors import UserError
from chain_of_steps.models.condition import Condition, Encoded
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.pictures import pixels
from chain_of_steps.models.velocity import GivenFrameVelocity

if TYPE_CHECKING:
    from PIL import Image


class LTXModel(VideoModel):
    """Adapter over the components of an LTXImageToVideoPipeline."""

    PIPELINE = "LTXImageToVideoPipeline"
    PARTS = MappingProxyType(
        {"self-attention": "attn1", "cross-attention": "attn2", "feed-forward": "ff"}
    )
    FRAME_RATE: ClassVar[int] = 25  # pictures per second that the model is told, the pipeline's own

    @property
    def blocks(self) -> tuple[nn.ModuleList, ...]:
        return tuple(expert.transformer_blocks for expert in self.experts)

    @property
    def compression(self) -> tuple[int, int, int]:
        vae = self.pipe.vae
        return vae.temporal_compression_ratio, *[vae.spatial_compression_ratio] * 2

    @property
    def patch(self) -> tuple[int, int, int]:
        return 1, 1, 1  # the pipeline knows no other: a token is a latent position

    @property
    def channels(self) -> int:
        return self.pipe.vae.config.latent_channels

    def default_shift(self, n_frames: int, height: int, width: int) -> float:
        from diffusers.pipelines.ltx.pipeline_ltx_image2video import calculate_shift

        config = self.pipe.scheduler.config
        if not config.use_dynamic_shifting:
            return config.shift
        tokens = math.prod(self.latent_shape(n_frames, height, width)[1:])
        names = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
        return math.exp(calculate_shift(tokens, *(config[name] for name in names)))

    def _stock_sigmas(self, n_steps: int, shift: float) -> Tensor:
        """The pipeline's schedule: evenly spaced, shifted, stretched to its last noise level."""
        from diffusers import FlowMatchEulerDiscreteScheduler

        if n_steps == 1:  # its noise level is the first and the last: the scheduler divides 0 by 0
            return torch.tensor([1.0, 0.0])
        config = self.pipe.scheduler.config
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(config, shift=shift)
        mu = math.log(shift) if config.use_dynamic_shifting else None
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / n_steps, n_steps), mu=mu)
        return scheduler.sigmas

    def unipc(self, n_steps: int, shift: float) -> NoReturn:
        raise UserError("sampler.solver is unipc, but LTX pipelines use Euler: write euler.")

    def velocity(self, condition: Condition) -> LTXVelocity:
        return LTXVelocity(self, condition)

    def _encode_text(self, prompt: str, device: torch.device) -> Encoded:
        embeds, mask, _, _ = self.pipe.encode_prompt(
            [prompt],
            do_classifier_free_guidance=False,
            max_sequence_length=self.max_sequence_length,
            device=device,
        )
        return {"embeds": embeds.cpu(), "mask": mask.cpu()}

    def _texts_of(self, prompts: Sequence[str] | Tensor) -> Encoded:
        found = super()._texts_of(prompts)
        embeds = found["embeds"]
        return {"mask": embeds.new_ones(embeds.shape[:2]), **found}

    def _encode_picture(
        self, image: Image.Image, n_frames: int, last: Image.Image | None
    ) -> Encoded:
        return {"latents": self.encode(pixels(image)[None, None])}

    def _normalised(self, z: Tensor) -> Tensor:
        vae = self.pipe.vae
        return self.pipe._normalize_latents(z, vae.latents_mean, vae.latents_std)

    def _codec_latents(self, latents: Tensor) -> Tensor:
        vae = self.pipe.vae
        scale = vae.config.scaling_factor
        return self.pipe._denormalize_latents(latents, vae.latents_mean, vae.latents_std, scale)

    def _decode(self, z: Tensor) -> Tensor:
        # A codec that also denoises is told, as by the pipeline's default, that nothing is left.
        vae = self.pipe.vae
        time = z.new_zeros(len(z)) if vae.config.timestep_conditioning else None
        return vae.decode(z.to(vae.dtype), time, return_dict=False)[0]


class LTXVelocity(GivenFrameVelocity):
    model: LTXModel

    def _predict(
        self,
        net: nn.Module,
        dtype: torch.dtype,
        x: Tensor,
        sigma: float,
        text: Encoded,
    ) -> Tensor:
        frames, h, w = x.shape[2:]
        tokens = net(
            hidden_states=x.flatten(2).transpose(1, 2).to(dtype),
            encoder_hidden_states=text["embeds"].to(dtype),
            timestep=self._token_times(x, sigma),
            encoder_attention_mask=text["mask"],
            num_frames=frames,
            height=h,
            width=w,
            return_dict=False,
            **self._of_family(net, dtype, x, sigma),
        )[0]
        return tokens.transpose(1, 2).unflatten(2, (frames, h, w))

    def _of_family(
        self, net: nn.Module, dtype: torch.dtype, x: Tensor, sigma: float
    ) -> dict[str, Any]:
        """What this transformer is given besides."""
        time, *space = self.model.compression
        return {"rope_interpolation_scale": (time / self.model.FRAME_RATE, *space)}
