"""The linear decoder finds the maps that made its pictures; a tiny one is taken as the codec."""

import pytest
import tae
import tiny
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from chain_of_steps.errors import UserError
from chain_of_steps.models.decoders import projected, tiny_from
from chain_of_steps.models.projection import Projection
from chain_of_steps.models.tiny_decoder import TinyDecoder
from chain_of_steps.models.wan import WanModel

CHANNELS, SIDE = 3, 4


def filmed(latents, kernels, first, stride, ahead):
    """Videos (B, T, H, W, 3): every pixel frame is a convolution of its latent frame."""
    frames = []
    for at in range(ahead, latents.shape[2]):
        padded = F.pad(latents[:, :, at], (1,) * 4, mode="replicate")
        for kernel in [first] if at == ahead else kernels:
            pixels = F.conv2d(padded, kernel) + 0.5
            frames.append(F.pixel_shuffle(pixels, SIDE).permute(0, 2, 3, 1))
    video = torch.stack(frames, dim=1)
    assert video.min() > 0 and video.max() < 1  # or the clamp would be part of it
    assert video.shape[1] == 1 + stride * (latents.shape[2] - ahead - 1)
    return video


@pytest.mark.parametrize(("stride", "ahead"), [(4, 0), (4, 1), (8, 0)])
def test_it_finds_the_maps_that_made_the_pictures(stride, ahead):
    rng = torch.Generator().manual_seed(0)
    shape = (3 * SIDE**2, CHANNELS, 3, 3)
    first, *kernels = (0.01 * torch.randn(*shape, generator=rng) for _ in range(stride + 1))
    latents = torch.randn(3, CHANNELS, 4 + ahead, 12, 14, generator=rng)
    videos = filmed(latents, kernels, first, stride, ahead)
    frames = [0, stride, 2 * stride - 1, 3 * stride]
    known = zip(latents[:2], videos[:2], strict=True)
    found = Projection.fit(known, frames, stride=stride, side=SIDE, ahead=ahead)
    expected = {(True, 0): first}
    expected |= {(False, stride - n): kernels[-n] for n in (1, 2)}
    assert found.maps.keys() == expected.keys()
    for place, kernel in expected.items():
        weights, offsets = found.maps[place]
        assert torch.allclose(weights, kernel, atol=1e-4)  # a thousandth is the pull's
        assert torch.allclose(offsets, torch.full_like(offsets, 0.5), atol=1e-3)
    unseen = found.decode(latents[2:], frames)
    assert torch.allclose(unseen, videos[2:, frames], atol=1e-3)
    with pytest.raises(KeyError):
        found.decode(latents, [1])


def test_few_positions_say_nothing_of_neighbours():
    rng = torch.Generator().manual_seed(0)
    kernel = torch.zeros(3 * SIDE**2, CHANNELS, 3, 3)
    kernel[..., 1, 1] = 0.01 * torch.randn(*kernel.shape[:2], generator=rng)
    latents = torch.randn(2, CHANNELS, 2, 8, 8, generator=rng)  # 64 positions, for 28 numbers
    videos = filmed(latents, [kernel] * 4, kernel, 4, 0)
    found = Projection.fit([(latents[0], videos[0])], [0, 4], stride=4, side=SIDE)
    for weights, _ in found.maps.values():
        assert weights.shape[-2:] == (1, 1)
        assert torch.allclose(weights[..., 0, 0], kernel[..., 1, 1], atol=1e-4)
    assert torch.allclose(found.decode(latents[1:], [0, 4]), videos[1:, [0, 4]], atol=1e-3)


def test_a_real_codec_is_approached_and_not_reached():
    """AutoencoderKLWan with random weights, which is not linear."""
    model = WanModel(tiny.pipeline())
    latents = torch.randn(3, 16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    frames = [0, 5, 8]
    decoder = projected(model, latents[:2], frames)
    full, cheap = model.decode(latents, frames), decoder.decode(latents, frames)
    assert cheap.shape == full.shape
    off = (full - cheap).flatten(1).std(1)
    flat = full.flatten(1).std(1)
    assert (off[:2] < 0.9 * flat[:2]).all()  # of what it was fitted to
    assert (off > 1e-3).all()


def test_a_tiny_decoder_takes_the_place_of_the_codec(tmp_path):
    weights = tae.file_of(16, 1, (1, 2, 2))
    save_file(weights, tmp_path / "tae.safetensors")
    model = WanModel(tiny.pipeline(), name="small")
    latents = torch.randn(2, 16, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    decoder = tiny_from(tmp_path / "tae.safetensors")(model, latents, [0, 8])
    video = TinyDecoder(weights)(latents)
    assert torch.allclose(decoder.decode(latents, [8, 0]), video[:, [8, 0]], atol=1e-6)
    save_file(tae.file_of(16, 2, (2, 2, 2)), tmp_path / "other.safetensors")
    with pytest.raises(
        UserError, match="8 frames and 16 pixels a latent position, and small has 4"
    ):
        tiny_from(tmp_path / "other.safetensors")(model, latents, [0])
