"""The manifest of the figures."""

import json

import pytest

from chain_of_steps.errors import UserError
from chain_of_steps.files import digest_file
from chain_of_steps.provenance import Made, record
from chain_of_steps.stage import stage_of
from chain_of_steps.study.config import check_config
from chain_of_steps.study.manifest import (
    config_digest,
    figure_manifest,
    model_digests,
    other_inputs,
    refuse_other_tables,
)


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
    # studies from before there was a choice of decoder read all in full
    old = {name: value for name, value in content.items() if name != "reading"}
    assert same == config_digest(old)
    cheap = {**content["reading"], "decoder": "projection"}
    assert config_digest({**content, "reading": cheap}) != same


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


@pytest.fixture
def shipped(tmp_path):
    """Figures with one table, drawn and named in a manifest; and the configuration."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/a.csv").write_text("a,b\n")
    resolved = check_config(
        {"study": "a", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["maze"]}}
    ).resolved()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/s9.py").write_text("# draws")
    digests = {"tables/a.csv": digest_file(tmp_path / "tables/a.csv")}
    facts = {"inputs": list(digests), "digests": digests, "versions": {"freetype": "2"}}
    (tmp_path / "s9.json").write_text(json.dumps(facts))
    made = figure_manifest(resolved, tmp_path / "notebooks", [tmp_path / "s9.json"])
    (tmp_path / "manifest.json").write_text(json.dumps(made))
    return tmp_path, json.loads(json.dumps(resolved))


def test_versions_are_those_of_the_process_that_drew(shipped):
    made = json.loads((shipped[0] / "manifest.json").read_text())
    assert made["figures"]["s9"]["versions"] == {"freetype": "2"}


def test_tables_of_other_settings_are_refused_with_the_field(shipped):
    figures, resolved = shipped
    refuse_other_tables(figures, resolved)
    refuse_other_tables(figures, {**resolved, "experiments": ["decision"], "new": {"x": 1}})
    sampler = {**resolved["sampler"], "steps": 7}
    with pytest.raises(UserError, match=r"other settings \(sampler\.steps 50, now 7\)"):
        refuse_other_tables(figures, {**resolved, "sampler": sampler})
    models = {**resolved["models"], "more": {"path": "q"}}
    with pytest.raises(UserError, match=r"other settings \(models\.more missing"):
        refuse_other_tables(figures, {**resolved, "models": models})
    reading = {**resolved["reading"], "decoder": "projection"}
    with pytest.raises(UserError, match=r'reading\.decoder "full", now "projection"'):
        refuse_other_tables(figures, {**resolved, "reading": reading})


def test_tables_of_another_commit_are_refused_and_drawn_again(shipped):
    figures, resolved = shipped
    assert other_inputs(figures / "s9.json") is None
    (figures / "tables/a.csv").write_text("older\n")
    assert other_inputs(figures / "s9.json") == "tables/a.csv"
    with pytest.raises(UserError, match=r"a\.csv is not the table that .*manifest\.json names"):
        refuse_other_tables(figures, resolved)
    with pytest.raises(UserError, match=r"s9\.json was drawn from another tables/a\.csv"):
        figure_manifest(resolved, figures / "notebooks", [figures / "s9.json"])


def test_tables_without_a_manifest_are_those_of_no_configuration(shipped):
    figures, resolved = shipped
    (figures / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"manifest\.json is missing, which says what made"):
        refuse_other_tables(figures, resolved)


def test_tables_of_other_weights_are_refused(shipped, monkeypatch):
    figures, resolved = shipped
    monkeypatch.chdir(figures)
    (figures / "p").mkdir()
    weights = figures / "p/model.safetensors"
    weights.write_bytes(b"1")
    made = figure_manifest(resolved, figures / "notebooks", [figures / "s9.json"])
    (figures / "manifest.json").write_text(json.dumps(made))
    refuse_other_tables(figures, resolved)
    weights.write_bytes(b"2")
    with pytest.raises(UserError, match="were made with other weights of m"):
        refuse_other_tables(figures, resolved)


def test_a_manifest_names_no_settings_that_did_not_make_a_table(shipped, monkeypatch):
    figures, resolved = shipped
    monkeypatch.chdir(figures)
    table = figures / "results/a/tables/a.csv"
    table.parent.mkdir(parents=True)
    table.write_bytes((figures / "tables/a.csv").read_bytes())
    (figures / "results/a/0").write_text("a run")
    of = {"sampler": {**resolved["sampler"], "steps": 7}}
    settings = stage_of("sample").view({**resolved, **of}, "m").model_dump(by_alias=True)
    record([figures / "results/a/0"], Made("sample", settings, "", {}))
    record([table], Made("join", {}, "", {"results/a/0": ""}))
    with pytest.raises(UserError, match=r"a\.csv was made with other settings \(sampler\.steps 7"):
        figure_manifest(resolved, figures / "notebooks", [figures / "s9.json"])
    assert figure_manifest({**resolved, **of}, figures / "notebooks", [figures / "s9.json"])
    table.write_text("not the one that is shown\n")
    assert figure_manifest(resolved, figures / "notebooks", [figures / "s9.json"])
