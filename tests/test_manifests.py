"""Manifests tell what made an artifact, and when it was changed."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from tables import frame

from chain_of_steps.artifacts import write_table
from chain_of_steps.errors import UserError
from chain_of_steps.manifests import check_manifest, write_manifest


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
    # of the wheel; torch adds what it was built for
    assert torch.__version__.startswith(manifest["versions"]["torch"])
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
