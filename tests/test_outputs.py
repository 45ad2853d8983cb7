"""A command replaces only what it wrote itself, whatever else lies at the path that it is given."""

import os
import random
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from tables import names
from trees import build, fresh, trees

from chain_of_steps import cli, provenance
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr import scorer
from chain_of_steps.files import (
    LISTING,
    MANIFEST_SUFFIX,
    atomic_path,
    manifest_path,
    refuse_foreign,
    replaced,
)
from chain_of_steps.provenance import Made

MADE = Made("make", {"steps": 6}, "code", {})


def write_folder(out: Path, command: str = "make", **files: str) -> None:
    with atomic_path(out, command) as folder:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)


def everything(root: Path) -> dict[str, bytes | str]:
    """Every file and link below a folder, by another way than the package finds them."""
    found: dict[str, bytes | str] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            key = str(path.relative_to(root))
            if path.is_symlink():
                found[key] = f"-> {path.readlink()}"
            elif path.is_file():
                found[key] = path.read_bytes()
    return found


def test_a_folder_of_its_own_is_replaced(tmp_path):
    for text in ("one", "two"):
        write_folder(tmp_path / "out", a=text)
        (tmp_path / "out/.snakemake_timestamp").touch()  # as Snakemake dates a rule's folder
    write_folder(tmp_path / "out", a="two")
    assert (tmp_path / "out/a").read_text() == "two"
    assert names(tmp_path) == ["out"]


FOREIGN = {
    "a file of the user's": lambda out: (out / "notes.txt").write_text("mine"),
    "in a folder below": lambda out: [(out / "x").mkdir(), (out / "x/y").write_text("mine")],
    "hidden": lambda out: (out / ".notes").write_text("mine"),
    "a link": lambda out: (out / "link").symlink_to("/etc"),
    "a link that leads nowhere": lambda out: (out / "link").symlink_to("nowhere"),
    "an edit of what was written": lambda out: (out / "a").write_text("edited"),
    "no list": lambda out: (out / LISTING).unlink(),
    "a torn list": lambda out: (out / LISTING).write_text('{"files": '),
    "a pipe": lambda out: os.mkfifo(out / "pipe"),
    "a list of another form": lambda out: (out / LISTING).write_text(
        '{"files": [1], "command": 3}'
    ),
    "a list of something else": lambda out: (out / LISTING).write_text("[1]"),
}


