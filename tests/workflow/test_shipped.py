"""The shipped figures and tables are those of the shipped configuration, model and notebooks."""

import zlib
from pathlib import Path

import pytest
from repository import ROOT

from chain_of_steps import cli
from chain_of_steps.artifacts import read_table
from chain_of_steps.files import digest_file, read_json
from chain_of_steps.study.claims import FAILS, HOLDS, UNTESTED, judge_claims, load_claims
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


def test_every_verdict_on_the_shipped_tables_turns_with_them(manifest, config):
    judged = read_table(FIGURES / "claims.csv").set_index("id")
    model, steps = next(iter(config.models)), config.sampler.steps
    claims = [
        claim
        for claim in load_claims(ROOT / manifest["claims"]["expected"])
        if claim.id in judged.index and not claim.untestable
    ]
    assert claims
    for claim in claims:
        table = read_table(FIGURES / "tables" / claim.table)
        for verdict, good in ((HOLDS, True), (FAILS, False)):
            numbers = dict.fromkeys(("value", "low", "high"), far(claim, steps, good))
            numbers |= {"p": 0.001} if "p" in claim.columns else {}
            changed = table.assign(**{claim.columns[name]: x for name, x in numbers.items()})
            row = judge_claims([claim], {claim.table: changed}, model, steps).iloc[0]
            # a row that the study lacks is the one thing that no number changes
            lacks = str(judged.loc[claim.id, "reason"]).startswith("no measurement")
            assert row["verdict"] == (UNTESTED if lacks else verdict), claim.id


def far(claim, n_steps: int, good: bool) -> float:
    """A number well inside, or well outside, the region in which a claim holds."""
    (kind, bound), (least, most) = next(iter(claim.test.items())), claim.range
    scale = n_steps if claim.scale == "steps" else 1
    if kind == "within":
        return scale * (sum(bound) / 2 if good else bound[0] / 2)
    if (kind == "above") == good:
        return scale * (bound + 1 if most is None else (bound + most) / 2)
    return scale * (bound - 1 if least is None else (bound + least) / 2)


def test_shipped_files_are_small():
    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    assert size(ROOT / "models/pocket") <= 20e6
    assert size(ROOT / "models/pocket-early") <= 5e6
    # as a clone transfers them, and git stores them
    tables = [path for path in (FIGURES / "tables").rglob("*") if path.is_file()]
    assert sum(len(zlib.compress(path.read_bytes())) for path in tables) <= 10e6


def test_the_card_reports_at_least_200_unseen_cases_of_each_task_and_split(config):
    accuracy = read_table(ROOT / "models/pocket/accuracy.csv")
    assert set(accuracy["task"]) == set(config.cases.tasks)
    assert set(accuracy["split"]) == {"in-domain", "out-of-domain"}
    assert (accuracy["n"] >= 200).all()
    assert accuracy["accuracy"].between(accuracy["low"], accuracy["high"]).all()
