"""What is known of model families without their files: sizes as published, for plans and checks.

Dimensions are those of the published configurations; weights are counted in bfloat16, the codec in
float32. Where a directory is at hand, what its files say counts instead. Cheap to import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Known:
    """One architecture.

    z_dim: channels of a latent. scale_factor_temporal, scale_factor_spatial: frames and pixels of a
    latent position. patch_size: latent frames, rows, columns of a token. num_layers, dim, ffn_dim:
    of the transformer; experts: how many there are. expert_gb, text_gb, codec_gb: weights of one
    expert, of the text encoders, of the codec. decode: FLOP of the codec for one pixel of one
    frame, without tiles, which overlap. decode_bytes: what decoding takes beside the weights, for a
    pixel of a frame and for each pixel of all frames; tile: pixels of a tile where it is done in
    tiles. pass_bytes: what a pass takes, for a token and a unit of its width. These were counted by
    benchmarks/memory.py, without the workspace of kernels; bytes of a pass of Wan alone, of which
    others are taken to need as many as the smallest. unsure: what is assumed.
    """

    z_dim: int
    scale_factor_temporal: int
    scale_factor_spatial: int
    patch_size: tuple[int, int, int]
    num_layers: int
    dim: int
    ffn_dim: int
    expert_gb: float
    text_gb: float
    codec_gb: float
    decode: float
    experts: int = 1
    decode_bytes: tuple[float, float] | None = None
    tile: int | None = None
    pass_bytes: float = 32.0
    unsure: str = ""

    @property
    def token(self) -> int:
        """Pixels a side of a token."""
        return self.scale_factor_spatial * self.patch_size[-1]


# published config.json files of Wan 2.1 and 2.2; diffusers' scripts/convert_wan_to_diffusers.py
WAN_14B = Known(
    z_dim=16,
    scale_factor_temporal=4,
    scale_factor_spatial=8,
    patch_size=(1, 2, 2),
    num_layers=40,
    dim=5120,
    ffn_dim=13824,
    expert_gb=28.6,
    text_gb=11.4,
    codec_gb=0.5,
    decode=8.473e6,
    decode_bytes=(19458, 12.3),
    tile=256 * 256,
    pass_bytes=22.2,
)
WAN_A14B = replace(WAN_14B, experts=2)
WAN_SMALL = replace(WAN_14B, num_layers=30, dim=1536, ffn_dim=8960, expert_gb=3.1, pass_bytes=32.0)
WAN_5B = replace(
    WAN_14B,
    z_dim=48,
    scale_factor_spatial=16,
    num_layers=30,
    dim=3072,
    ffn_dim=14336,
    expert_gb=10.0,
    codec_gb=2.8,
    decode=1.845e7,
    decode_bytes=(21515, 12.3),
    pass_bytes=65.0,  # each token has a time of its own
)
# class defaults of diffusers, which are LTX-Video 0.9's; later ones have another decoder
LTX = Known(
    z_dim=128,
    scale_factor_temporal=8,
    scale_factor_spatial=32,
    patch_size=(1, 1, 1),
    num_layers=28,
    dim=2048,
    ffn_dim=8192,
    expert_gb=3.8,
    text_gb=9.5,
    codec_gb=1.7,
    decode=8.76e5,
    decode_bytes=(169, 136.1),
    unsure="the codec is taken to be that of 0.9; passes take memory as those of Wan",
)
# The sizes of the stream of pictures alone, the weights of both streams: those that diffusers'
# scripts/convert_ltx2_to_diffusers.py writes for version 2.0, which are its class defaults.
LTX_2 = replace(
    LTX,
    num_layers=48,
    dim=4096,
    ffn_dim=16384,
    expert_gb=37.8,
    text_gb=24.4,
    codec_gb=4.9,
    decode=1.272e6,
    decode_bytes=(205, 168.9),
    unsure="the text encoder is taken to be Gemma 3 of 12.2 billion, 2.3 to be as large as 2.0; "
    "passes take memory as those of Wan",
)
# 42 blocks of 48 heads as diffusers' scripts/convert_cogvideox_to_diffusers.py has a 5B; two latent
# frames a token as its class has them where patch_size_t is given. The weights are counted so.
COGVIDEOX = replace(
    WAN_14B,
    patch_size=(2, 2, 2),
    num_layers=42,
    dim=3072,
    ffn_dim=12288,
    expert_gb=11.1,
    text_gb=9.5,
    codec_gb=0.9,
    decode=1.858e7,
    decode_bytes=(91560, 0.3),
    tile=240 * 360,
    pass_bytes=32.0,
    unsure="1.5 is taken to have two latent frames a token and the codec of the first version; "
    "passes take memory as those of Wan",
)
# diffusers' scripts/convert_hunyuan_video1_5_to_diffusers.py: 480p_i2v, and its class defaults
HUNYUAN = Known(
    z_dim=32,
    scale_factor_temporal=4,
    scale_factor_spatial=16,
    patch_size=(1, 1, 1),
    num_layers=54,
    dim=2048,
    ffn_dim=8192,
    expert_gb=16.7,
    text_gb=15.5,
    codec_gb=5.0,
    decode=2.514e7,
    decode_bytes=(0, 3072.2),
    tile=256 * 256,
    unsure="the text encoders are taken to be Qwen2.5-VL of 7 billion, its words alone, and ByT5; "
    "passes take memory as those of Wan",
)

# The first pattern that is found in the end of a path or repository counts.
FAMILIES = {
    r"TI2V-5B|VideoRLVR-Wan2\.2": WAN_5B,
    r"(Wan2|SkyReels).*1\.3B": WAN_SMALL,
    r"Wan2\.1|SkyReels-V2": WAN_14B,
    r"Wan2": WAN_A14B,
    r"LTX-2": LTX_2,
    r"LTX": LTX,
    r"CogVideoX1\.5": COGVIDEOX,
    r"HunyuanVideo-1\.5": HUNYUAN,
}


def known_of(name: str) -> Known | None:
    """The architecture of a model by the last part of its path; None for any other."""
    last = name.rstrip("/").rpartition("/")[2]
    return next((known for part, known in FAMILIES.items() if re.search(part, last)), None)


DISK, HASH = 2e9, 0.9e9  # bytes a second that weights are taken to be read at, and sha256 to run
ROOM = 0.92  # of a card's memory that may be taken: 22 of 24 GiB


@dataclass(frozen=True)
class Card:
    """memory_gb: of the card. peak: FLOP a second of dense bfloat16 products, as its maker says.

    share: of the peak that a pass is taken to reach.
    """

    memory_gb: int
    peak: float
    share: float


CARDS = {
    "H200": Card(141, 989e12, 0.45),
    "H100": Card(80, 989e12, 0.45),
    "A100": Card(80, 312e12, 0.5),
    "L40S": Card(48, 362e12, 0.4),
    "RTX 4090": Card(24, 165e12, 0.45),
}
BELIEVED = 0.75  # of the peak; no pass of such a model is known to reach more
