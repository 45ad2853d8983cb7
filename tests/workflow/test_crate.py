"""The folder of figures as an RO-Crate, read back by the library for such crates."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT
from rocrate.rocrate import ROCrate

SCRIPT = ROOT / "workflow/scripts/crate.py"


def write(figures: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, SCRIPT, figures], capture_output=True, text=True, check=False
    )


@pytest.fixture
def figures(tmp_path) -> Path:
    """A study's folder with one figure, one table, and its claims."""
    folder = tmp_path / "figures"
    (folder / "tables/examples").mkdir(parents=True)
    for name in ("figure1.png", "figure1.pdf", "tables/a.csv", "tables/examples/1.png"):
        (folder / name).write_bytes(b"x")
    for name in ("table1.csv", "table1.tex", "claims.csv", "verdicts.json"):
        (folder / name).write_bytes(b"xy")
    (folder / "figure1.md").write_text("Figure 1 (deep, its\nown results). Mazes.\n")
    (folder / "table1.md").write_text("Table 1. Means.\n\n| a |\n| --- |\n")
    (folder / "claims.md").write_text("Claims")
    manifest = {
        "study": "made-up",
        "versions": {"chain_of_steps": "9.9", "torch": "2"},
        "models": {"deep": "ab" * 32},
        "figures": {
            "figure1": {
                "notebook": "workflow/notebooks/figure1.py",
                "inputs": {"tables/examples": "12", "tables/a.csv": "34"},
            },
            "table1": {
                "notebook": "workflow/notebooks/table1.py",
                "inputs": {"tables/a.csv": "34"},
            },
        },
        "claims": {"expected": "workflow/paper/expected.yaml", "inputs": {"tables/a.csv": "34"}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_every_file_is_in_the_crate_once_with_what_made_it(figures):
    done = write(figures)
    assert done.returncode == 0, done.stderr
    crate = ROCrate(figures)
    assert "made-up" in crate.name and crate.license.id.endswith("Apache-2.0")
    parts = [part.id for part in crate.root_dataset["hasPart"]]
    there = {p.relative_to(figures).as_posix() for p in figures.rglob("*") if p.is_file()}
    inside = {name for name in there if name.startswith("tables/examples/")}
    assert sorted(parts) == sorted(
        {*there - inside, "tables/examples/"} - {"ro-crate-metadata.json"}
    )
    drawn = crate.get("#draw-figure1")
    assert drawn["instrument"]["softwareVersion"] == "9.9"
    assert {one.id for one in drawn["object"]} == {
        "tables/a.csv",
        "tables/examples/",
        "#model-deep",
    }
    assert {one.id for one in drawn["result"]} == {"figure1.png", "figure1.pdf", "figure1.md"}
    assert crate.get("tables/a.csv")["identifier"] == "sha256:34"
    assert crate.get("figure1.png")["description"].startswith("Figure 1 (deep, its own results).")
    assert crate.get("figure1.png")["encodingFormat"] == "image/png"
    assert crate.get("table1.csv")["contentSize"] == "2"
    judged = {one.id for one in crate.get("#judge")["result"]}
    assert judged == {"claims.csv", "claims.md", "verdicts.json"}


def test_it_stays_the_same_until_the_manifest_changes(figures):
    write(figures)
    first = (figures / "ro-crate-metadata.json").read_bytes()
    write(figures)
    assert (figures / "ro-crate-metadata.json").read_bytes() == first


def test_a_file_that_is_gone_is_named(figures):
    shutil.rmtree(figures / "tables/examples")
    done = write(figures)
    assert done.returncode == 1 and "tables/examples is named in" in done.stderr
    assert not (figures / "ro-crate-metadata.json").exists()
