"""Artifacts are whole or absent, repeatable byte for byte, and tell when they were changed."""

import gzip
import hashlib
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from chain_of_steps import artifacts
from chain_of_steps.artifacts import load_tensors, read_table, save_tensors, write_table
from chain_of_steps.errors import UserError
from chain_of_steps.files import atomic_path, digest_file, digest_json, read_json, write_json
from chain_of_steps.manifests import check_manifest, write_manifest

SUFFIXES = [".parquet", ".csv", ".csv.gz"]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@dataclass(frozen=True)
class Setting:
    where: Path
    share: float


# Atomic writes


def test_atomic_path_shows_the_file_only_when_it_is_whole(tmp_path):
    target = tmp_path / "new" / "table.csv.gz"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == target.parent
        assert temporary.name.endswith("table.csv.gz")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert names(target.parent) == ["table.csv.gz"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_atomic_path_keeps_the_old_file_after_an_exception(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_atomic_path_replaces_a_directory(tmp_path):
    for text in ("first", "second"):
        with atomic_path(tmp_path / "model") as temporary:
            (temporary / "inner").mkdir(parents=True)
            (temporary / "inner" / f"{text}.txt").write_text(text)
        assert names(tmp_path) == ["model"]
        assert names(tmp_path / "model" / "inner") == [f"{text}.txt"]
    with pytest.raises(ValueError), atomic_path(tmp_path / "model") as temporary:
        temporary.mkdir()
        raise ValueError
    assert names(tmp_path / "model" / "inner") == ["second.txt"]


def test_atomic_path_refuses_to_finish_with_nothing_written(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        pass
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.json", lambda path: write_json(path, {"a": 1})),
        *((f"a{suffix}", lambda path: write_table(path, frame())) for suffix in SUFFIXES),
        ("a.safetensors", lambda path: save_tensors(path, {"a": torch.ones(3)})),
    ],
)
def test_every_writer_leaves_the_old_file_when_the_disk_fails(tmp_path, monkeypatch, name, write):
    def fail(path):
        raise OSError("no space left on device")

    (tmp_path / name).write_text("old")
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(artifacts, "_fsync", fail)
        write(tmp_path / name)
    assert (tmp_path / name).read_text() == "old"
    assert names(tmp_path) == [name]
    write(tmp_path / name)
    assert (tmp_path / name).read_bytes() != b"old"


# JSON


def test_json_round_trip_of_the_kinds_a_study_has(tmp_path):
    path = tmp_path / "a.json"
    content = {"z": np.float32(0.5), "a": [np.int64(3), math.nan, True, None], "σ": "é"}
    write_json(path, content | {"s": Setting(Path("x/y"), math.inf), "t": np.arange(3)})
    found = read_json(path)
    assert found["z"] == 0.5
    assert found["a"] == [3, None, True, None]
    assert found["σ"] == "é"
    assert found["s"] == {"where": "x/y", "share": None}
    assert found["t"] == [0, 1, 2]
    assert list(found) == ["z", "a", "σ", "s", "t"]


@pytest.mark.parametrize("content", [b'{"a": 1', b"", b"\xff\xfe\x00"])
def test_corrupt_json_is_named(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.json is not .*delete it"):
        read_json(path)


def test_missing_files_are_named(tmp_path):
    path = tmp_path / "absent"
    reads = [read_json, load_tensors, digest_file, check_manifest]
    for read in reads:
        with pytest.raises(UserError, match=r"absent.* does not exist"):
            read(path)
    with pytest.raises(UserError, match=r"absent\.csv does not exist"):
        read_table(path.with_suffix(".csv"))


# Tables


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "task": ["maze", "None", "a,b", 'say "x"'],
            "step": [0, 1, 2, 3],
            "sigma": [1.0, 1 / 3, math.nan, 1e-17],
            "right": [True, False, True, True],
        },
        index=[5, 6, 7, 8],
    )


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
    with pytest.raises(UserError, match=f"runs{suffix} is not a readable table.*delete it"):
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


