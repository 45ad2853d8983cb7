"""A small model for the browser: its transformer as ONNX, its prompts and its codec as numbers.

The transformer is written down for one run of one size of video, as ONNX Runtime then needs to
work out no shapes. Attention and norms are spelled out in operations that ONNX has; in float32
they differ from the model's own by rounding alone.
"""

from __future__ import annotations

import copy
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from chain_of_steps.errors import UserError
from chain_of_steps.models.codec import LinearVideoCodec
from chain_of_steps.models.wan import WanModel
from chain_of_steps.playground.exported import Exported
from chain_of_steps.tasks.board import Board

if TYPE_CHECKING:
    from chain_of_steps.models.model import VideoModel

OPSET = 18
INPUTS = ("x", "given", "text", "time")  # of the ONNX model; its output is v
TILE = 16


class _Norm(nn.Module):
    """RMSNorm in operations that ONNX has."""

    def __init__(self, norm: nn.RMSNorm) -> None:
        super().__init__()
        self.weight, self.eps = norm.weight, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class _Attention:
    """The attention of a Wan block without a CLIP picture, in operations that ONNX has."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        states = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        heads = (attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(states)))
        q, k, v = (x.unflatten(2, (attn.heads, -1)) for x in (*heads, attn.to_v(states)))
        if rotary_emb is not None:
            q, k = _turned(q, *rotary_emb), _turned(k, *rotary_emb)
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        weights = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)
        return attn.to_out[0]((weights @ v).transpose(1, 2).flatten(2))


def _turned(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """x (B, N, heads, D), its pairs of features turned by the angles of their place."""
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cosines[..., 0::2], sines[..., 1::2]
    return torch.stack([first * cos - second * sin, first * sin + second * cos], -1).flatten(-2)


class _Net(nn.Module):
    """The transformer as a function of what the page has at hand."""

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = copy.deepcopy(transformer).float().eval()
        self.transformer.set_attn_processor(_Attention())
        for block in self.transformer.blocks:
            for attention in (block.attn1, block.attn2):
                attention.norm_q = _Norm(attention.norm_q)
                attention.norm_k = _Norm(attention.norm_k)

    def forward(self, x: Tensor, given: Tensor, text: Tensor, time: Tensor) -> Tensor:
        return self.transformer(
            hidden_states=torch.cat([x, given], dim=1),
            timestep=time,
            encoder_hidden_states=text,
            return_dict=False,
        )[0]


def export(model: VideoModel, board: Board, prompts: list[str]) -> Exported:
    """A model with the codec of the puzzles, for videos of one board.

    Raises UserError for a model that the page cannot run.
    """
    refuse(model)
    net = model.experts[0]
    shape = model.latent_shape(board.frames, TILE * board.rows, TILE * board.columns)
    texts = {prompt: model.encode_prompts([prompt])[0].float().cpu().numpy() for prompt in prompts}
    length, width = next(iter(texts.values())).shape
    config = model.pipe.vae.config
    codec = {
        "basis": model.pipe.vae.basis.detach().float().cpu().numpy(),
        "mean": model.pipe.vae.mean.detach().float().cpu().numpy(),
        "shift": np.array(config.latents_mean, np.float32),
        "scale": np.array(config.latents_std, np.float32),
    }
    onnx = _onnx(net, shape, (length, width))
    return Exported(model.name, len(net.blocks), onnx, texts, codec)


def refuse(model: VideoModel) -> None:
    """Raises UserError, which says why, for a model that the page cannot run."""
    reasons = {
        "it is not of Wan's kind with the picture in channels": type(model) is not WanModel,
        "its codec is not the linear one of the puzzles": not isinstance(
            model.pipe.vae, LinearVideoCodec
        ),
        "it has two experts": len(model.experts) > 1,
        "it is guided, which takes two passes a step": model.guidances[0] > 1,
    }
    for reason, holds in reasons.items():
        if holds:
            raise UserError(
                f"The playground cannot run {model.name}: {reason}. Leave it out of `models`."
            )


def _onnx(net: nn.Module, shape: tuple[int, ...], text: tuple[int, int]) -> bytes:
    channels, *grid = shape
    given = net.config.in_channels - channels
    sizes = ((1, channels, *grid), (1, given, *grid), (1, *text), (1,))
    out = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # sizes are fixed on purpose; torch's other exporter needs one more package
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Net(net).cpu(),
            tuple(map(torch.zeros, sizes)),
            out,
            input_names=list(INPUTS),
            output_names=["v"],
            opset_version=OPSET,
            dynamo=False,
        )
    return out.getvalue()
