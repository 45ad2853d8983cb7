"""Tables and tensors come back as they were, repeatable byte for byte, or are named."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from tables import SUFFIXES, frame, names

from chain_of_steps.artifacts import load_tensors, read_table, save_tensors, write_table
from chain_of_steps.errors import UserError
from chain_of_steps.files import atomic_path, digest_file

# Tables


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_table_round_trip_is_exact(tmp_path, suffix):
    path = tmp_path / f"runs{suffix}"
    write_table(path, frame())
    pd.testing.assert_frame_equal(read_table(path), frame().reset_index(drop=True))
    assert list(read_table(path, columns=["sigma", "task"]).columns) == ["sigma", "task"]


def test_csv_keeps_every_digit(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.standard_normal(5000) * 10.0 ** rng.integers(-300, 300, 5000)
    write_table(tmp_path / "a.csv", pd.DataFrame({"x": values}))
    np.testing.assert_array_equal(read_table(tmp_path / "a.csv")["x"], values)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_tables_have_equal_bytes(tmp_path, suffix, monkeypatch):
    write_table(tmp_path / f"a{suffix}", frame())
    monkeypatch.setattr("time.time", lambda: 4e9)
    write_table(tmp_path / f"b{suffix}", frame())
    first = (tmp_path / f"a{suffix}").read_bytes()
    assert first == (tmp_path / f"b{suffix}").read_bytes()
    if suffix == ".csv.gz":
        assert first[4:8] == bytes(4)  # the time field of the gzip header
        assert gzip.decompress(first).startswith(b"task,step,sigma,right\n")


@pytest.mark.parametrize("suffix", [".parquet", ".csv.gz"])
def test_truncated_table_is_named(tmp_path, suffix):
    path = tmp_path / f"runs{suffix}"
    write_table(path, frame())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=f"runs{suffix} is not a readable table.*move it away"):
        read_table(path)


def test_missing_column_and_unknown_suffix_are_named(tmp_path):
    write_table(tmp_path / "a.csv", frame())
    with pytest.raises(UserError, match=r"a\.csv has no column seed, write one of task, step"):
        read_table(tmp_path / "a.csv", columns=["task", "seed"])
    for act in (lambda path: write_table(path, frame()), read_table):
        with pytest.raises(UserError, match=r"a\.xlsx.*\.parquet, \.csv, \.csv\.gz"):
            act(tmp_path / "a.xlsx")
    assert names(tmp_path) == ["a.csv"]


# Tensors


def test_tensor_round_trip_with_views_and_shared_storage(tmp_path):
    base = torch.arange(24.0).reshape(2, 3, 4)
    tensors = {"row": base[1], "turned": base.mT, "half": base.half(), "same": base, "again": base}
    metadata = {"seed": 3, "shape": [1, 2], "name": "pocket"}
    save_tensors(tmp_path / "x.safetensors", tensors, metadata)
    loaded, found = load_tensors(tmp_path / "x.safetensors")
    assert found == metadata
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_equal_tensors_have_equal_bytes_whatever_the_order_of_metadata(tmp_path):
    digests = set()
    for i in range(8):
        keys = [f"key{j}" for j in range(6)]
        metadata = dict.fromkeys(keys if i % 2 else keys[::-1], "value")
        save_tensors(tmp_path / f"{i}.safetensors", {"a": torch.ones(2)}, metadata)
        digests.add(digest_file(tmp_path / f"{i}.safetensors"))
    assert len(digests) == 1


@pytest.mark.parametrize(("umask", "mode"), [(0o002, 0o664), (0o022, 0o644), (0o077, 0o600)])
def test_the_umask_of_the_user_says_who_may_read(tmp_path, umask, mode):
    """safetensors alone would let nobody else of a group read what lies in a shared checkout."""
    old = os.umask(umask)
    try:
        save_tensors(tmp_path / "a.safetensors", {"a": torch.ones(2)})
        write_table(tmp_path / "a.parquet", frame())
        with atomic_path(tmp_path / "model") as folder:
            save_tensors(folder / "a.safetensors", {"a": torch.ones(2)})
    finally:
        os.umask(old)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name: path.stat().st_mode & 0o777 for path in files} == dict.fromkeys(
        ("a.safetensors", "a.parquet", ".cos.json"), mode
    )


def test_truncated_tensors_are_named(tmp_path):
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"a": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match=r"x\.safetensors is not a readable tensor file"):
        load_tensors(path)


# Manifests


def test_importing_artifacts_is_cheap():
    """Every job of the workflow pays for it."""
    code = (
        "import sys, chain_of_steps.artifacts as a; "
        "print(*{'torch', 'pandas', 'diffusers'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout.split() == []
