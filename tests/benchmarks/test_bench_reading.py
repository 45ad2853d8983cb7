"""The benchmark of reading, on a small codec."""

import importlib.util

import tiny
from repository import ROOT


def test_what_is_measured_is_beside_the_codec():
    spec = importlib.util.spec_from_file_location(
        "bench_reading", ROOT / "benchmarks/bench_reading.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = module.measure(tiny.vae()).set_index("what")
    codec, projection = (table.loc[f"a look by the {one}"] for one in ("codec", "projection"))
    assert codec.ratio == 1 and projection.ratio == projection.seconds / codec.seconds
    assert 0 < projection.seconds < codec.seconds
