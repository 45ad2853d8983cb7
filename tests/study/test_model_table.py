"""The table of models says what their files say."""

import json

import pandas as pd

from chain_of_steps.cli import main
from chain_of_steps.models.loading import count_parameters


def test_a_model_that_is_not_at_hand_says_nothing(tmp_path, build_pocket, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build_pocket(["go"]).save_pretrained("here")
    (tmp_path / "here/training.json").write_text(
        json.dumps({"stages": [{"steps": 3}, {"steps": 4}]})
    )
    models = {
        "ours": {"path": "here"},
        "again": {"path": "here", "repeats": "ours", "control": True},
        "far": {"path": "someone/far"},
    }
    (tmp_path / "config.yaml").write_text(
        json.dumps({"study": "s", "models": models, "cases": {"tasks": ["maze"]}})
    )
    assert main(["model-table", "--out", "models.csv"]) == 0
    table = pd.read_csv("models.csv").set_index("model")
    layers = json.loads((tmp_path / "here/transformer/config.json").read_text())["num_layers"]
    assert table.loc[["ours", "again"], "blocks"].tolist() == [layers] * 2
    assert table.loc["ours", "parameters"] == count_parameters(tmp_path / "here")
    assert table["trained"].fillna(-1).tolist() == [7, 7, -1]
    assert table["repeats"].tolist() == ["ours", "ours", "far"]
    assert table["control"].tolist() == [False, True, False]
    assert table.loc["far", ["blocks", "parameters"]].isna().all()
