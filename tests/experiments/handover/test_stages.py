"""Both experiments through their commands, on a random model; and what their cost was planned."""

from pathlib import Path

import chain
import pytest
import yaml

from chain_of_steps.artifacts import read_table
from chain_of_steps.experiments.handover import stage_handover_summary
from chain_of_steps.experiments.loops import stage_loops_summary
from chain_of_steps.files import read_json
from chain_of_steps.study import plan
from chain_of_steps.study.config import check_config

FIELDS = {
    "experiments": ["handover", "loops"],
    "cases": {**chain.STUDY["cases"], "tasks": ["maze", "odd", "chain_lit"]},
    "execution": {**chain.STUDY["execution"], "shard": 9},
    "handover": {"cases": 2, "levels": [0.8], "tile_levels": [0.8], "directions": 1},
    "loops": {
        **{"cases": 2, "few_steps": [1, 2], "matched_steps": [1, 2], "matched_levels": [0.7]},
        **{"rest": 2, "levels": [0.6], "passes": [0, 2], "above": 2, "below": 2},
        "chosen": {"sigma": 0.6, "passes": 2},
    },
}
MINE = ("--model", "pocket", "--cases", "cases", "--trajectory", "0.safetensors")


@pytest.fixture
def study(tmp_path, build_pocket, monkeypatch):
    """A study of nine cases in one shard, sampled, as working directory."""
    chain.prepare(tmp_path, build_pocket)
    monkeypatch.chdir(tmp_path)
    config = {**chain.STUDY, **FIELDS}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert chain.cos("cases", "--out", "cases") == 0
    given = ("--model", "pocket", "--cases", "cases", "--shard", 0)
    assert chain.cos("sample", *given, "--out", "0.safetensors") == 0
    return check_config(config)


@pytest.mark.slow
def test_both_experiments_run_through_their_commands(study):
    made = ("--out", "ends.parquet", "--tiles", "tiles.parquet", "--jacobian", "jacobian.parquet")
    assert chain.cos("handover", *MINE, *made) == 0
    assert chain.cos("loops", *MINE, "--out", "loops.parquet") == 0
    taken = ("--cases", "cases", "--runs", "ends.parquet", "--tiles", "tiles.parquet")
    taken += ("--jacobian", "jacobian.parquet", "--outcomes", "a.parquet")
    assert chain.cos("handover-summary", *taken, "--out", "a") == 0
    taken = ("--cases", "cases", "--runs", "loops.parquet", "--outcomes", "b.parquet")
    assert chain.cos("loops-summary", *taken, "--out", "b") == 0
    for folder, names in (("a", stage_handover_summary.TABLES), ("b", stage_loops_summary.TABLES)):
        for name in names:
            table = read_table(Path(folder) / name)
            assert "mean" in table and (len(table) or "contrasts" in name), name
    ends = read_table(Path("ends.parquet"))
    assert set(ends["task"]) == {"maze"} and set(ends["seed"]) == {chain.SEEDS[0]}
    assert {"plain", "inject", "swap_picture", "bottleneck"} <= set(ends["intervention"])
    loops = read_table(Path("loops.parquet"))
    assert set(loops["seed"]) == {chain.SEEDS[0]}
    # whole runs alone of chains whose way is shown, the flat control
    methods = loops.groupby("task")["method"].agg(set)
    assert methods["chain_lit"] == {"full", "few"}
    assert methods["maze"] == {"full", "few", "matched", "loop", "erased"}
    assert set(read_table(Path("b/loops.csv"))["task"]) == {"all", "maze"}
    assert {"maze", "chain_lit"} <= set(read_table(Path("b/few_steps.csv"))["task"])

    lines = {line.name: line for line in plan.stages(study, plan.groups(study)[0])}
    spent = read_json(Path("loops.parquet.manifest.json"))["nfe"]
    assert lines["loops"].nfe == spent
    spent = read_json(Path("ends.parquet.manifest.json"))["nfe"]
    assert lines["handover"].nfe / 2 < spent <= lines["handover"].nfe


def test_a_study_without_such_puzzles_is_refused(study, capsys):
    cases = read_table(Path("cases/cases.csv"))
    cases[cases["task"] != "maze"].to_csv("cases/cases.csv", index=False)
    assert chain.cos("loops", *MINE, "--out", "loops.parquet") == 1
    assert "cases.tasks has none of chain, maze, latin: add one" in capsys.readouterr().err
