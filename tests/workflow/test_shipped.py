"""The shipped figures and tables are those of the shipped configuration, model and notebooks."""

import zlib
from pathlib import Path

import pytest
from repository import ROOT

from chain_of_steps import cli
from chain_of_steps.artifacts import read_table
from chain_of_steps.files import digest_file, read_json
from chain_of_steps.pocket.card import tasks_of
from chain_of_steps.settings.models import main_model
from chain_of_steps.study.config import Study, load_config
from chain_of_steps.study.manifest import config_digest, model_digests

FIGURES = ROOT / "figures"


@pytest.fixture(scope="module")
def manifest() -> dict:
    return read_json(FIGURES / "manifest.json")


@pytest.fixture(scope="module")
def config() -> Study:
    return load_config([ROOT / "config.yaml"])


def test_figures_were_made_with_the_shipped_configuration(manifest, config):
    assert manifest["study"] == config.study
    assert manifest["config_sha256"] == config_digest(config.resolved()), (
        "run `make figures` and commit"
    )


def test_figures_were_made_with_the_shipped_models(manifest, config, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert manifest["models"] == model_digests(config), "run `make figures` and commit"


def test_figures_were_made_from_the_shipped_tables_and_notebooks(manifest):
    for name, entry in manifest["figures"].items():
        assert (FIGURES / f"{name}.md").is_file()
        assert digest_file(ROOT / entry["notebook"]) == entry["notebook_sha256"], name
        for table, digest in entry["inputs"].items():
            assert digest_file(FIGURES / table) == digest, f"{name}: {table}"


def test_claims_are_those_of_the_shipped_tables(manifest, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    entry = manifest["claims"]
    assert digest_file(entry["expected"]) == entry["expected_sha256"], "run `make figures`"
    for table, digest in entry["inputs"].items():
        assert digest_file(FIGURES / table) == digest, table
    out = tmp_path / "claims.csv"
    tables = ("--tables", str(FIGURES / "tables"), "--expected", entry["expected"])
    assert cli.main(["claims", *tables, "--out", str(out)]) == 0
    for name in ("claims.csv", "claims.md"):
        assert (tmp_path / name).read_bytes() == (FIGURES / name).read_bytes(), "run `make figures`"


def test_shipped_files_are_small():
    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    assert size(ROOT / "models") <= 32e6
    # as a clone transfers them, and git stores them
    tables = [path for path in (FIGURES / "tables").rglob("*") if path.is_file()]
    assert sum(len(zlib.compress(path.read_bytes())) for path in tables) <= 10e6


MODELS = sorted(path.name for path in (ROOT / "models").iterdir())


@pytest.mark.parametrize("model", MODELS)
def test_a_card_reports_at_least_200_unseen_cases_of_each_task(model):
    folder = ROOT / "models" / model
    accuracy = read_table(folder / "accuracy.csv")
    assert set(accuracy["task"]) == set(tasks_of(read_json(folder / "training.json")))
    assert set(accuracy["split"]) == {"in-domain", "out-of-domain"}
    assert (accuracy.loc[accuracy["split"] == "in-domain", "n"] >= 200).all()
    assert accuracy["accuracy"].between(accuracy["low"], accuracy["high"]).all()


def test_a_card_counts_its_runs_by_need(config):
    by = ["task", "split"]
    for model in config.models.values():
        accuracy, needs = (
            read_table(ROOT / model.path / f"{n}.csv") for n in ("accuracy", "needs")
        )
        assert needs.groupby(by)["n"].sum().to_dict() == accuracy.set_index(by)["n"].to_dict()


def test_every_model_of_the_study_is_shipped_and_trained_by_its_recipe(config):
    for model in config.models.values():
        name = Path(model.path).name
        recipe = config.train[name.partition("-at-")[0]]
        stages = read_json(ROOT / model.path / "training.json")["stages"]
        assert [stage["config"]["layers"] for stage in stages] == [recipe.layers] * len(stages)
        assert {stage["config"]["seed"] for stage in stages} >= {recipe.seed}
        checkpoint = name.partition("-at-")[2]
        steps = int(checkpoint) if checkpoint else sum(phase.steps for phase in recipe.phases)
        assert sum(stage["steps"] for stage in stages) == steps


def test_the_main_model_has_room_on_puzzles_with_one_right_answer(config):
    """Steps put right what the first one cannot: chains, mazes and floods; Latin squares nearly."""
    accuracy = read_table(ROOT / config.models[main_model(config)].path / "accuracy.csv")
    mine = accuracy[accuracy["split"] == "in-domain"].set_index("task")
    room = mine.loc[["chain", "maze", "flood"]]
    assert (room["gain"] >= 0.15).all() and (room["gain_low"] > 0.10).all()
    assert (room["accuracy"] >= 0.75).all()
    assert mine.loc["latin", "gain_low"] > 0.05
    # and where a chain's way is shown there is nothing to put right
    lit = mine.loc["chain_lit"]
    assert lit["first"] > 0.95 and lit["gain_high"] < 0.05
