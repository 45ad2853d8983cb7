"""Files are whole or absent, whatever ends the writer; JSON and digests are canonical."""

import hashlib
import math
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tables import SUFFIXES, frame, names
from trees import build, fresh, trees

from chain_of_steps import files
from chain_of_steps.artifacts import load_tensors, read_table, save_tensors, write_table
from chain_of_steps.errors import UserError
from chain_of_steps.files import (
    atomic_path,
    digest_file,
    digest_json,
    meant,
    read_json,
    read_yaml,
    walk,
    write_json,
)
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
    with pytest.raises(UserError, match=r"broken\.json is not .*move it away"):
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
    (tmp_path / "d" / "__pycache__" / "notes").write_bytes(b"x")
    assert digest_file(tmp_path / "d") not in seen


def test_digest_json_is_canonical():
    canonical = '{"a":[1,2.5,null],"b":{"c":"\\u03c3"}}'
    expected = hashlib.sha256(canonical.encode()).hexdigest()
    assert digest_json({"b": {"c": "σ"}, "a": (1, np.float64(2.5), None)}) == expected
    assert digest_json({"a": 1}) != digest_json({"a": "1"})
    with pytest.raises(ValueError):
        digest_json({"a": math.nan})


# What users write


TWICE = {
    "top": ("study: a\nsampler:\n  steps: 20\nsampler:\n  shift: 3.0\n", 4, "sampler"),
    "within": ("sampler:\n  steps: 20\n  shift: 3.0\n  steps: 50\n", 4, "steps"),
    "flow": ("a: 1\nsampler: {steps: 20, steps: 50}\n", 2, "steps"),
    "in a list": ("runs:\n- {a: 1}\n- b: 1\n  b: 2\n", 4, "b"),
    "quoted": ("a: 1\n'a': 2\n", 2, "a"),
    "json": ('{"a": 1,\n "b": {"c": 1,\n "c": 2}}', 3, "c"),
}


@pytest.mark.parametrize(("text", "line", "name"), TWICE.values(), ids=TWICE)
def test_a_field_that_is_written_twice_is_named_with_its_line(tmp_path, text, line, name):
    (tmp_path / "twice.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"twice\.yaml, line {line}: {name} is written twice"):
        read_yaml(tmp_path / "twice.yaml", "a config file")


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=6)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES
CONTENTS = st.recursive(
    VALUES, lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=3)
)


@given(
    found=st.dictionaries(NAMES, CONTENTS, min_size=1, max_size=4),
    mark=st.sampled_from(["", "\ufeff"]),
    flow=st.booleans(),
    others=st.lists(st.sampled_from("abcd").map("{}: [0]".format), max_size=4, unique=True),
    depth=st.integers(0, 5),
    quote=st.sampled_from(["", "'", '"']),
)
def test_any_map_is_read_as_it_was_written_unless_a_field_is_doubled(
    tmp_path, found, mark, flow, others, depth, quote
):
    path = tmp_path / "any.yaml"
    text = yaml.safe_dump(found, sort_keys=False, allow_unicode=True, default_flow_style=flow)
    path.write_text(mark + text, encoding="utf-8")
    assert read_yaml(path, "a config file") == found
    # a field twice, anywhere
    path.write_text(
        mark + _nested(["steps: 1", *others, f"{quote}steps{quote}: 2"], depth), "utf-8"
    )
    line = depth + len(others) + 2
    with pytest.raises(UserError, match=f"line {line}: steps is written twice: leave one of them"):
        read_yaml(path, "a config file")


def _nested(fields: list[str], depth: int) -> str:
    """Lines of YAML, so many maps deep."""
    heads = [" " * level + "in:" for level in range(depth)]
    return "\n".join([*heads, *(" " * depth + field for field in fields)]) + "\n"


@given(text=st.text(st.sampled_from("ab:- \n{}[],&*!?|>'\"#%@`~<=0123.\\uDd8"), max_size=40))
@example("a: &a {b: *a}")
@example("- &a [*a]")
@example('"\\ud800": 1\n"\\ud800": 2')
@example('a: "\\udce4"')
@example("a: !!int x")
@example("!!timestamp x")
@example("!!bool 3")
@example("[" * 3000)
@example("\x00")
@settings(max_examples=300)
def test_whatever_is_written_is_read_or_refused_in_one_line(tmp_path, text):
    path = tmp_path / "any.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        found = read_yaml(path, "a config file")
    except UserError as error:
        str(error).encode("utf-8")
        assert "any.yaml" in str(error) and "\n" not in str(error)
    else:
        assert found == yaml.safe_load(text)


