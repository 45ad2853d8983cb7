"""The GPU benchmark, on a small shape without a GPU."""

import importlib.util
import subprocess
import sys

import pytest
import torch
from diffusers import WanTransformer3DModel
from repository import ROOT
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

SCRIPT = ROOT / "benchmarks/bench_gpu.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_gpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_gpu"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_sentence_says_so(tmp_path):
    command = [sys.executable, str(SCRIPT), "--out", str(tmp_path)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "bench_gpu.py: no CUDA here: run it on a machine with a GPU.\n"
    assert not list(tmp_path.iterdir())


def test_a_pass_is_counted_and_timed(bench, monkeypatch):
    monkeypatch.setattr(bench, "TEXT", 16)
    shape = {**bench.A14B, "num_attention_heads": 4, "attention_head_dim": 24, "ffn_dim": 256}
    shape |= {"num_layers": 2, "text_dim": 32}
    latent = (3, 12, 12)
    row = bench.measure(torch.device("cpu"), shape, latent, peak=1e12)
    assert row["tokens"] == 3 * 6 * 6
    assert row["share_of_peak"] == pytest.approx(row["tflop"] / row["seconds"])
    assert row["seconds"] > 0
    assert torch.get_default_dtype() == torch.float32

    net = WanTransformer3DModel(**shape)
    assert row["weights"] == sum(weight.numel() for weight in net.parameters())
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        net(torch.randn(1, 36, *latent), torch.ones(1), torch.randn(1, 16, 32))
    # torch also counts what is outside the blocks: patches, time, text, output
    assert row["tflop"] * 1e12 <= counter.get_total_flops() < row["tflop"] * 1.2e12
