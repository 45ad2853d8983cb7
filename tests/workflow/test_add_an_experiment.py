"""The page on experiments, done on a smoke study that has run: it makes its figure and no more."""

import json
import re
import shutil
from pathlib import Path

import pytest
import smoke as smoke_study
from pages import ROOT, blocks, commands, do, run, succeeds

from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.rates import wilson

PAGE = ROOT / "docs/add-an-experiment.md"
SMOKE = smoke_study.SMOKE
RULE = re.compile(r"^(?:local)?rule (\w+):$", re.MULTILINE)
DIGESTS = """\
import json, sys
from chain_of_steps.files import digest_json
from chain_of_steps.fingerprints import code_digest, modules_of
from chain_of_steps.stage import stage_modules, stages
from chain_of_steps.study.config import load_config
resolved = load_config(["config.yaml", "config/smoke.yaml"]).resolved()
found = {}
for stage in stages():
    modules = modules_of(stage_modules()[stage.name], resolved["cases"]["tasks"])
    view = stage.view(resolved).model_dump(by_alias=True)
    found[stage.name] = [code_digest(modules, stage.also), digest_json(view)]
print(json.dumps(found))
"""


def digests(tree: Path) -> dict[str, list[str]]:
    """Stage -> the digests of its code and of its settings in the smoke study."""
    done = run(tree, "python", "-c", DIGESTS)
    succeeds(done)
    return json.loads(done.stdout)


@pytest.fixture
def tree(smoke, tmp_path) -> Path:
    tree = shutil.copytree(smoke.tree, tmp_path / "tree", symlinks=True)
    shutil.copytree(ROOT / "tests", tree / "tests")
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


@pytest.mark.slow
def test_an_experiment_is_added_as_the_page_says(tree):
    before, old = digests(tree), smoke_study.numbers(tree)
    *writing, make = blocks(PAGE)
    for block in writing:
        do(block, tree)

    # no stage has changed but those that look at the whole configuration
    after = digests(tree)
    assert after.keys() - before.keys() == {"shorter", "shorter-summary"}
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"manifest", "plan", "watch"}
    # so the study runs nothing again; its manifest holds the digest of the configuration
    again = smoke_study.snakemake(tree, "--dry-run", "--cores", "1", *SMOKE)
    assert set(RULE.findall(again)) == {"all", "manifest"}

    plan, figure = (list(words) for words in commands(make.text))
    counted = run(tree, *plan)
    succeeds(counted)
    line = next(line.split() for line in counted.stdout.splitlines() if line.startswith("shorter"))
    assert line[1:5] == ["pocket", "2", "21", "49"]  # two shards; seven cases in 1, 2 and 4 steps
    made = run(tree, *figure)
    succeeds(made)
    assert set(RULE.findall(made.stdout + made.stderr)) == {
        *("shorter", "join_shorter_runs", "shorter_summary", "publish", "figure")
    }
    now = smoke_study.numbers(tree)
    assert {name: now[name] for name in old} == old

    check_numbers(tree / "results/smoke")


def check_numbers(results: Path) -> None:
    """The shares are those of the runs, and the caption says them."""
    runs, readouts = (
        read_table(results / f"tables/{name}.parquet") for name in ("shorter_runs", "readouts")
    )
    readouts = readouts[readouts["seed"] == 0].set_index("case")
    one = runs[runs["steps"] == 1].set_index("case")
    # a run of one step ends on what the full run expects at its first
    assert len(one) == 7
    assert one["answer"].to_dict() == readouts.loc[readouts["step"] == 0, "answer"].to_dict()
    shares = read_table(results / "figures/tables/shorter.csv").set_index("steps")
    right = {steps: rows["correct"].sum() for steps, rows in runs.groupby("steps")}
    right[6] = readouts.loc[readouts["step"] == 6, "correct"].sum()
    assert list(shares.index) == [1, 2, 4, 6]
    caption = (results / "figures/shorter.md").read_text().replace("\n", " ")
    for steps, count in right.items():
        row = shares.loc[steps]
        assert (row["n"], row["mean"]) == (7, pytest.approx(count / 7))
        if count in (0, 7):
            assert row["low"] == pytest.approx(wilson(count, 7).low)
        assert row["low"] <= row["mean"] <= row["high"]
        assert f"N = {steps}: {row['mean']:.2f} [" in caption
    assert "n = 7 runs" in caption
    for suffix in (".png", ".pdf", ".json"):
        assert (results / "figures/shorter").with_suffix(suffix).stat().st_size > 100
