"""A study of one's own pictures notices what is edited, replaced, added or asked for anew."""

import re
from pathlib import Path

import pytest
import smoke as helper
import yaml
from PIL import Image

pytestmark = pytest.mark.slow

STUDY = {
    "study": "own",
    "experiments": ["videos"],
    "models": {"*": None, "pocket": {"path": "models/pocket", "max_sequence_length": 24}},
    "sampler": {"steps": 2},
    "cases": {"source": "folder", "path": "pictures", "tasks": None},
    "video": {"frames": 17, "area": 25600},
    "seeds": [0],
    "ensemble": {"k": 1, "averaged": []},
    "execution": {"shard": 2},
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A tree with two pictures, one of them in a folder that is a link, whose cases are made."""
    tree = helper.copy_tree(tmp_path_factory.mktemp("own") / "tree")
    elsewhere = tree.parent / "elsewhere"
    for folder, name in ((tree / "pictures", "red"), (elsewhere, "green")):
        folder.mkdir()
        add(folder, name)
    (tree / "pictures/linked").symlink_to(elsewhere)
    (tree / "own.yaml").write_text(yaml.safe_dump(STUDY))
    assert plan(tree) == {"cases": 1, "sample": 1, "videos": 1}
    make(tree, "results/own/cases/cases.csv")
    assert plan(tree) == {"sample": 1, "videos": 1}
    return tree


OWN = ("--configfile", "own.yaml")


def make(tree: Path, target: str) -> None:
    helper.snakemake(tree, "--cores", "1", target, *OWN)


def add(folder: Path, name: str) -> None:
    Image.new("RGB", (160, 160), name).save(folder / f"{name}.png")
    (folder / f"{name}.txt").write_text("Draw the way.")


def plan(tree: Path) -> dict[str, int]:
    """Rule -> jobs that a dry run would start, of those that make something."""
    output = helper.snakemake(tree, "--dry-run", "--quiet", "rules", "--cores", "1", *OWN)
    counts = dict(re.findall(r"^(cases|sample|videos) +(\d+)$", output, flags=re.M))
    return {rule: int(count) for rule, count in counts.items()}


def test_an_edited_prompt_makes_the_cases_again(tree):
    (tree / "pictures/red.txt").write_text("Draw another way.")
    assert plan(tree)["cases"] == 1


def test_a_replaced_picture_behind_a_link_makes_the_cases_again(tree):
    make(tree, "results/own/cases/cases.csv")
    assert "cases" not in plan(tree)
    Image.new("RGB", (160, 160), "blue").save(tree.parent / "elsewhere/green.png")
    assert plan(tree)["cases"] == 1


def test_a_new_picture_makes_a_new_shard(tree):
    make(tree, "results/own/cases/cases.csv")
    add(tree / "pictures", "yellow")
    assert plan(tree) == {"cases": 1, "sample": 2, "videos": 2}
    make(tree, "results/own/trajectories/pocket/1.safetensors")


def test_another_size_makes_the_cases_and_their_runs_again(tree):
    make(tree, "results/own/cases/cases.csv")
    assert "cases" not in plan(tree)
    smaller = STUDY | {"video": {"frames": 17, "area": 6400}}
    (tree / "own.yaml").write_text(yaml.safe_dump(smaller))
    assert plan(tree)["cases"] == 1
    make(tree, "results/own/cases/cases.csv")
    case = tree / "results/own/cases/own/own/red/case.json"
    assert yaml.safe_load(case.read_text())["width"] == 80
