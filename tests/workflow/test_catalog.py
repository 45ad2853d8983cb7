"""What the Snakemake workflow catalog asks for, and the workflow in another place than its own."""

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
import smoke as helper
import yaml
from repository import ROOT

from chain_of_steps.study.config import load_config

# the command with which the catalog looks whether a workflow can be read
COMMAND = ("-s", "Snakefile", "-c", "1", "-d", ".test", "--forceall", "--rulegraph")
OUTER = """\
configfile: "config.yaml"


module steps:
    snakefile: {snakefile}
    config: config["steps"]
    prefix: "below/here"


use rule * from steps as steps_*


rule mine:
    default_target: True
    input: rules.steps_all.input
    output: "seen.txt"
    shell: "ls {{input}} > {{output}}"
"""


def test_the_layout_is_that_of_standard_usage():
    for name in ("workflow/Snakefile", "config/README.md", "workflow/schemas/config.schema.json"):
        assert (ROOT / name).is_file(), name
    assert 'include: "workflow/Snakefile"' in (ROOT / "Snakefile").read_text().splitlines()
    assert [*(ROOT / "workflow/rules").glob("*.smk")]
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme and "workflow" in readme
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    ways = usage["software-stack-deployment"]
    assert ways.keys() == {"conda", "apptainer", "apptainer+conda"}
    # no rule names an environment, so none is promised
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert any(ways.values()) == bool(re.search(r"^\s+conda:", rules, re.MULTILINE))


def test_the_test_configuration_is_the_smoke_study_as_a_whole():
    made = runpy.run_path(str(ROOT / "docs/config_reference.py"))["of_test"]()
    assert (ROOT / ".test/config.yaml").read_text() == made, "run `make docs`"
    smoke = load_config([ROOT / "config.yaml", ROOT / "config/smoke.yaml"])
    assert load_config([ROOT / ".test/config.yaml"]) == smoke


@pytest.fixture
def tree(tmp_path) -> Path:
    """A copy of the repository's workflow, with the catalog's test."""
    tree = helper.copy_tree(tmp_path / "tree")
    shutil.copytree(ROOT / ".test", tree / ".test", ignore=shutil.ignore_patterns("[!c]*"))
    return tree


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but Snakemake's own and what Python compiles, with its content."""
    skipped = {".snakemake", "__pycache__", "lib", "bin", "jobs", "models"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not skipped & set(path.relative_to(folder).parts)
    }


@pytest.mark.slow
def test_the_command_of_the_catalog_draws_the_rules(tree):
    before = files(tree)
    drawn = helper.snakemake(tree, *COMMAND)
    assert 'label = "sample"' in drawn and 'label = "figure"' in drawn
    assert files(tree) == before


@pytest.mark.soak
def test_the_test_study_runs_and_writes_below_its_results_alone(tree):
    before = files(tree)
    words = ("-s", "Snakefile", "-c", "2", "-d", ".test", "--config", "experiments=[decision]")
    helper.snakemake(tree, *words, "study=smoke")
    after = files(tree)
    new = after.keys() - before.keys()
    assert {name: after[name] for name in before} == before
    assert ".test/results/smoke/figures/figure1.png" in new
    assert [name for name in new if not name.startswith(".test/results/")] == []


def outer(folder: Path, snakefile: str) -> None:
    """A workflow that takes ours as a module, on one maze and its first experiment."""
    config = yaml.safe_load((ROOT / ".test/config.yaml").read_text())
    config |= {"study": "theirs", "experiments": ["decision"]}
    config["cases"]["tasks"] = ["maze"]
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump({"of": "theirs", "steps": config}))
    (folder / "Snakefile").write_text(OUTER.format(snakefile=snakefile))


def run_outer(tree: Path, folder: Path, *arguments: str) -> str:
    return helper.snakemake(tree, "-s", str(folder / "Snakefile"), "-d", str(folder), *arguments)


def committed(tree: Path) -> str:
    """The workflow of a tree as a commit of a repository, in words of a Snakefile."""
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", str(tree))
    for words in (("init", "-q"), ("add", "workflow", "config.yaml"), ("commit", "-qm", "x")):
        subprocess.run([*git, *words], check=True, capture_output=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return f'gitfile("{tree}", path="workflow/Snakefile", commit="{head.stdout.strip()}")'


@pytest.mark.slow
@pytest.mark.parametrize("place", ["clone", "commit"])
def test_another_workflow_plans_it_as_a_module(tree, tmp_path, place):
    where = committed(tree) if place == "commit" else f'"{tree}/workflow/Snakefile"'
    outer(tmp_path / "outer", where)
    said = run_outer(tree, tmp_path / "outer", "--dry-run")
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE))
    assert jobs["steps_sample"] == jobs["mine"] == "1"
    written = set(re.findall(r"^    (?:output|log): (\S+)", said, re.MULTILINE))
    assert {name.split("results/")[0] for name in written} == {"below/here/", "seen.txt"}


@pytest.mark.soak
@pytest.mark.parametrize("place", ["clone", "commit"])
def test_another_workflow_runs_it_as_a_module_below_its_prefix(tree, tmp_path, place):
    where = committed(tree) if place == "commit" else f'"{tree}/workflow/Snakefile"'
    outer(tmp_path / "outer", where)
    before = files(tmp_path / "outer")
    run_outer(tree, tmp_path / "outer", "--cores", "2")
    new = files(tmp_path / "outer").keys() - before.keys() - {"seen.txt"}
    assert "below/here/results/theirs/figures/figure1.png" in new
    assert [name for name in new if not name.startswith("below/here/results/")] == []
    again = run_outer(tree, tmp_path / "outer", "--dry-run")
    assert "Nothing to be done" in again, again[-3000:]