@pytest.mark.parametrize("act", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_that_holds_anything_else_is_left(tmp_path, act):
    out = tmp_path / "out"
    write_folder(out, a="one")
    act(out)
    before = everything(tmp_path)
    with pytest.raises(UserError, match=r"out holds .*: write the path of another folder"):
        refuse_foreign(out, "make")
    with pytest.raises(UserError):
        write_folder(out, a="two")
    with pytest.raises(UserError), replaced(out, "make"):
        pass
    assert everything(tmp_path) == before


def test_what_another_command_wrote_is_left(tmp_path):
    write_folder(tmp_path / "out", "other", a="one")
    with pytest.raises(UserError, match="out was written by `cos other`: write another path"):
        refuse_foreign(tmp_path / "out", "make")


def test_what_comes_in_the_meantime_is_left(tmp_path):
    out = tmp_path / "out"
    write_folder(out, a="one")
    with pytest.raises(UserError, match="notes"), atomic_path(out, "make") as folder:
        folder.mkdir()
        (folder / "a").write_text("two")
        (out / "notes").write_text("mine")
    assert (out / "notes").read_text() == "mine"


@pytest.mark.parametrize("out", [".", "..", "/", "../..", "work/..", "./"])
def test_a_folder_that_one_works_in_is_refused(tmp_path, monkeypatch, out):
    (tmp_path / "work/work").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(UserError, match="is a folder that you work in"):
        refuse_foreign(out, "make")


def test_links_and_inputs_are_refused(tmp_path):
    write_folder(tmp_path / "own", a="one")
    (tmp_path / "link").symlink_to("own")
    with pytest.raises(UserError, match="link is a link"):
        refuse_foreign(tmp_path / "link", "make")
    for path in (tmp_path / "own/a", tmp_path / "link/a", tmp_path / "own"):
        with pytest.raises(UserError, match=r"own holds .* which is read"):
            refuse_foreign(tmp_path / "own", "make", [path])


def test_a_folder_that_cannot_be_made_comes_back(tmp_path):
    out = tmp_path / "out"
    with replaced(out, "make"):
        (out / "a").write_text("one")
    with pytest.raises(UserError, match="no network"), replaced(out, "make"):
        (out / "b").write_text("half")
        raise UserError("no network")
    assert names(out) == [LISTING, "a"]
    assert names(tmp_path) == ["out"]


def test_a_folder_that_was_killed_while_it_was_made_is_set_aside(tmp_path):
    out, writer = tmp_path / "out", os.fork()
    if writer == 0:
        with replaced(out, "make"):
            (out / "half").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(writer, 0)
    (out / "notes").write_text("mine")
    with pytest.raises(UserError):
        refuse_foreign(out, "other")
    with replaced(out, "make"):
        (out / "a").write_text("one")
    assert names(out) == [LISTING, "a"]
    (aside,) = tmp_path.glob("out.unfinished-*")
    assert (aside / "notes").read_text() == "mine"


def test_a_file_is_replaced_by_the_command_that_wrote_it_alone(tmp_path):
    out, page = tmp_path / "t.csv", tmp_path / "t.md"
    out.write_text("one")
    page.write_text("page")
    with pytest.raises(UserError, match=r"t\.csv is there already, and `cos make` did not write"):
        provenance.refuse([out, page], "make", [])
    provenance.record([out, page], MADE)
    provenance.refuse([out, page], "make", [])
    with pytest.raises(UserError, match="`cos other` did not write it"):
        provenance.refuse([out, page], "other", [])
    for path in (out, page):
        text = path.read_text()
        path.write_text("edited")
        with pytest.raises(UserError, match=f"{path.name} is there already"):
            provenance.refuse([out, page], "make", [])
        path.write_text(text)
    with pytest.raises(UserError, match="is there already"):
        provenance.refuse([manifest_path(out)], "make", [])


def test_a_card_belongs_to_the_model_that_it_was_added_to(tmp_path):
    out = tmp_path / "out"
    write_folder(out, weights="w")
    (out / "README.md").write_text("card")
    with pytest.raises(UserError, match=r"holds README\.md"):
        refuse_foreign(out, "make")
    provenance.record([out / "README.md"], MADE, within=out)
    refuse_foreign(out, "make")
    (out / "README.md").write_text("edited")
    with pytest.raises(UserError, match=r"holds README\.md"):
        refuse_foreign(out, "make")


def test_a_readme_that_is_no_card_is_left(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("My model.")
    with pytest.raises(UserError, match=r"README\.md is there already"):
        provenance.refuse([readme], "card", [], signed="Written by `cos card`")
    readme.write_text("# m\n\nWritten by `cos card`; no number in it is typed by hand.\n")
    provenance.refuse([readme, tmp_path / "accuracy.csv"], "card", [], "Written by `cos card`")


COMMANDS = [
    ("cases", "--out", "{}"),
    ("scorer", "--out", "{}"),
    ("run", "--image", "a/maze.png", "--prompt", "Go", "--out", "{}"),
    ("train", "--name", "small", "--out", "{}"),
    ("explore", "--model", "m", "--cases", "a", "--trajectory", "a/maze.png", "--out", "{}"),
    ("join", "--out", "{}", "a/t.csv"),
    ("join", "--out", "{}.csv", "a/t.csv"),
    ("cost", "--out", "{}"),
    ("references", "--cases", "a", "--out", "{}/notes.csv"),
    (
        "strip",
        "--model",
        "m",
        "--cases",
        "a",
        "--trajectories",
        "a",
        "--case",
        "x",
        "--out",
        "a/maze",
    ),
    ("explore-page", "--out", "{}/index.html", "a/shard"),
    ("playground", "--out", "{}"),
    ("claims", "--expected", "a/notes.csv", "--tables", "a", "--out", "{}/index.html"),
]
PLACES = ("a", "b", "a/t.csv", ".", "..", "/", "link", "a/deep", "broken", "a/../b")
OWN = ("new", "new", "b/new", "a/t", "made", "made")  # where a command may write, at first
STUDY = """\
study: x
models: {m: {path: a}}
cases: {tasks: [maze], in-domain: 1, out-of-domain: 1}
"""


@pytest.mark.parametrize(
    "seed", [*range(20), *(pytest.param(n, marks=pytest.mark.soak) for n in range(20, 200))]
)
def test_nothing_of_the_users_is_lost(tmp_path, monkeypatch, seed, capsys):
    """A sequence of commands, between which the user puts files into folders, and edits some."""
    rng = random.Random(seed)
    root = tmp_path / "above"
    work = root / "work"
    for name in ("a/maze.png", "a/notes.csv", "a/index.html", "a/deep/x", "b/y"):
        put(work / name, f"{name} of the user")
    put(work / "a/t.csv", "x\n1\n")
    (work / "link").symlink_to("a")
    (work / "broken").symlink_to("nowhere")
    put(work / "config.yaml", STUDY)
    mine = everything(root)
    monkeypatch.chdir(work)

    def installed(command, **_):
        """Of pip, which has a network or none."""
        failed = rng.random() < 0.5
        return subprocess.CompletedProcess(command, int(failed), "", "no network")

    monkeypatch.setattr(scorer.venv, "create", lambda folder, **_: put(folder / "cfg", "venv"))
    monkeypatch.setattr(scorer.subprocess, "run", installed)
    done = 0
    for _ in range(rng.randint(10, 16)):
        if rng.random() < 0.3:
            mine |= act(rng, root)
            continue
        place = rng.choice(PLACES if rng.random() < 0.4 else OWN)
        words = [word.format(place) for word in rng.choice(COMMANDS[:1] * 4 + COMMANDS)]
        status = cli.main(words)
        said = capsys.readouterr().err
        after = everything(root)
        assert {name: after.get(name) for name in mine} == mine, words
        assert status in (0, 1) and "Traceback" not in said
        assert status == 0 or len(said.splitlines()) == 1, said
        done += not status
    print(f"{done} commands wrote something")


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def act(rng: random.Random, root: Path) -> dict[str, bytes | str]:
    """Something that the user does, somewhere: what is theirs by that."""
    before = everything(root)
    folders = [path for path in sorted(root.rglob("*")) if path.is_dir() and not path.is_symlink()]
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != LISTING]
    files = [path for path in files if not path.name.endswith(MANIFEST_SUFFIX)]
    path = rng.choice(folders) / rng.choice(["note.txt", ".note", "run.csv", "made.manifest.json"])
    kind = rng.choice(["put", "put", "edit", "link", "manifest"])
    if kind == "edit":
        rng.choice(files).write_text(f"edited {rng.random()}")
    elif kind == "manifest":  # named like one of ours, of what is not there
        path = manifest_path(root / "work" / rng.choice(OWN))
        if path.parent.is_dir() and not path.exists():
            put(path, '{"of": "another program"}')
    elif not os.path.lexists(path):
        path.symlink_to("a") if kind == "link" else put(path, f"put {rng.random()}")
    after = everything(root)
    return {name: after[name] for name in after if after[name] != before.get(name)}


@pytest.mark.parametrize("text", ["{}", "[]", "3", "{", '{"artifact": "out"}', "my notes"])
@pytest.mark.parametrize("there", [True, False])
def test_a_file_with_the_name_of_a_manifest_is_left(tmp_path, text, there):
    out = tmp_path / "out"
    if there:
        out.mkdir()
    manifest_path(out).write_text(text)
    with pytest.raises(UserError, match=r"out\.manifest\.json is there already and no manifest"):
        provenance.refuse([out], "make", [])
    manifest_path(out).unlink()
    provenance.refuse([out], "make", [])
    write_folder(out, a="one")
    provenance.record([out], MADE)
    provenance.refuse([out], "make", [])


@given(tree=trees())
def test_whatever_tree_is_there_stays_as_it_is(tmp_path, tree):
    root = fresh(tmp_path)
    out = root / "out"
    build(out, tree)
    before = everything(root)
    if not any(out.iterdir()):
        write_folder(out, new="x")
        assert (out / "new").read_text() == "x"
        return
    with pytest.raises(UserError):
        write_folder(out, new="x")
    with pytest.raises(UserError), replaced(out, "make"):
        pass
    assert everything(root) == before


@given(own=trees(kinds=("file", "folder")), foreign=trees())
def test_whatever_is_added_to_a_folder_of_ours_stays(tmp_path, own, foreign):
    """A folder that a command wrote, with a random tree in it, into which the user puts more."""
    root = fresh(tmp_path)
    out = root / "out"
    with atomic_path(out, "make") as folder:
        build(folder, own)
        (folder / "one").write_text("one")
    ours = everything(root)
    build(out, foreign)
    before = everything(root)
    added = before.keys() - ours.keys()
    if added:
        with pytest.raises(UserError):
            write_folder(out, new="x")
        assert everything(root) == before
    else:
        write_folder(out, new="x")
        assert everything(root).keys() == {"out/new", f"out/{LISTING}"}
