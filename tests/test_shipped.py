"""The shipped figures and tables are those of the shipped configuration, model and notebooks."""

from pathlib import Path

import pytest

from chain_of_steps.artifacts import digest_file, read_json, read_table
from chain_of_steps.config import load_config
from chain_of_steps.experiments.manifest import config_digest, model_digests

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "figures"


@pytest.fixture(scope="module")
def manifest() -> dict:
    return read_json(FIGURES / "manifest.json")


@pytest.fixture(scope="module")
def config() -> dict:
    return load_config([ROOT / "config.yaml"])


def test_figures_were_made_with_the_shipped_configuration(manifest, config):
    assert manifest["study"] == config["study"]
    assert manifest["config_sha256"] == config_digest(config), "run `make figures` and commit"


def test_figures_were_made_with_the_shipped_models(manifest, config, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert manifest["models"] == model_digests(config), "run `make figures` and commit"


def test_figures_were_made_from_the_shipped_tables_and_notebooks(manifest):
    for name, entry in manifest["figures"].items():
        assert (FIGURES / f"{name}.md").is_file()
        assert digest_file(ROOT / entry["notebook"]) == entry["notebook_sha256"], name
        for table, digest in entry["inputs"].items():
            assert digest_file(FIGURES / table) == digest, f"{name}: {table}"


def test_shipped_files_are_small():
    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    assert size(ROOT / "models/pocket") <= 20e6
    assert size(ROOT / "models/pocket-early") <= 5e6
    assert size(FIGURES / "tables") <= 10e6


def test_the_card_reports_at_least_200_unseen_cases_of_each_task_and_split(config):
    accuracy = read_table(ROOT / "models/pocket/accuracy.csv")
    assert set(accuracy["task"]) == set(config["cases"]["tasks"])
    assert set(accuracy["split"]) == {"in-domain", "out-of-domain"}
    assert (accuracy["n"] >= 200).all()
    assert accuracy["accuracy"].between(accuracy["low"], accuracy["high"]).all()
