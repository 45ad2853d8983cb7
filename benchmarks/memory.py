"""What decoding takes of operations and memory, and a pass of memory, counted without weights.

    python benchmarks/memory.py

The classes are the real ones. Every tensor of a call is a fake one, which has a shape and no
content, and lives as long as a real one would. The figures of models/known.py come from here.
Operations are those of products and convolutions; workspace of kernels is not counted.
"""

import weakref
from collections.abc import Callable, Iterable

import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLHunyuanVideo15,
    AutoencoderKLLTX2Video,
    AutoencoderKLLTXVideo,
    AutoencoderKLWan,
    WanTransformer3DModel,
)
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode

# of Wan2.2-TI2V-5B
WAN_22 = {"base_dim": 160, "z_dim": 48, "is_residual": True, "in_channels": 12, "out_channels": 12}
WAN_22 |= {"decoder_base_dim": 256, "scale_factor_spatial": 16, "patch_size": 2}
# name -> codec, channels, frames and pixels of a latent position
CODECS = {
    "wan-2.1": (AutoencoderKLWan, 16, 4, 8),
    "wan-2.2": (lambda: AutoencoderKLWan(**WAN_22), 48, 4, 16),
    "ltx": (AutoencoderKLLTXVideo, 128, 8, 32),
    "ltx-2": (AutoencoderKLLTX2Video, 128, 8, 32),
    "cogvideox": (AutoencoderKLCogVideoX, 16, 4, 8),
    "hunyuan": (AutoencoderKLHunyuanVideo15, 32, 4, 16),
}
# name -> heads of 128, width of the feed-forward part, channels in and out, a time for each token
WANS = {
    "14B": (40, 13824, 36, 16, False),
    "1.3B": (12, 8960, 36, 16, False),
    "5B": (24, 14336, 48, 48, True),
}


class Live(TorchDispatchMode):
    """Sums the bytes of the tensors that calls have made and that are still held; peak: at most.

    weights: of what is called; views of them take nothing.
    """

    def __init__(self, weights: Iterable[torch.Tensor] = ()) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known = {weight.untyped_storage()._cdata for weight in weights}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        tree_map_only(torch.Tensor, self._see, made)
        return made

    def _see(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def of_decoding(
    name: str, frames: int, height: int, width: int, *, tiling: bool = False
) -> tuple[int, int]:
    """Bytes of decoding one video beside the weights, and of the weights, in float32."""
    with FakeTensorMode(), torch.no_grad():
        codec, z = _decoding(name, frames, height, width)
        if tiling:
            codec.enable_tiling()
        with Live(codec.parameters()) as live:
            codec.decode(z, return_dict=False)
    return live.peak, bytes_of(codec)


def flops_of_decoding(name: str, frames: int, height: int, width: int) -> int:
    """FLOP of decoding one video, two for a multiplication that is added up."""
    with FakeTensorMode(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        codec, z = _decoding(name, frames, height, width)
        codec.decode(z, return_dict=False)
    return counter.get_total_flops()


def _decoding(name: str, frames: int, height: int, width: int) -> tuple[nn.Module, torch.Tensor]:
    """A codec and the latent of one video."""
    build, channels, span, side = CODECS[name]
    codec = build().eval().requires_grad_(False)
    latent = (frames - 1) // span + 1, height // side, width // side
    return codec, torch.empty(1, channels, *latent)


def of_pass(name: str, frames: int, rows: int, columns: int) -> tuple[int, int, int]:
    """Bytes of one pass in bfloat16 beside the weights, its tokens and its width; of latents."""
    heads, ffn, inside, outside, each = WANS[name]
    with FakeTensorMode(), torch.no_grad():
        net = _in_bfloat16(
            lambda: WanTransformer3DModel(
                num_attention_heads=heads,
                in_channels=inside,
                out_channels=outside,
                ffn_dim=ffn,
                num_layers=2,  # the others take the memory of these again
            )
        )
        tokens = frames * (rows // 2) * (columns // 2)
        x = torch.empty(1, inside, frames, rows, columns, dtype=torch.bfloat16)
        text = torch.empty(1, 512, 4096, dtype=torch.bfloat16)
        with Live(net.parameters()) as live:
            net(x, torch.empty(1, tokens) if each else torch.empty(1), text, return_dict=False)
    return live.peak, tokens, 128 * heads


def _in_bfloat16(build: Callable[[], nn.Module]) -> nn.Module:
    """A transformer whose weights are bfloat16 but those that diffusers keeps in float32."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        net = build().eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(torch.float32)
    for place, module in net.named_modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if any(part in f"{place}.{name}" for part in net._keep_in_fp32_modules):
                setattr(module, name, nn.Parameter(weight.float(), requires_grad=False))
    return net


def bytes_of(module: nn.Module) -> int:
    return sum(weight.numel() * weight.element_size() for weight in module.parameters())


def main() -> None:
    area = 480 * 832
    for name in CODECS:
        few, many = (of_decoding(name, frames, 480, 832)[0] / area for frames in (17, 33))
        of_video = (many - few) / 16
        weights = of_decoding(name, 1, 64, 64)[1]
        flops = flops_of_decoding(name, 81, 480, 832) / (81 * area)
        print(
            f"{name}: {few - 17 * of_video:,.0f} bytes a pixel of a frame, {of_video:.1f} of all "
            f"frames; weights {weights / 1e9:.2f} GB; {flops:.4g} FLOP a pixel and frame"
        )
    for name in WANS:
        (few, n, width), (many, more, _) = (of_pass(name, frames, 60, 104) for frames in (13, 21))
        each = (many - few) / (more - n) / width
        print(f"{name}: {each:.1f} bytes a token and unit of width")


if __name__ == "__main__":
    main()
