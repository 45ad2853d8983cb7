"""The reader of tiny decoders against one that goes frame by frame; files that are none."""

import pytest
import tae
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from chain_of_steps.errors import UserError
from chain_of_steps.models.tiny_decoder import TinyDecoder


def by_frames(weights: dict, growth, patch: int, latent: torch.Tensor) -> torch.Tensor:
    """(C, F, h, w) -> (T, 3, H, W): each latent frame through all layers, memories kept by hand."""
    memories, shown = {}, []

    def go(x, n, block, part):
        if block == 3:
            x = F.conv2d(F.relu(x), weights[f"decoder.{n + 1}.weight"], None, padding=1)
            shown.append(
                F.pixel_shuffle(x + weights[f"decoder.{n + 1}.bias"][:, None, None], patch)
            )
            return
        if part < 3:
            before = memories.get(n, torch.zeros_like(x))
            memories[n] = x
            y = torch.cat([x, before])
            for place in (0, 2, 4):
                name = f"decoder.{n}.conv.{place}"
                y = F.conv2d(y, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)
                y = y if place == 4 else y.clamp(min=0)
            return go((y + x).clamp(min=0), n + 1, block, part + 1)
        x = x.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
        kernel = weights[f"decoder.{n + 1}.conv.weight"][:, :, 0, 0]
        for piece in torch.einsum("oi,ihw->ohw", kernel, x).chunk(growth[block]):
            go(F.conv2d(piece, weights[f"decoder.{n + 2}.weight"], padding=1), n + 3, block + 1, 0)

    for x in latent.unbind(1):
        x = 3 * torch.tanh(x / 3)
        x = F.conv2d(x, weights["decoder.1.weight"], weights["decoder.1.bias"], padding=1)
        go(x.clamp(min=0), 3, 0, 0)
    return torch.stack(shown)


@pytest.mark.parametrize(
    ("channels", "patch", "growth"),
    [(16, 1, (1, 2, 2)), (48, 2, (1, 2, 2)), (128, 4, (2, 2, 2))],  # Wan 2.1, Wan 2.2, LTX
)
def test_it_shows_what_a_decoder_shows_that_goes_frame_by_frame(tmp_path, channels, patch, growth):
    weights = tae.file_of(channels, patch, growth)
    save_file(weights, tmp_path / "tae.safetensors")
    decoder = TinyDecoder.load(tmp_path / "tae.safetensors")
    stride = growth[0] * growth[1] * growth[2]
    assert (decoder.channels, decoder.patch, decoder.stride) == (channels, patch, stride)
    latents = torch.randn(2, channels, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    video = decoder(latents)
    assert video.shape == (2, 2 * stride + 1, 4 * 8 * patch, 5 * 8 * patch, 3)
    assert 0 <= video.min() < video.max() <= 1
    for row, shown in zip(latents, video, strict=True):
        expected = by_frames(weights, growth, patch, row)[stride - 1 :].clamp(0, 1)
        assert torch.allclose(shown, expected.permute(0, 2, 3, 1), atol=1e-5)
    # later frames do not change earlier ones
    assert torch.allclose(decoder(latents[:, :, :2]), video[:, : stride + 1], atol=1e-6)


def test_what_is_no_such_decoder_is_one_sentence(tmp_path):
    decoder = TinyDecoder(tae.file_of(16, 1, (1, 2, 2)))
    with pytest.raises(UserError, match="16 channels and the model has 48: give the file"):
        decoder(torch.zeros(1, 48, 1, 2, 2))
    broad = {"decoder.0.weight": torch.zeros(8, 16, 1, 1)}  # those called super begin so
    for weights in ({}, {"decoder.conv_in.weight": torch.zeros(1)}, broad):
        with pytest.raises(UserError, match="holds no decoder of the family TAEHV: give a file"):
            TinyDecoder(weights)
    (tmp_path / "no.safetensors").write_text("text")
    for name in ("no.safetensors", "absent.safetensors"):
        with pytest.raises(UserError, match=f"{name} is no safetensors file: write the path"):
            TinyDecoder.load(tmp_path / name)