def test_truncated_tensors_are_named(tmp_path):
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"a": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match=r"x\.safetensors is not a readable tensor file"):
        load_tensors(path)


# Digests


def test_digest_of_file_and_directory(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"abc")
    assert digest_file(tmp_path / "d" / "a") == hashlib.sha256(b"abc").hexdigest()
    seen = {digest_file(tmp_path / "d")}
    (tmp_path / "d" / "a").write_bytes(b"abd")
    seen.add(digest_file(tmp_path / "d"))
    (tmp_path / "d" / "a").rename(tmp_path / "d" / "b")
    seen.add(digest_file(tmp_path / "d"))
    assert len(seen) == 3
    (tmp_path / "d" / "__pycache__").mkdir()
    (tmp_path / "d" / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert digest_file(tmp_path / "d") in seen


def test_digest_json_is_canonical():
    canonical = '{"a":[1,2.5,null],"b":{"c":"\\u03c3"}}'
    expected = hashlib.sha256(canonical.encode()).hexdigest()
    assert digest_json({"b": {"c": "σ"}, "a": (1, np.float64(2.5), None)}) == expected
    assert digest_json({"a": 1}) != digest_json({"a": "1"})
    with pytest.raises(ValueError):
        digest_json({"a": math.nan})


# Manifests


def test_manifest_records_what_made_the_artifact(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("steps: 50")
    write_table("runs.csv", frame())
    where = write_manifest(
        "runs.csv",
        inputs=[tmp_path / "config.yaml"],
        parameters={"seed": 3, "model": Path("models/pocket")},
        nfe=1200,
        seconds=1.23456,
    )
    assert where == Path("runs.csv.manifest.json")
    manifest = check_manifest("runs.csv")
    assert manifest == json.loads(where.read_text())
    assert manifest["sha256"] == hashlib.sha256(Path("runs.csv").read_bytes()).hexdigest()
    assert manifest["inputs"] == {"config.yaml": hashlib.sha256(b"steps: 50").hexdigest()}
    assert manifest["parameters"] == {"seed": 3, "model": "models/pocket"}
    assert (manifest["nfe"], manifest["seconds"]) == (1200, 1.235)
    assert manifest["versions"]["torch"] == torch.__version__
    assert str(tmp_path) not in where.read_text()


def test_changed_artifacts_are_named(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"0123456789")
    with pytest.raises(UserError, match=r"x\.bin\.manifest\.json does not exist"):
        check_manifest(path)
    write_manifest(path, inputs={"model": "abc"}, parameters={}, nfe=0, seconds=0.0)
    assert check_manifest(path)["inputs"] == {"model": "abc"}
    path.write_bytes(b"01234")
    with pytest.raises(UserError, match=r"x\.bin is truncated \(5 of 10 bytes\)"):
        check_manifest(path)
    path.write_bytes(b"0123456780")
    with pytest.raises(UserError, match=r"x\.bin was altered"):
        check_manifest(path)
    path.unlink()
    with pytest.raises(UserError, match=r"x\.bin does not exist"):
        check_manifest(path)
    (tmp_path / "x.bin.manifest.json").write_text("{}")
    with pytest.raises(UserError, match="no size and digest"):
        check_manifest(path)


def test_manifest_of_a_directory(tmp_path):
    path = tmp_path / "pocket"
    path.mkdir()
    (path / "weights").write_bytes(b"w" * 10)
    write_manifest(path, parameters={}, seconds=0.0)
    check_manifest(path)
    (path / "weights").write_bytes(b"v" * 10)
    with pytest.raises(UserError, match="pocket was altered"):
        check_manifest(path)


def test_importing_artifacts_is_cheap():
    """Every job of the workflow pays for it."""
    code = (
        "import sys, chain_of_steps.artifacts as a; "
        "print(*{'torch', 'pandas', 'diffusers'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout.split() == []
