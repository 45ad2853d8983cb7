"""Measures one forward pass of a transformer with the shape of Wan2.2-A14B, on a GPU.

    python benchmarks/bench_gpu.py --out benchmarks

Weights are random, since time does not depend on them: 480 x 832, 81 frames, bfloat16. Writes
gpu.csv: seconds of a pass, its share of the bfloat16 matmul peak measured beside it, what hooks on
every block add (empty ones, and those of the energy analysis), and peak memory.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from chain_of_steps.artifacts import write_table
from chain_of_steps.experiments.layers.energy import TokenSums
from chain_of_steps.probes import hooked

A14B = {
    "num_attention_heads": 40,
    "attention_head_dim": 128,
    "in_channels": 36,
    "out_channels": 16,
    "text_dim": 4096,
    "ffn_dim": 13824,
    "num_layers": 40,
}
LATENT = (21, 60, 104)  # 81 frames of 480 x 832
TEXT = 512  # tokens
ROUNDS = 3
BOUND = 0.02  # hooks may add this share of a pass


@dataclass
class Pass:
    """What `hooked` needs to know of the forward pass under way."""

    site: tuple[int, int, str] | None = (0, 0, "cond")


def seconds(action: Callable[[], object], device: torch.device, rounds: int = ROUNDS) -> float:
    """The fastest of some rounds after one to warm up."""
    times = []
    for _ in range(rounds + 1):
        _synchronise(device)
        started = time.perf_counter()
        action()
        _synchronise(device)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def matmul_peak(device: torch.device, size: int) -> float:
    """FLOP a second of a product of square bfloat16 matrices."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / seconds(lambda: a @ b, device, rounds=10)


def flop(config: Any, latent: tuple[int, int, int]) -> int:
    """Floating-point operations of the matrix products and attention of all blocks."""
    n, d = math.prod(latent) // 4, config.num_attention_heads * config.attention_head_dim
    products = 6 * n * d**2 + 2 * TEXT * d**2 + 2 * n * d * config.ffn_dim
    attention = 2 * n * d * (n + TEXT)
    return 2 * config.num_layers * (products + attention)


@torch.no_grad()
def measure(
    device: torch.device, shape: dict[str, Any], latent: tuple[int, int, int], peak: float
) -> dict[str, Any]:
    """One row of the table. shape: fields of a WanTransformer3DModel; peak in FLOP a second."""
    from diffusers import WanTransformer3DModel

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)  # or 14 B weights would be float32 for a moment
    try:
        with device:
            net = WanTransformer3DModel(**shape).eval()
            given = {
                "hidden_states": torch.randn(1, shape["in_channels"], *latent),
                "encoder_hidden_states": torch.randn(1, TEXT, shape["text_dim"]),
                "timestep": torch.full((1,), 900.0, dtype=torch.float32),
            }
    finally:
        torch.set_default_dtype(default)

    def forward() -> None:
        net(**given, return_dict=False)

    def with_hooks(**hooks) -> float:
        with hooked(Pass(), [net.blocks], **hooks) if hooks else nullcontext():
            return seconds(forward, device)

    plain, work = with_hooks(), flop(net.config, latent)
    weights = sum(weight.numel() for weight in net.parameters())
    return {
        "weights": weights,
        "tokens": math.prod(latent) // 4,
        "tflop": work / 1e12,
        "seconds": plain,
        "matmul_peak_tflop_s": peak / 1e12,
        "share_of_peak": work / plain / peak,
        "empty_hooks": with_hooks(read=lambda site, before, after: None) / plain - 1,
        "energy_hooks": with_hooks(read=TokenSums(top=4)) / plain - 1,
        "hook_bound": BOUND,
        "peak_gb": torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None,
    }


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks"), help="folder of gpu.csv")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("bench_gpu.py: no CUDA here: run it on a machine with a GPU.", file=sys.stderr)
        return 1
    device = torch.device("cuda")
    row = measure(device, A14B, LATENT, matmul_peak(device, 8192))
    table = pd.DataFrame([{"device": torch.cuda.get_device_name(device), **row}])
    write_table(arguments.out / "gpu.csv", table)
    print(table.T.to_string(header=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
