"""Files of tiny decoders with random weights."""

import torch

WIDTHS = [12, 8, 6, 6]


def file_of(channels: int, patch: int, growth: tuple[int, ...], seed: int = 0) -> dict:
    """Random weights, with the names and the order of layers that such files have."""
    generator = torch.Generator().manual_seed(seed)
    found, n = {}, 1

    def put(name, *shape):
        scale = (0.5 / (shape[1] * shape[2] ** 2)) ** 0.5 if len(shape) > 1 else 0.1
        found[f"decoder.{n}.{name}"] = scale * torch.randn(*shape, generator=generator)

    put("weight", WIDTHS[0], channels, 3, 3), put("bias", WIDTHS[0])
    n += 2  # the clamp came before, a ReLU behind
    for width, following, grown in zip(WIDTHS, WIDTHS[1:], growth, strict=False):
        for _ in range(3):
            for place, wide in ((0, 2 * width), (2, width), (4, width)):
                put(f"conv.{place}.weight", width, wide, 3, 3), put(f"conv.{place}.bias", width)
            n += 1
        n += 1  # twice as large
        put("conv.weight", width * grown, width, 1, 1)
        n += 1
        put("weight", following, width, 3, 3)
        n += 1
    n += 1
    put("weight", 3 * patch**2, WIDTHS[-1], 3, 3), put("bias", 3 * patch**2)
    return found | {"encoder.0.weight": torch.zeros(1)}
