"""diffusers' AutoencoderKLWan with weights that are set, so that what it loses is known.

8 x 8 pixels and 4 frames become 16 channels, as of Wan 2.1: the colour of each square in each of
its frames, and four channels of nothing, rotated at random and brought to the mean 0 and the
deviation 1 of puzzles. What is drawn in tiles of 48 pixels or more is read right afterwards.

Every layer is at work. Convolutions pass on one place, or the mean of those that are joined;
residual blocks and attention add nothing. An output goes through a norm and SiLU, which a large
constant beside it and a large offset make linear.
"""

from collections.abc import Iterable

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanRMS_norm
from torch import Tensor, nn

SIZE = 16  # channels throughout
COLOURS, BEAT, PATCH = 3, 4, 2
Z = 16
OFFSET, CONSTANT = 20.0, 2000.0


@torch.no_grad()
def wan_codec(videos: Iterable[Tensor], seed: int = 0) -> AutoencoderKLWan:
    """The codec; videos: some (1, T, H, W, 3) in [0, 1] whose latents have mean 0, deviation 1."""
    codec = AutoencoderKLWan(
        base_dim=SIZE,
        z_dim=Z,
        dim_mult=[1, 1, 1],
        num_res_blocks=0,
        temperal_downsample=[True, True],
        in_channels=COLOURS * PATCH**2,
        out_channels=COLOURS * PATCH**2,
        patch_size=PATCH,
        latents_mean=[0.0] * Z,
        latents_std=[1.0] * Z,
    ).eval()
    for name, weights in codec.named_parameters():
        if "norm" not in name:
            nn.init.zeros_(weights)
    _set_encoder(codec.encoder)
    _set_decoder(codec.decoder)
    turn = torch.linalg.qr(torch.randn(Z, Z, generator=torch.Generator().manual_seed(seed)))[0]
    codec.quant_conv.weight[:Z, :Z, 0, 0, 0] = turn
    codec.post_quant_conv.weight[:, :, 0, 0, 0] = turn.T
    latents = torch.cat([_encoded(codec, video) for video in videos], dim=1)
    codec.register_to_config(
        latents_mean=latents.mean(1).tolist(),
        latents_std=latents.std(1).clamp(min=0.05).tolist(),
    )
    return codec


def _encoded(codec: AutoencoderKLWan, video: Tensor) -> Tensor:
    """Latents (C, n) of one video."""
    return codec.encode(video.movedim(-1, 1) * 2 - 1).latent_dist.mode()[0].flatten(1)


def _set_encoder(encoder: nn.Module) -> None:
    for colour in range(COLOURS):  # of the squares of 2 x 2 pixels, side by side in channels
        of = slice(colour * PATCH**2, (colour + 1) * PATCH**2)
        encoder.conv_in.weight[colour, of, 2, 1, 1] = 1 / PATCH**2
    frames = COLOURS
    for half in encoder.down_blocks:
        for n in range(SIZE):  # the picture is padded below and to the right
            half.resample[1].weight[n, n, :2, :2] = 1 / 4
        for n in range(frames):  # of three frames the last two are new
            half.time_conv.weight[n, n, 1] = half.time_conv.weight[frames + n, n, 2] = 1
        frames *= 2
    _set_output(encoder, encoder.mid_block.resnets[-1], frames)
    for n in range(frames):
        encoder.conv_out.weight[n, n, 2, 1, 1] = 1
        encoder.conv_out.bias[n] = -OFFSET


def _set_decoder(decoder: nn.Module) -> None:
    frames = COLOURS * BEAT
    for n in range(frames):
        decoder.conv_in.weight[n, n, 2, 1, 1] = 1
    for block in decoder.up_blocks:
        if not isinstance(short := block.resnets[0].conv_shortcut, nn.Identity):
            for n in range(frames):
                short.weight[n, n] = 1
        if block.upsamplers is not None:
            (double,) = block.upsamplers
            frames //= 2
            for n in range(frames):
                double.time_conv.weight[n, n, 2] = double.time_conv.weight[
                    SIZE + n, frames + n, 2
                ] = 1
                double.resample[1].weight[n, n, 1, 1] = 1
    _set_output(decoder, decoder.up_blocks[-1].resnets[-1], COLOURS)
    for colour in range(COLOURS):
        of = slice(colour * PATCH**2, (colour + 1) * PATCH**2)
        decoder.conv_out.weight[of, colour, 2, 1, 1] = 1
        decoder.conv_out.bias[of] = -OFFSET


def _set_output(part: nn.Module, last: nn.Module, channels: int) -> None:
    """Has `channels` come to the last convolution with an offset added, and nothing else changed.

    last: the residual block before.
    """
    norm: WanRMS_norm = part.norm_out
    last.conv2.bias[:channels] = OFFSET
    last.conv2.bias[-1] = CONSTANT
    length = (CONSTANT**2 + channels * OFFSET**2) ** 0.5
    norm.gamma.zero_()
    norm.gamma[:channels] = length / norm.scale
