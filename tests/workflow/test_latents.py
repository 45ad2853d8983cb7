"""A study of one's own pictures has all figures of latents; what it lacks is asked for by none."""

import re
from pathlib import Path

import pytest
import smoke as helper
import yaml
from PIL import Image

STUDY = {
    "study": "own",
    "experiments": ["latents", "videos"],
    "models": {
        "*": None,
        "pocket": {"path": "models/pocket", "max_sequence_length": 24, "guidance": 2.0},
    },
    "sampler": {"steps": 3},
    "cases": {"source": "folder", "path": "pictures", "tasks": None},
    "video": {"frames": 9, "area": 6400},
    "seeds": [0, 1],
    "ensemble": {"k": 1, "averaged": []},
    "perturbation": {
        "cases": None,
        "levels": None,
        "steps": [1],
        "frames": [1],
        "control_cases": 0,
    },
    "vbvr": {"conditions": ["clean", "noise"]},
    "execution": {"shard": 1},
    "statistics": {"resamples": 100},
}
FIGURES = ("latents", "latents_map", "latents_energy", "latents_flow", "latents_scores")


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    tree = helper.copy_tree(tmp_path_factory.mktemp("own") / "tree")
    for name in ("red", "green"):
        path = tree / f"pictures/{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (80, 80), name).save(path)
        path.with_suffix(".txt").write_text("Draw the way.")
    (tree / "own.yaml").write_text(yaml.safe_dump(STUDY))
    return tree


@pytest.mark.slow
def test_only_a_study_that_films_noise_makes_its_flow(tree):
    jobs = plan(tree)
    assert jobs["noise_videos"] == jobs["latents"] == 2 and jobs["latents_inside"] == 1
    assert "score" not in jobs and jobs["latents_scores"] == 1
    jobs = plan(tree, "experiments=[latents]")
    assert "noise_videos" not in jobs and jobs["latents_flow"] == 1


def plan(tree: Path, *over: str) -> dict[str, int]:
    """Rule -> jobs that a dry run would start."""
    words = ("--dry-run", "--quiet", "rules", "--cores", "1", "--configfile", "own.yaml")
    config = ("--config", *over) if over else ()
    output = helper.snakemake(tree, *words, *config)
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", output, flags=re.M)}


@pytest.mark.soak
def test_all_figures_from_one_call(tree):
    helper.snakemake(tree, "--cores", "2", "--configfile", "own.yaml")
    figures = tree / "results/own/figures"
    captions = {name: (figures / f"{name}.md").read_text() for name in FIGURES}
    captions = {name: " ".join(text.split()) for name, text in captions.items()}
    assert "(d) Difference between the velocities" in captions["latents"]
    assert "n = 2 runs" in captions["latents_flow"]
    assert "scores no clean estimates" in captions["latents_scores"]
    assert all((figures / f"{name}.png").is_file() for name in FIGURES)
    assert plan(tree) == {}  # nothing is left to be made
