"""The manifest of the figures."""

import json

import pytest

from chain_of_steps.errors import UserError
from chain_of_steps.files import digest_file
from chain_of_steps.study.config import check_config
from chain_of_steps.study.manifest import config_digest, figure_manifest, model_digests


def test_the_digest_of_a_configuration_covers_what_decides_numbers():
    config = check_config(
        {"study": "a", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["maze"]}}
    )
    content = config.resolved()
    same = config_digest(content)
    assert same == config_digest(json.loads(json.dumps(content)))
    assert same == config_digest({**content, "train": {}, "card": {}})
    for name in ("sampler", "seeds", "cases", "models", "execution", "statistics", "perturbation"):
        assert config_digest({**content, name: {"other": 1}}) != same


def test_the_manifest_names_notebook_inputs_and_model_of_each_figure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("notebooks", "figures", "weights"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notebooks/s9.py").write_text("# draws")
    (tmp_path / "figures/table.csv").write_text("a,b\n")
    facts = tmp_path / "figures/s9.json"
    facts.write_text(json.dumps({"inputs": ["table.csv"]}))
    (tmp_path / "weights/model.safetensors").write_bytes(b"1")
    config = check_config(
        {
            "study": "a",
            "models": {"here": {"path": "weights"}, "far": {"path": "some/hub-model"}},
            "cases": {"tasks": ["maze"]},
        }
    )
    found = figure_manifest(config.resolved(), tmp_path / "notebooks", [facts])
    entry = found["figures"]["s9"]
    assert entry["notebook_sha256"] == digest_file(tmp_path / "notebooks/s9.py")
    assert entry["inputs"] == {"table.csv": digest_file(tmp_path / "figures/table.csv")}
    assert found["study"] == "a"
    assert found["models"].keys() == {"here"}
    (tmp_path / "weights/model.safetensors").write_bytes(b"2")
    assert model_digests(config) != found["models"]
    (tmp_path / "notebooks/s9.py").unlink()
    with pytest.raises(UserError, match=r"s9\.json has no notebook"):
        figure_manifest(config.resolved(), tmp_path / "notebooks", [facts])
