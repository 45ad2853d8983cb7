"""HunyuanVideo-1.5 image-to-video models, and small ones of the same architecture.

One stream for text and video; two text encoders, the second for words in quotes that the video is
to show, and SigLIP tokens of the picture beside its latent. In float32 our Euler loop gives the
latents of diffusers' HunyuanVideo15ImageToVideoPipeline bit for bit, from pictures that have a size
of its own: that pipeline crops and scales others to the nearest of its sizes, here they stay.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    from diffusers import DiffusionPipeline
    from PIL import Image


class HunyuanModel(VideoModel):
    """Adapter over the components of a HunyuanVideo15ImageToVideoPipeline.

    Raises UserError, too, for a model that is told the next noise level besides its own (MeanFlow).
    """

    PIPELINE = "HunyuanVideo15ImageToVideoPipeline"
    PARTS = MappingProxyType({"attention": "attn", "feed-forward": "ff"})
    TEXT_STREAM = True

    def __init__(self, pipe: DiffusionPipeline, **options: Any) -> None:
        super().__init__(pipe, **options)
        if self.transformer_config.get("use_meanflow"):
            raise UserError(
                f"Model {self.name or 'given'} is told where a step ends (use_meanflow), which no "
                "velocity v(x, sigma) is: write a model that is not distilled to few steps."
            )

    @classmethod
    def options_of(cls, pipe: DiffusionPipeline) -> dict[str, Any]:
        guidance = pipe.guider.guidance_scale if pipe.guider is not None else 1.0
        return {"guidance": guidance, "max_sequence_length": pipe.tokenizer_max_length}

    @property
    def blocks(self) -> tuple[nn.ModuleList, ...]:
        return tuple(expert.transformer_blocks for expert in self.experts)

    @property
    def compression(self) -> tuple[int, int, int]:
        config = self.pipe.vae.config
        return config.temporal_compression_ratio, *[config.spatial_compression_ratio] * 2

    @property
    def patch(self) -> tuple[int, int, int]:
        config = self.transformer_config
        return config["patch_size_t"], *[config["patch_size"]] * 2

    @property
    def channels(self) -> int:
        return self.pipe.vae.config.latent_channels

    def _default_area(self) -> int:
        return self.transformer_config["target_size"] ** 2

    def _stock_sigmas(self, n_steps: int, shift: float) -> Tensor:
        """The pipeline's schedule: evenly spaced, then shifted, once."""
        from diffusers import FlowMatchEulerDiscreteScheduler

        scheduler = FlowMatchEulerDiscreteScheduler.from_config(
            self.pipe.scheduler.config, shift=shift
        )
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 0.0, n_steps + 1)[:-1])
        return scheduler.sigmas

    def unipc(self, n_steps: int, shift: float) -> NoReturn:
        raise UserError("sampler.solver is unipc, but HunyuanVideo uses Euler: write euler.")

    def velocity(self, condition: Condition) -> HunyuanVelocity:
        return HunyuanVelocity(self, condition)

    def _encode_text(self, prompt: str, device: torch.device) -> Encoded:
        pipe = self.pipe
        embeds, mask = pipe._get_mllm_prompt_embeds(
            pipe.text_encoder,
            pipe.tokenizer,
            prompt,
            device,
            self.max_sequence_length,
            system_message=pipe.system_message,
            crop_start=pipe.prompt_template_encode_start_idx,
        )
        with self.placement.visiting(pipe.text_encoder_2) as there:
            glyphs, shown = pipe._get_byt5_prompt_embeds(
                pipe.tokenizer_2, pipe.text_encoder_2, prompt, there, pipe.tokenizer_2_max_length
            )
        found = {"embeds": embeds, "mask": mask, "glyphs": glyphs, "glyph_mask": shown}
        return {name: x.cpu() for name, x in found.items()}

    def _texts_of(self, prompts: Sequence[str] | Tensor) -> Encoded:
        """As of every model; states made earlier are all text, with no words in quotes."""
        found = super()._texts_of(prompts)
        if "mask" in found:
            return found
        embeds, length = found["embeds"], self.pipe.tokenizer_2_max_length
        width = self.transformer_config["text_embed_2_dim"]
        return {
            "embeds": embeds,
            "mask": embeds.new_ones(embeds.shape[:2]),
            "glyphs": embeds.new_zeros(len(embeds), length, width),
            "glyph_mask": embeds.new_zeros(len(embeds), length),
        }

    def _encode_picture(
        self, image: Image.Image, n_frames: int, last: Image.Image | None
    ) -> Encoded:
        shape = self.latent_shape(n_frames, image.height, image.width)
        latents = torch.zeros(1, shape[0] + 1, *shape[1:])  # and a mask of what is given
        latents[:, :-1, :1] = self.encode(pixels(image)[None, None]).cpu()
        latents[:, -1, 0] = 1
        encoder = self.pipe.image_encoder
        with self.placement.visiting(encoder) as device:
            sight = self.pipe._get_image_embeds(encoder, self.pipe.feature_extractor, image, device)
        return {"latents": latents, "sight": sight}

    def encode(self, videos: Tensor) -> Tensor:
        """As of every model, one by one: the attention of its codec takes no batch."""
        encode = super().encode
        return torch.cat([encode(video) for video in videos.split(1)])

    def _normalised(self, z: Tensor) -> Tensor:
        return z * self.pipe.vae.config.scaling_factor

    def _codec_latents(self, latents: Tensor) -> Tensor:
        return latents / self.pipe.vae.config.scaling_factor


class HunyuanVelocity(VideoVelocity):
    def _predict(
        self, net: nn.Module, dtype: torch.dtype, x: Tensor, sigma: float, text: Encoded
    ) -> Tensor:
        given = self.condition.picture
        return net(
            hidden_states=torch.cat([x, given["latents"]], dim=1).to(dtype),
            timestep=self._timestep(sigma).to(x.device, dtype).expand(len(x)),
            encoder_hidden_states=text["embeds"].to(dtype),
            encoder_attention_mask=text["mask"].to(dtype),
            encoder_hidden_states_2=text["glyphs"].to(dtype),
            encoder_attention_mask_2=text["glyph_mask"].to(dtype),
            image_embeds=given["sight"].to(dtype),
            return_dict=False,
        )[0]
