"""A study of VBVR-Bench from one call: Table 2, its claims, and scores that explain themselves."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import smoke as helper
import standin
import yaml

from chain_of_steps.pocket import training

pytestmark = pytest.mark.soak
BENCH = ("--cores", "2", "--configfile", "bench.yaml")
CLAIMS = ("noise-at-step-destroys-vbvr", "ensemble-gains-vbvr", "table1-scores")


@pytest.fixture(scope="module")
def figures(tmp_path_factory, build_pocket) -> Path:
    """Its figures. Both models are random: one is said to be tuned from the other."""
    tree = helper.copy_tree(tmp_path_factory.mktemp("bench") / "tree")
    data = tree / "data"
    standin.write_bench(data, 2)
    prompts = [path.read_text().strip() for path in data.rglob("prompt.txt")]
    for seed, name in enumerate(("tuned", "base")):
        training.save_pipeline(build_pocket(prompts, seed), tree / name)
    fields = standin.config_of(Path("data"), execution={"shard": 4, "batch": 2})
    fields["models"] = {
        "*": None,
        "tuned": {"path": "tuned", "max_sequence_length": 24, "base": "base"},
        "base": {"path": "base", "max_sequence_length": 24},
    }
    fields["cases"] |= {"in-domain": 2, "out-of-domain": 2}
    fields["sampler"] = {"steps": 3}
    fields["perturbation"] |= {"steps": [0, 1, 2]}
    fields["vbvr"] = {"conditions": ["clean", "steps", "noise", "ensemble"], "steps_every": 2}
    (tree / "bench.yaml").write_text(yaml.safe_dump(fields, sort_keys=False))
    try:
        helper.snakemake(tree, *BENCH)
    except AssertionError as error:
        log = tree / "results/scorer.log"
        if log.is_file() and "Without a network" in log.read_text():
            pytest.skip("no package index at hand")
        raise AssertionError(str(error)) from None
    return tree / "results/bench/figures"


def test_the_three_claims_are_tested_on_the_rows_of_table_2(figures):
    claims = pd.read_csv(figures / "claims.csv").set_index(["id", "model"])
    scores = pd.read_csv(figures / "tables/vbvr_scores.csv")
    assert scores["score"].notna().all()

    def mean(model: str, condition: str, label: str = "") -> float:
        mine = scores[(scores["model"] == model) & (scores["condition"] == condition)]
        mine = mine[mine["label"].str.fullmatch(label)] if label else mine
        return mine.groupby("case")["score"].mean().mean()

    first = scores[(scores["seed"] == 3) & (scores["model"] == "tuned")]  # of the ensemble
    single = first[first["condition"] == "clean"]["score"].mean()
    wanted = {
        # of three steps, 0 is left out, and is nearest to 1
        CLAIMS[0]: (2 * mean("tuned", "noise", "noise, step 1, replace")
                    + mean("tuned", "noise", "noise, step 2, replace")) / 3,
        CLAIMS[1]: mean("tuned", "ensemble", "ensemble") - single,
        CLAIMS[2]: mean("tuned", "clean") - mean("base", "clean"),
    }  # fmt: skip
    for name, value in wanted.items():
        assert claims.loc[(name, "tuned"), "ours"] == pytest.approx(value, abs=1e-9)
    others = claims.loc[[(name, "base") for name in CLAIMS], "verdict"]
    assert set(others) == {"cannot be measured here"}
    words = (figures / "claims.md").read_text()
    assert "noise-at-step-destroys" in words.split("Not part of this study:")[1]


def test_its_numbers_are_made_again_from_its_tables(figures):
    program = figures.parents[2] / "recompute.py"
    program.write_bytes((helper.ROOT / "docs/recompute.py").read_bytes())
    expected = helper.ROOT / "workflow/paper/expected.yaml"
    command = [sys.executable, str(program), "--figures", str(figures)]
    done = subprocess.run(
        [*command, "--expected", str(expected)], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_score_explains_itself_in_the_explorer(figures):
    tree = figures.parents[2]
    helper.snakemake(tree, "explorer", *BENCH)
    scores = pd.read_csv(figures / "tables/vbvr_scores.csv")
    one = scores[(scores["condition"] == "clean") & (scores["model"] == "tuned")].iloc[0]
    name = one["case"].replace("/", "-")
    text = (tree / f"results/bench/explorer/tuned/0/{name}.js").read_text()
    runs = json.loads(text[text.index("(") + 1 : text.rindex(")")])["runs"]
    (run,) = [run for run in runs if run["seed"] == one["seed"] and run["with"] == "clean"]
    assert set(run["bench"]) == {"0", "2", "3"}
    (said,) = run["bench"]["3"]
    assert said["by"] == "lmms-eval 0.7.3 (OpenCV 4.10.0)"
    assert said["score"] == round(one["score"], 4)
    assert said["details"] == json.loads(one["details"])
