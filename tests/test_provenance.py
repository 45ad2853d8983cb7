"""A result is compared with what would make it now: settings, code, inputs, by their content."""

import json
import os
import random
from pathlib import Path

import pytest

from chain_of_steps import provenance
from chain_of_steps.files import digest_file, manifest_path
from chain_of_steps.provenance import Digests, Made, changed, differing

SETTINGS = {"sampler": {"steps": 6, "shift": 3.0}, "seeds": [0, 1]}


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A result `out`, made from `cases` by six steps."""
    monkeypatch.chdir(tmp_path)
    Path("cases").write_text("cases")
    Path("out").write_text("numbers")
    made = Made("sample", SETTINGS, "code", {"cases": digest_file("cases"), "model": "weights"})
    provenance.record([Path("out")], made)
    return tmp_path


def why(settings=SETTINGS, code="code", weights="weights", command="sample") -> str | None:
    return changed(Path("out"), Made(command, settings, code, {"model": weights}), Digests(None))


def test_what_was_made_by_the_same_is_as_it_should_be(study):
    assert why() is None
    os.utime("out")
    os.utime("cases", (0, 0))
    assert why() is None, "a time is no content"


def test_what_differs_is_named(study):
    other = {**SETTINGS, "sampler": {"steps": 8, "shift": 3.0}}
    assert why(other) == "with other settings (sampler.steps 6, now 8)"
    assert why({**SETTINGS, "new": 1}) == "with other settings (new missing, now 1)"
    assert why(code="other") == "by other code"
    assert why(weights="other") == "from another model"
    assert why(command="read").startswith("by another command")
    Path("cases").write_text("other")
    assert why() == "from another cases"


def test_no_manifest_and_a_torn_one_are_no_proof(study):
    for text in ("{", "[]", "{}", json.dumps({"made": 3})):
        manifest_path(Path("out")).write_text(text)
        assert why() == "by what no manifest says"
    manifest_path(Path("out")).unlink()
    assert why() == "by what no manifest says"


def test_what_was_begun_and_is_gone_is_made_again(study):
    Path("out").unlink()
    assert why() == "and is gone"
    provenance.begin([Path("out")])
    assert "made" not in json.loads(manifest_path(Path("out")).read_text())
    assert why() is None, "snakemake sees that it is missing"
    Path("out").write_text("again")
    assert why() == "by what no manifest says"
    provenance.record([Path("out")], Made("sample", SETTINGS, "code", {"model": "weights"}))
    assert why() is None


def test_an_input_with_a_manifest_counts_by_what_stands_there(study):
    provenance.record([Path("cases")], Made("cases", {}, "", {}))
    assert why() is None
    Path("cases").write_text("altered")  # whoever reads it refuses it
    assert why() is None
    provenance.record([Path("cases")], Made("cases", {}, "", {}))
    assert why() == "from another cases"


@pytest.mark.parametrize("seed", range(40))
def test_settings_differ_where_one_field_does(seed):
    """Any change of any field of random settings is named, and no other field."""
    rng = random.Random(seed)

    def value(depth: int):
        kind = rng.choice(["number", "text", "list", "map", "null"] if depth else ["number"])
        if kind == "map":
            return {name: value(depth - 1) for name in "abc"[: rng.randint(1, 3)]}
        return {"number": rng.randint(0, 9), "text": "x", "list": [1, 2], "null": None}[kind]

    old = {name: value(3) for name in "abc"}
    assert list(differing(old, json.loads(json.dumps(old)))) == []
    new = json.loads(json.dumps(old))
    part, path = new, []
    while True:
        name = rng.choice(sorted(part))
        path.append(name)
        if not isinstance(part[name], dict):
            break
        part = part[name]
    part[name] = "changed"
    (found,) = differing(old, new)
    assert found.startswith(f"{'.'.join(path)} ") and found.endswith('now "changed"')


def test_a_large_file_is_hashed_once_for_each_time(tmp_path):
    path, hashed = tmp_path / "weights", []
    path.write_bytes(b"w" * 1000)
    os.utime(path, (1, 1))

    def known():
        return Digests(
            tmp_path / "known.json", lambda path: hashed.append(path) or digest_file(path)
        )

    for _ in range(3):
        assert known().of(path) == digest_file(path)
    assert len(hashed) == 1
    os.utime(path, (2, 2))
    for _ in range(2):
        known().of(path)
    assert len(hashed) == 2
    path.write_bytes(b"v" * 1000)
    os.utime(path, (3, 3))
    assert known().of(path) == digest_file(path)
    # one that has just been written may change again within the same time
    path.write_bytes(b"u" * 1000)
    known().of(path)
    path.write_bytes(b"t" * 1000)
    assert known().of(path) == digest_file(path)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"a": 1}', "null"])
def test_what_is_remembered_may_be_torn(tmp_path, text):
    (tmp_path / "known.json").write_text(text)
    (tmp_path / "a").write_text("a")
    assert Digests(tmp_path / "known.json").of(tmp_path / "a") == digest_file(tmp_path / "a")
