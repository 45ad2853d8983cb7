"""Wan image-to-video models: 2.1 I2V, 2.2 I2V-A14B, 2.2 TI2V-5B, and small ones of that kind.

The first two are given the picture in channels beside the latent, TI2V-5B in place of latent frame
0, whose tokens have time 0. In float32 our Euler loop gives the latents of
diffusers' WanImageToVideoPipeline bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from chain_of_steps.errors import UserError
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.loading import require
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.pictures import pixels
from chain_of_steps.models.velocity import GivenFrameVelocity, VideoVelocity

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from PIL import Image


class WanModel(VideoModel):
    """Adapter over the components of a WanImageToVideoPipeline; the picture comes in channels."""

    PIPELINE = "WanImageToVideoPipeline"
    EXPANDED = False  # does the pipeline give each token a time of its own

    def __init__(self, pipe: DiffusionPipeline, **options: Any) -> None:
        super().__init__(pipe, **options)
        if pipe.config.expand_timesteps != self.EXPANDED:
            other = WanModel if self.EXPANDED else WanGivenFrameModel
            raise UserError(
                f"Model {self.name or 'given'} has expand_timesteps "
                f"{pipe.config.expand_timesteps}: load it as {other.__name__}."
            )
        config = pipe.vae.config
        self.mean = torch.tensor(config.latents_mean).view(1, -1, 1, 1, 1)
        self.std = torch.tensor(config.latents_std).view(1, -1, 1, 1, 1)

    @property
    def blocks(self) -> tuple[nn.ModuleList, ...]:
        return tuple(expert.blocks for expert in self.experts)

    @property
    def compression(self) -> tuple[int, int, int]:
        config = self.pipe.vae.config
        return config.scale_factor_temporal, *[config.scale_factor_spatial] * 2

    @property
    def patch(self) -> tuple[int, int, int]:
        return tuple(self.experts[0].config.patch_size)

    @property
    def channels(self) -> int:
        return self.pipe.vae.config.z_dim

    def velocity(self, condition: Condition) -> VideoVelocity:
        return WanVelocity(self, condition)

    def _encode_text(self, prompt: str) -> tuple[Tensor, None]:
        require("ftfy", "prompts of Wan models are cleaned with it")
        embeds, _ = self.pipe.encode_prompt(
            [prompt],
            do_classifier_free_guidance=False,
            max_sequence_length=self.max_sequence_length,
            device=self.device,
        )
        return embeds.cpu(), None

    def _encode_picture(self, image: Image.Image, n_frames: int) -> tuple[Tensor, Tensor | None]:
        # As Wan was trained: the picture, then mid grey; the mask marks latent frame 0 as given.
        video = torch.full((1, n_frames, image.height, image.width, 3), 0.5)
        video[0, 0] = pixels(image)
        latents = self.encode(video)
        mask = latents.new_zeros(1, self.compression[0], *latents.shape[2:])
        mask[:, :, 0] = 1
        clip = None
        if self.experts[0].config.image_dim is not None:
            with self.placement.visiting(self.pipe.image_encoder):
                clip = self.pipe.encode_image([image], self.device)
        return torch.cat([mask, latents], dim=1), clip

    def _normalised(self, z: Tensor) -> Tensor:
        return (z - self.mean.to(z)) * (1.0 / self.std.to(z))

    def _codec_latents(self, latents: Tensor) -> Tensor:
        return latents / (1.0 / self.std.to(latents)) + self.mean.to(latents)


class WanVelocity(VideoVelocity):
    def _predict(
        self,
        net: nn.Module,
        dtype: torch.dtype,
        x: Tensor,
        timestep: Tensor,
        text: Tensor,
        mask: Tensor | None,
    ) -> Tensor:
        given = self.condition
        clip = None if given.image_embeds is None else given.image_embeds.to(dtype)
        return net(
            hidden_states=torch.cat([x, given.image_latents], dim=1).to(dtype),
            timestep=timestep.to(x.device).expand(len(x)),
            encoder_hidden_states=text.to(dtype),
            encoder_hidden_states_image=clip,
            return_dict=False,
        )[0]


class WanGivenFrameModel(WanModel):
    """Wan 2.2 TI2V-5B: `expand_timesteps`; the picture takes the place of latent frame 0."""

    EXPANDED = True

    def velocity(self, condition: Condition) -> VideoVelocity:
        return WanGivenFrameVelocity(self, condition)

    def _encode_picture(self, image: Image.Image, n_frames: int) -> tuple[Tensor, None]:
        return self.encode(pixels(image)[None, None]), None


class WanGivenFrameVelocity(GivenFrameVelocity):
    def _predict(
        self,
        net: nn.Module,
        dtype: torch.dtype,
        x: Tensor,
        timestep: Tensor,
        text: Tensor,
        mask: Tensor | None,
    ) -> Tensor:
        return net(
            hidden_states=x.to(dtype),
            timestep=self._token_times(x, timestep),
            encoder_hidden_states=text.to(dtype),
            return_dict=False,
        )[0]
