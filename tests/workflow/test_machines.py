"""A study on other people's machines: what surprised users of tools like this one, each once.

One tree with a study of own pictures, so small that it runs in a minute; the tests change it and
put it back.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import smoke as helper
import yaml
from PIL import Image
from repository import ROOT

from chain_of_steps import guard
from chain_of_steps.files import read_json

pytestmark = pytest.mark.slow

STUDY = {
    "study": "own",
    "experiments": ["videos"],
    "models": {"*": None, "pocket": {"path": "weights", "max_sequence_length": 24}},
    "sampler": {"steps": 2},
    "cases": {"source": "folder", "path": "pictures", "tasks": None},
    "video": {"frames": 17, "area": 25600},
    "seeds": [0],
    "ensemble": {"k": 1, "averaged": []},
    "execution": {"shard": 4},
}
OWN = ("--cores", "1", "--configfile", "own.yaml")
NOTHING: dict[str, int] = {}
LATENTS = Path("results/own/trajectories/pocket/0.safetensors")


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A tree in which the study has run, of two pictures and weights that lie behind a link."""
    tree = helper.copy_tree(tmp_path_factory.mktemp("own") / "tree")
    shutil.copytree(ROOT / "models/pocket", tree / "weights")
    shutil.move(tree / "weights/transformer", tree / "shared")
    (tree / "weights/transformer").symlink_to("../shared")
    (tree / "pictures").mkdir()
    for name in ("red", "green"):
        Image.new("RGB", (80, 80), name).save(tree / f"pictures/{name}.png")
        (tree / f"pictures/{name}.txt").write_text("Draw the way.")
    (tree / "own.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    helper.snakemake(tree, *OWN)
    return tree


def plan(tree: Path, *arguments: str) -> dict[str, int]:
    """Rule -> jobs that a dry run would start, of those that make something."""
    output = helper.snakemake(tree, "--dry-run", "--quiet", "rules", *OWN, *arguments)
    counts = dict(re.findall(r"^(cases|sample|videos) +(\d+)$", output, flags=re.M))
    return {rule: int(count) for rule, count in counts.items()}


EVERYTHING = {"cases": 1, "sample": 1, "videos": 1}


def test_a_study_that_has_run_has_nothing_to_do(tree):
    assert plan(tree) == NOTHING


@pytest.fixture
def forgotten(tree):
    """What `make clean` removes of a study is gone."""
    shutil.move(tree / ".snakemake", tree.parent / "kept")
    yield tree
    shutil.rmtree(tree / ".snakemake", ignore_errors=True)
    shutil.move(tree.parent / "kept", tree / ".snakemake")


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        ({}, NOTHING),
        ({"sampler": {"steps": 3}}, {"sample": 1, "videos": 1}),
        ({"seeds": [1]}, {"sample": 1, "videos": 1}),
        ({"video": {"frames": 13, "area": 25600}}, EVERYTHING),
    ],
)
def test_after_make_clean_other_settings_are_noticed(forgotten, change, runs):
    (forgotten / "own.yaml").write_text(yaml.safe_dump(STUDY | change, sort_keys=False))
    assert plan(forgotten) == runs
    (forgotten / "own.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))


def test_what_is_touched_is_not_made_by_that(forgotten):
    (forgotten / "own.yaml").write_text(yaml.safe_dump(STUDY | {"seeds": [1]}, sort_keys=False))
    helper.snakemake(forgotten, "--touch", *OWN)
    assert plan(forgotten) == {"sample": 1, "videos": 1}
    (forgotten / "own.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))


def test_what_snakemake_was_made_to_forget_is_known(tree):
    helper.snakemake(tree, "--cleanup-metadata", str(LATENTS), *OWN)
    assert plan(tree) == NOTHING
    assert plan(tree, "--config", "seeds=[1]") == {"sample": 1, "videos": 1}


def weights(tree: Path) -> Path:
    (path,) = (tree / "shared").glob("*.safetensors")
    return path


def test_weights_with_a_new_time_run_nothing(tree):
    os.utime(weights(tree))
    assert plan(tree) == NOTHING


def test_other_weights_behind_a_link_run_what_depends_on_them(tree):
    path = weights(tree)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert plan(tree) == {"sample": 1, "videos": 1}
    path.write_bytes(content)
    assert plan(tree) == NOTHING


def test_an_interrupted_forcerun_is_finished_by_a_plain_run(tree):
    """Killed once its old result is gone: all of it is made again, though nothing has changed."""
    before = (tree / LATENTS).read_bytes()
    run = helper.start(tree, tree / "forced.log", *OWN, "--forcerun", "sample")
    helper.wait_until(lambda: not (tree / LATENTS).exists(), seconds=300)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    helper.wait_until(lambda: not guard.leftovers(tree / "results/own/.run.lock"), seconds=60)
    assert not (tree / LATENTS).exists()
    assert plan(tree)["sample"] == 1
    shutil.rmtree(tree / ".snakemake")
    assert plan(tree)["sample"] == 1, "and what Snakemake knows is not needed for that"
    helper.snakemake(tree, *OWN)
    assert (tree / LATENTS).read_bytes() == before
    assert plan(tree) == NOTHING


def test_a_result_that_was_edited_is_not_deleted(tree):
    content = (tree / LATENTS).read_bytes()
    (tree / LATENTS).write_bytes(b"mine")
    said = helper.snakemake(tree, *OWN, "--config", "seeds=[1]", status=1)
    assert f"{LATENTS} is there already, and this program did not write it" in " ".join(
        said.split()
    )
    assert (tree / LATENTS).read_bytes() == b"mine"
    (tree / LATENTS).write_bytes(content)
    assert plan(tree) == NOTHING


def test_results_that_are_no_study_are_left_as_they_are(tree):
    mine = tree / "results/mine/cases/cases.csv"
    for path in (mine, tree / "results/mine/trajectories/pocket/0.safetensors"):
        path.parent.mkdir(parents=True)
        path.write_text("two years")
        said = helper.snakemake(tree, *OWN, "--config", "study=mine", status=1)
        assert "this program did not write" in " ".join(said.split())
        assert path.read_text() == "two years"
        shutil.rmtree(tree / "results/mine")


def test_folders_that_snakemake_would_delete_are_kept(tree):
    examples = tree / "results/own/explorer/pocket/0"
    examples.mkdir(parents=True)
    (examples / "notes.txt").write_text("two years")
    said = helper.snakemake(tree, "explorer", *OWN, status=1)
    assert "holds notes.txt, which this program did not write" in " ".join(said.split())
    assert (examples / "notes.txt").read_text() == "two years"
    shutil.rmtree(tree / "results/own/explorer")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--config", "seeds=[many]"), "seeds.0 is 'many': write a value of type integer"),
        (("--config", "shipped=perhaps"), "shipped is 'perhaps': write true, or leave it out"),
        (("--configfile", "twice.yaml"), "twice.yaml, line 3: study is written twice"),
        (("--configfile", "nameless.yaml"), "nameless.yaml changes the study pocket"),
        (("--configfile", "seed.yaml"), "seeds.0 is 18446744073709551616: write 922337203685"),
    ],
)
def test_what_users_write_is_understood_or_refused(tree, arguments, sentence):
    (tree / "twice.yaml").write_text("study: one\nseeds: [0]\nstudy: two\n")
    (tree / "nameless.yaml").write_text("sampler: {shift: 2.0}\n")
    (tree / "seed.yaml").write_text("study: big\nseeds: [18446744073709551616]\n")
    said = helper.snakemake(tree, "--dry-run", "--cores", "1", *arguments, status=1)
    assert sentence in " ".join(said.split())


def test_numbers_and_truth_values_of_the_command_line_are_understood(tree):
    assert plan(tree, "--config", "seeds=[1]", "sampler={steps: 3}") == {"sample": 1, "videos": 1}
    assert plan(tree, "--config", "seeds=[0]", "shipped=false") == NOTHING


def test_snakemake_runs_by_its_path_in_a_home_that_cannot_be_written(tree):
    """Nothing is activated, another `cos` comes first in PATH, and there is no home."""
    other = tree / "other"
    other.mkdir()
    (other / "cos").write_text("#!/bin/sh\nexit 3\n")
    (other / "cos").chmod(0o755)
    (tree / "pictures/red.txt").write_text("Draw another way.")
    (tree / "pictures/photo.heic").touch()
    environment = {**helper.environment(tree), "PATH": f"{other}:/usr/bin:/bin", "HOME": "/proc/no"}
    environment.pop("XDG_CACHE_HOME", None)
    command = [helper.python(tree), "-m", "snakemake", "results/own/cases/cases.csv", *OWN]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed over: pictures/photo.heic: a format that is not read" in done.stderr
    made = read_json(tree / "results/own/cases.manifest.json")["made"]
    assert made["command"] == "cases" and "pictures/red.txt" in made["inputs"]
