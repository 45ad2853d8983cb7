"""A result is compared with what would make it now: settings, code, inputs, by their content."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_of_steps import provenance
from chain_of_steps.files import digest_file, manifest_path
from chain_of_steps.provenance import Digests, Made, changed, differing, made_otherwise
from chain_of_steps.stage import stage_of
from chain_of_steps.study.config import check_config

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


FIELDS = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.none() | st.integers(0, 9) | st.just("x") | st.lists(st.integers(0, 2), max_size=2),
        lambda part: st.dictionaries(st.sampled_from("abc"), part, min_size=1),
    ),
    min_size=1,
)


@given(old=FIELDS, data=st.data())
def test_settings_differ_where_one_field_does(old, data):
    """Any change of any field is named, and no other field."""
    assert list(differing(old, json.loads(json.dumps(old)))) == []
    new = json.loads(json.dumps(old))
    part, path = new, []
    while True:
        name = data.draw(st.sampled_from(sorted(part)))
        path.append(name)
        if not isinstance(part[name], dict):
            break
        part = part[name]
    part[name] = "changed"
    (found,) = differing(old, new)
    assert found.startswith(f"{'.'.join(path)} ") and found.endswith('now "changed"')


@pytest.mark.parametrize("steps", [50, 6])
def test_what_anything_was_made_from_is_looked_at(tmp_path, monkeypatch, steps):
    """A table of joined parts, one of which was made from a run with other settings."""
    monkeypatch.chdir(tmp_path)
    fields = {"study": "a", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["maze"]}}
    now = check_config(fields).resolved()
    then = check_config({**fields, "sampler": {"steps": steps}}).resolved()
    for name, command, inputs, config in (
        ("cases", "cases", [], now),
        ("0", "sample", ["cases"], now),
        ("1", "sample", ["cases"], then),
        ("0.csv", "read", ["0"], now),
        ("1.csv", "read", ["1"], now),
        ("all.csv", "join", ["0.csv", "1.csv"], now),
    ):
        Path(name).write_text(name)
        settings = stage_of(command).view(config, "m").model_dump(by_alias=True)
        made = Made(command, settings, "code", {one: digest_file(one) for one in inputs})
        provenance.record([Path(name)], made)
    found = made_otherwise(Path("all.csv"), now)
    assert found == (None if steps == 50 else "sampler.steps 6, now 50")
    assert made_otherwise(Path("0.csv"), now) is None
    assert made_otherwise(Path("nowhere"), now) is None


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
