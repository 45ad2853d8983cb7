"""The memory that plans count is what the real classes take, without their weights."""

import importlib.util
from pathlib import Path

import pytest
from repository import ROOT
from torch import nn

from chain_of_steps.cases.sources import Shape
from chain_of_steps.costs import Makeup, OnCard
from chain_of_steps.models.known import COGVIDEOX as COG
from chain_of_steps.models.known import HUNYUAN, LTX, LTX_2, WAN_5B, WAN_14B
from chain_of_steps.study.config import load_config

# those of benchmarks/memory.py
CODECS = {
    "wan-2.1": WAN_14B,
    "wan-2.2": WAN_5B,
    "ltx": LTX,
    "ltx-2": LTX_2,
    "cogvideox": COG,
    "hunyuan": HUNYUAN,
}


@pytest.fixture(scope="module")
def memory():
    spec = importlib.util.spec_from_file_location("memory", ROOT / "benchmarks/memory.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def makeup_of(name: str) -> Makeup:
    files: list[Path] = [ROOT / "config.yaml", ROOT / "config" / f"{name}.yaml"]
    return Makeup.of(next(iter(load_config(files).models.values())))


def test_what_is_held_counts_and_what_is_let_go_does_not(memory):
    import torch

    with memory.Live() as live:
        held = [torch.empty(1000, dtype=torch.uint8) for _ in range(3)]
        held.pop()
        view = held[0].view(10, 100)
        other = torch.empty(500, dtype=torch.uint8)
    assert live.peak == 3000
    assert live.now == 2500
    del held, view, other
    assert live.now == 0


@pytest.mark.parametrize("codec", [name for name in CODECS if name != "hunyuan"])
def test_decoding_takes_the_memory_that_was_counted(memory, codec):
    """Counted again on the real class, at another size: of its calls' tensors, and its weights."""
    known = CODECS[codec]
    for frames in (17, 25):
        peak, weights = memory.of_decoding(codec, frames, 256, 384)
        of_frame, of_video = known.decode_bytes
        assert peak == pytest.approx((of_frame + of_video * frames) * 256 * 384, rel=0.03)
    assert weights == pytest.approx(known.codec_gb * 1e9, rel=0.05)


@pytest.mark.parametrize("codec", CODECS)
def test_decoding_takes_the_operations_that_were_counted(memory, codec):
    """Counted again on the real class, at another size and length."""
    counted = memory.flops_of_decoding(codec, 33, 256, 384)
    assert counted == pytest.approx(CODECS[codec].decode * 33 * 256 * 384, rel=0.03)


def test_operations_of_a_codec_are_those_of_its_products(memory, monkeypatch):
    """One convolution of 3 x 3 x 3, from 4 to 5 channels, on 2 x 6 x 8 positions."""

    class Codec(nn.Module):
        def __init__(self):
            super().__init__()
            self.only = nn.Conv3d(4, 5, 3, padding=1)

        def decode(self, z, return_dict):
            return self.only(z)

    monkeypatch.setitem(memory.CODECS, "one", (Codec, 4, 4, 8))
    assert memory.flops_of_decoding("one", 5, 48, 64) == 2 * (27 * 4) * 5 * (2 * 6 * 8)


@pytest.mark.slow
def test_tiles_take_the_memory_that_was_counted(memory):
    peak, _ = memory.of_decoding("wan-2.1", 9, 448, 448, tiling=True)
    makeup = makeup_of("wan2.1")
    shape = Shape(448, 448, 9)
    counted = OnCard.of(makeup, shape, "model", batch=1, tiling=True).decode - 0.5e9
    assert peak == pytest.approx(counted, rel=0.1)


@pytest.mark.parametrize(
    ("name", "config"), [("14B", "vbvr-wan2.2"), ("1.3B", "wan2.1-fun-1.3b"), ("5B", "ti2v-5b")]
)
def test_a_pass_takes_the_memory_that_was_counted(memory, name, config):
    few, many = (memory.of_pass(name, frames, 60, 104) for frames in (9, 13))
    makeup = makeup_of(config)
    assert few[2] == makeup.dim
    # beside what does not grow with tokens
    each = (many[0] - few[0]) / (many[1] - few[1]) / makeup.dim
    assert each == pytest.approx(makeup.like.pass_bytes, rel=0.05)
