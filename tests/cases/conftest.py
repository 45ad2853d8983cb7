"""What the tests of cases share."""

from pathlib import Path

import pytest
import standin
from standin import cos


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Two samples of two tasks, whose videos have 17 and 22 frames of 240 x 240 pixels."""
    root = tmp_path_factory.mktemp("bench")
    standin.write_bench(root, 2, lengths=(17, 22))
    return root


@pytest.fixture(scope="session")
def study(tmp_path_factory, data, build_pocket) -> Path:
    """A folder with a random model, c.yaml, the cases, and the trajectories of both."""
    root = tmp_path_factory.mktemp("study")
    standin.prepare(root, data, build_pocket)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert cos("cases", "--out", "cases") == 0
        for shard in (0, 1):
            out = ("--shard", shard, "--out", f"{shard}.safetensors")
            assert cos("sample", "--model", "pocket", "--cases", "cases", *out) == 0
    return root


@pytest.fixture
def inside(study, monkeypatch) -> Path:
    """The same, as working directory."""
    monkeypatch.chdir(study)
    return study
