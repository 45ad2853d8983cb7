"""Results of an earlier version are neither taken up nor overwritten."""

import json

import pytest
import smoke as helper


@pytest.mark.slow
@pytest.mark.parametrize("earlier", ['{"study": "smoke", "seeds": [0]}', "[]", "half a fi"])
def test_results_of_an_earlier_version_are_one_sentence(tmp_path, earlier):
    tree = helper.copy_tree(tmp_path / "tree")
    results = tree / "results/smoke"
    (results / "trajectories").mkdir(parents=True)
    (results / "config.json").write_text(earlier)
    (results / "trajectories/0.tmp.safetensors").write_text("days of a GPU")
    before = sorted(results.rglob("*"))
    output = helper.snakemake(tree, "--cores", "1", *helper.SMOKE, status=1)
    said = "results/smoke was made by an earlier version: move it away."
    assert said in " ".join(output.split())
    left = [path for path in sorted(results.rglob("*")) if not path.name.startswith(".run.lock")]
    assert left == before
    assert (results / "config.json").read_text() == earlier


@pytest.mark.slow
def test_results_of_this_version_are_taken_up(tmp_path):
    tree = helper.copy_tree(tmp_path / "tree")
    target = ("--cores", "1", "results/smoke/cases/cases.csv", *helper.SMOKE)
    helper.snakemake(tree, *target)
    assert json.loads((tree / "results/smoke/config.json").read_text())["resolved"] is True
    helper.snakemake(tree, *target, "--config", "experiments=[decision]")
