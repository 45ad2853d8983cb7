"""LTX-2 and LTX-2.3 image-to-video models, and small ones of the same architecture: video alone.

These models denoise sound together with the video, in a second stream. Here a run has one latent,
so the streams are isolated, as the pipeline itself does it for its modality guidance: no attention
leads from one to the other, and the sound is one silent token that is thrown away. Outputs are
those of diffusers' LTX2ImageToVideoPipeline with isolated streams, to rounding, and not those of
its usual coupled runs. Of its four kinds of guidance, here is the one by the prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from chain_of_steps.models.condition import Condition, Encoded
from chain_of_steps.models.ltx import LTXModel, LTXVelocity
from chain_of_steps.models.pictures import pixels

if TYPE_CHECKING:
    from PIL import Image


class LTX2Model(LTXModel):
    """Adapter over the components of an LTX2ImageToVideoPipeline that make the video."""

    PIPELINE = "LTX2ImageToVideoPipeline"
    FRAME_RATE = 24
    LENGTH = 121  # pixel frames where nothing else is said, the pipeline's own

    def _default_frames(self) -> int:
        return self.default("num_frames") or self.LENGTH  # a later pipeline may guess it

    def velocity(self, condition: Condition) -> LTX2Velocity:
        return LTX2Velocity(self, condition)

    def _encode_text(self, prompt: str, device: torch.device) -> Encoded:
        found = super()._encode_text(prompt, device)
        with self.placement.visiting(self.pipe.connectors) as device:
            text, _, mask = self.pipe.connectors(
                found["embeds"].to(device),
                found["mask"].to(device),
                padding_side=self.pipe.tokenizer.padding_side,
            )
        return {"embeds": text.cpu(), "mask": mask.cpu()}

    def _encode_picture(
        self, image: Image.Image, n_frames: int, last: Image.Image | None
    ) -> Encoded:
        from diffusers.pipelines.ltx2.utils import (
            apply_image_conditioning_crf,
            resolve_default_image_crf,
        )
        from PIL import Image

        # the pipeline shows the model a picture as compressed as the videos that it learnt from
        crf = resolve_default_image_crf(self.pipe.text_encoder)
        compressed = Image.fromarray(apply_image_conditioning_crf(np.array(image), crf))
        return {"latents": self.encode(pixels(compressed)[None, None])}


class LTX2Velocity(LTXVelocity):
    def _of_family(
        self, net: nn.Module, dtype: torch.dtype, x: Tensor, sigma: float
    ) -> dict[str, Any]:
        config: Any = net.config
        clock = self._timestep(sigma).to(x.device).expand(len(x))
        # LTX-2.3 is given words of the width that its blocks read, LTX-2 projects them first
        words = "caption_channels" if config.use_prompt_embeddings else "audio_cross_attention_dim"
        return {
            "sigma": clock,
            "fps": self.model.FRAME_RATE,
            "audio_hidden_states": x.new_zeros(len(x), 1, config.audio_in_channels, dtype=dtype),
            "audio_encoder_hidden_states": x.new_zeros(len(x), 1, config[words], dtype=dtype),
            "audio_timestep": clock,
            "audio_num_frames": 1,
            "isolate_modalities": True,
        }
