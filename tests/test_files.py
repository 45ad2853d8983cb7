"""Files are whole or absent, whatever ends the writer; JSON and digests are canonical."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tables import SUFFIXES, frame, names

from chain_of_steps import files
from chain_of_steps.artifacts import load_tensors, read_table, save_tensors, write_table
from chain_of_steps.errors import UserError
from chain_of_steps.files import atomic_path, digest_file, digest_json, read_json, write_json
from chain_of_steps.manifests import check_manifest


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
        patch.setattr(files, "_fsync", fail)
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
