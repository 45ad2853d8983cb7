"""Wan image-to-video models: 2.1 I2V and FLF2V, 2.2 I2V-A14B, 2.2 TI2V-5B, SkyReels-V2 I2V, and
small ones of that kind.

TI2V-5B is given the picture in place of latent frame 0, whose tokens have time 0, the others in
channels beside the latent; FLF2V is given the last frame, too, and those without CLIP may be. In
float32 our Euler loop gives the latents of diffusers' WanImageToVideoPipeline (or
SkyReelsV2ImageToVideoPipeline) bit for bit.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from chain_of_steps.errors import UserError
from chain_of_steps.models.condition import Condition, Encoded
from chain_of_steps.models.loading import require
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.pictures import pixels
from chain_of_steps.models.velocity import GivenFrameVelocity, VideoVelocity

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from PIL import Image


NEEDS_LAST = (
    "Model {} goes from a first to a last frame, and only the first is given: give last_images to "
    "`condition` (docs/library.md), or write an image-to-video model."
)


class WanModel(VideoModel):
    """Adapter over the components of a WanImageToVideoPipeline; the picture comes in channels."""

    PIPELINE = "WanImageToVideoPipeline"
    PARTS = MappingProxyType(
        {"self-attention": "attn1", "cross-attention": "attn2", "feed-forward": "ffn"}
    )
    EXPANDED = False  # does the pipeline give each token a time of its own

    def __init__(self, pipe: DiffusionPipeline, **options: Any) -> None:
        super().__init__(pipe, **options)
        expanded = bool(pipe.config.get("expand_timesteps"))
        if expanded != self.EXPANDED:
            other = WanModel if self.EXPANDED else WanGivenFrameModel
            raise UserError(
                f"Model {self.name or 'given'} has expand_timesteps {expanded}: load it as "
                f"{other.__name__}."
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
        return tuple(self.transformer_config["patch_size"])

    @property
    def channels(self) -> int:
        return self.pipe.vae.config.z_dim

    def velocity(self, condition: Condition) -> VideoVelocity:
        return WanVelocity(self, condition)

    def _encode_text(self, prompt: str, device: torch.device) -> Encoded:
        require("ftfy", "prompts of Wan models are cleaned with it")
        embeds, _ = self.pipe.encode_prompt(
            [prompt],
            do_classifier_free_guidance=False,
            max_sequence_length=self.max_sequence_length,
            device=device,
        )
        return {"embeds": embeds.cpu()}

    @property
    def needs_last(self) -> bool:
        """Whether it is one of the models that go from a first to a last frame (FLF2V)."""
        return self.transformer_config.get("pos_embed_seq_len") is not None

    def _check_last(self, given: bool) -> None:
        # of its CLIP tokens the others take those of one picture
        clip = self.transformer_config.get("image_dim") is not None
        if given and (self.EXPANDED or (clip and not self.needs_last)):
            super()._check_last(given)
        if self.needs_last and not given:
            raise UserError(NEEDS_LAST.format(self.name or "given"))

    def _encode_picture(
        self, image: Image.Image, n_frames: int, last: Image.Image | None
    ) -> Encoded:
        # As Wan was trained: what is given, mid grey for the rest, and a mask of what is given.
        # A latent frame has a channel of the mask for each of its pixel frames.
        video = torch.full((1, n_frames, image.height, image.width, 3), 0.5)
        video[0, 0] = pixels(image)
        if last is not None:
            video[0, -1] = pixels(last)
        latents = self.encode(video)
        mask = latents.new_zeros(1, self.compression[0], *latents.shape[2:])
        mask[:, :, 0] = 1
        if last is not None:
            mask[:, -1, -1] = 1
        found = {"latents": torch.cat([mask, latents], dim=1)}
        if self.transformer_config.get("image_dim") is not None:
            shown = [image] if last is None else [image, last]
            with self.placement.visiting(self.pipe.image_encoder) as device:
                found["clip"] = self.pipe.encode_image(shown, device)[None]
        return found

    def _normalised(self, z: Tensor) -> Tensor:
        return (z - self.mean.to(z)) * (1.0 / self.std.to(z))

    def _codec_latents(self, latents: Tensor) -> Tensor:
        return latents / (1.0 / self.std.to(latents)) + self.mean.to(latents)


class SkyReelsModel(WanModel):
    """SkyReels-V2 I2V: its authors tuned Wan 2.1 and gave its parts other names.

    Its pipeline asks for UniPC, as Wan's does. The models for diffusion forcing, whose frames have
    noise levels of their own, are of another class.
    """

    PIPELINE = "SkyReelsV2ImageToVideoPipeline"


class WanVelocity(VideoVelocity):
    def _predict(
        self,
        net: nn.Module,
        dtype: torch.dtype,
        x: Tensor,
        sigma: float,
        text: Encoded,
    ) -> Tensor:
        given = self.condition.picture
        # (B, pictures, 257, D): the transformer wants the pictures of a run one after the other
        clip = given["clip"].flatten(0, 1).to(dtype) if "clip" in given else None
        return net(
            hidden_states=torch.cat([x, given["latents"]], dim=1).to(dtype),
            timestep=self._timestep(sigma).to(x.device).expand(len(x)),
            encoder_hidden_states=text["embeds"].to(dtype),
            encoder_hidden_states_image=clip,
            return_dict=False,
        )[0]


class WanGivenFrameModel(WanModel):
    """Wan 2.2 TI2V-5B: `expand_timesteps`; the picture takes the place of latent frame 0."""

    EXPANDED = True

    def velocity(self, condition: Condition) -> VideoVelocity:
        return WanGivenFrameVelocity(self, condition)

    def _encode_picture(
        self, image: Image.Image, n_frames: int, last: Image.Image | None
    ) -> Encoded:
        return {"latents": self.encode(pixels(image)[None, None])}


class WanGivenFrameVelocity(GivenFrameVelocity):
    def _predict(
        self,
        net: nn.Module,
        dtype: torch.dtype,
        x: Tensor,
        sigma: float,
        text: Encoded,
    ) -> Tensor:
        return net(
            hidden_states=x.to(dtype),
            timestep=self._token_times(x, sigma),
            encoder_hidden_states=text["embeds"].to(dtype),
            return_dict=False,
        )[0]