def test_a_map_may_take_up_another_and_change_it(tmp_path):
    (tmp_path / "a.yaml").write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n")
    assert read_yaml(tmp_path / "a.yaml", "it")["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"seeds": ["0", "1"]}, {"seeds": [0, 1]}),
        ({"sampler": {"steps": "5", "shift": "3.5"}}, {"sampler": {"steps": 5, "shift": 3.5}}),
        ({"execution": {"vae_tiling": "true"}}, {"execution": {"vae_tiling": True}}),
        ("no", False),
        ("null", None),
        ("a text: with a colon", "a text: with a colon"),
        ("[", "["),
        (True, True),
    ],
)
def test_values_of_a_command_line_are_read_as_in_a_file(given, read):
    found = meant(given)
    assert found == read
    assert type(found) is type(read)


# Folders


def test_files_are_found_through_links_but_not_round_in_circles(tmp_path):
    (tmp_path / "root/in").mkdir(parents=True)
    (tmp_path / "far/deep").mkdir(parents=True)
    for name in ("root/in/a", "far/b", "far/deep/c"):
        (tmp_path / name).write_text(name)
    (tmp_path / "root/far").symlink_to("../far")
    (tmp_path / "root/in/round").symlink_to("..")
    (tmp_path / "far/deep/round").symlink_to("../../root")
    (tmp_path / "root/b").symlink_to("../far/b")
    (tmp_path / "root/broken").symlink_to("nowhere")
    found = [path.relative_to(tmp_path / "root").as_posix() for path in walk(tmp_path / "root")]
    assert found == ["b", "broken", "far/b", "far/deep/c", "in/a"]


@given(tree=trees())
def test_a_tree_is_walked_as_find_does(tmp_path, tree):
    """With links followed, and those left out that lead round in circles."""
    root = fresh(tmp_path) / "root"
    build(root, tree)
    command = ["find", "-L", root, "!", "-type", "d", "-print0"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found, mine = {Path(name) for name in told.split("\0") if name}, walk(root)
    assert found <= set(mine) and mine == sorted(set(mine))
    # a link to itself, which leads nowhere, is no file for find
    assert all(path.is_symlink() and not path.exists() for path in {*mine} - found)
    plain = [path for path in mine if not any(p[0] == "." for p in path.relative_to(root).parts)]
    assert walk(root, hidden=False) == plain


@given(tree=trees(kinds=("file", "folder", "link")))
def test_a_tree_has_the_digest_of_its_copy_without_links(tmp_path, tree):
    root = fresh(tmp_path) / "root"
    build(root, tree)
    for path in walk(root):
        if not path.exists():
            path.unlink()
    copy = root.with_name("copy")
    for path in walk(root):
        place = copy / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    copy.mkdir(exist_ok=True)
    assert digest_file(root) == digest_file(copy)
    for path in walk(copy)[:1]:
        path.write_bytes(b"other")
        assert digest_file(root) != digest_file(copy)


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path, monkeypatch):
    (tmp_path / "in/closed").mkdir(parents=True)
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(files.os, "scandir", refuse)
    with pytest.raises(UserError, match=r"in/closed cannot be read: Permission denied"):
        walk(tmp_path)
    assert walk(tmp_path / "nowhere") == []


@pytest.mark.parametrize("folder", [b"", b"f\xfflder/"])
def test_a_name_that_is_no_utf8_is_named(tmp_path, folder):
    place = os.fsencode(tmp_path) + b"/" + folder
    Path(os.fsdecode(place)).mkdir(exist_ok=True)
    Path(os.fsdecode(place + b"m\xe4ze.png")).write_bytes(b"x")
    with pytest.raises(UserError, match=r"\\x.* has a name that is no UTF-8: rename it") as error:
        walk(tmp_path)
    str(error.value).encode("ascii")
