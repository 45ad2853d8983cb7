"""The whole chain on config/smoke.yaml, in a copy of the tree: what runs, and what runs again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SMOKE = ("--configfile", "config/smoke.yaml")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A copy of the tree in which the smoke study has run once."""
    tree = tmp_path_factory.mktemp("smoke") / "tree"
    tree.mkdir()
    for name in ("src", "workflow", "config", "Snakefile", "config.yaml"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tree / name)
    (tree / "models").symlink_to(ROOT / "models")
    snakemake(tree, *SMOKE)
    return tree


def snakemake(tree: Path, *arguments: str, status: int = 0) -> str:
    """Output of snakemake on two cores with the package of `tree`."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=tree,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == status, output[-4000:]
    return output


def jobs(tree: Path, *arguments: str) -> dict[str, int]:
    """Rule -> number of jobs that a dry run would start."""
    output = snakemake(tree, "--dry-run", *SMOKE, *arguments)
    if "Nothing to be done" in output:
        return {}
    table = output.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]
    return {line.split()[0]: int(line.split()[1]) for line in table if len(line.split()) == 2}


def test_makes_every_figure_with_caption_and_manifest(study):
    figures = study / "results/smoke/figures"
    manifest = json.loads((figures / "manifest.json").read_text())
    assert {"figure1", "figure2", "s1_timeline", "table1_ensemble"} <= manifest["figures"].keys()
    for name, entry in manifest["figures"].items():
        made = (".csv", ".tex") if name.startswith("table") else (".png", ".pdf")
        for suffix in (*made, ".md", ".json"):
            assert (figures / f"{name}{suffix}").stat().st_size > 0
        assert "its own results" in (figures / f"{name}.md").read_text().replace("\n", " ")
        assert entry["inputs"]
        assert (study / "results/smoke/notebooks" / f"{name}.ipynb").is_file()
    assert manifest["models"]["pocket"]
    assert set(manifest["claims"]["inputs"]) >= {"tables/noise_verdicts.csv", "tables/compare.csv"}
    judged = (figures / "claims.csv").read_text()
    assert "\nstep-worse-than-frame," in judged
    assert "\nswap-in-the-middle-flips," not in judged  # layers are no part of this study
    assert "swap-in-the-middle-flips" in (figures / "claims.md").read_text()


def test_a_second_run_does_nothing(study):
    assert jobs(study) == {}


def test_an_edited_notebook_redraws_only_its_figure(study):
    notebook = study / "workflow/notebooks/figure2.py"
    text = notebook.read_text()
    notebook.write_text(text + "\n# edited\n")
    again = jobs(study)
    notebook.write_text(text)
    assert again.pop("figure") == 1
    assert set(again) == {"manifest", "all", "total"}


def test_an_edited_claim_is_judged_again_and_nothing_else(study):
    expected = study / "workflow/reference/expected.yaml"
    text = expected.read_text()
    expected.write_text(text.replace("test: {below: 0.3}", "test: {below: 0.4}"))
    again = jobs(study)
    expected.write_text(text.replace("table: noise.csv", "tabel: noise.csv", 1))
    output = snakemake(study, "--dry-run", *SMOKE, status=1)
    expected.write_text(text)
    assert set(again) == {"claims", "manifest", "all", "total"}
    assert "claim noise-at-step-destroys: unknown field tabel: did you mean table?" in output


@pytest.mark.parametrize(
    ("module", "runs", "rests"),
    [
        ("sampling.py", {"sample", "read", "figure"}, {"cases"}),
        ("tasks/reader.py", {"read", "timeline", "figure"}, {"cases"}),
        ("plots.py", {"figure"}, {"sample", "read", "timeline"}),
    ],
)
def test_an_edit_of_the_package_runs_what_depends_on_it(study, module, runs, rests):
    source = study / "src/chain_of_steps" / module
    text = source.read_text()
    source.write_text(text + "\n# edited\n")
    again = jobs(study)
    source.write_text(text)
    assert runs <= again.keys()
    assert not rests & again.keys()


def test_the_same_config_gives_the_same_tables_and_latents(study):
    results = study / "results/smoke"
    kept = {
        path: path.read_bytes()
        for folder in ("tables", "trajectories", "readouts")
        for path in sorted((results / folder).rglob("*"))
        if path.suffix in {".csv", ".parquet", ".safetensors", ".png"}
    }
    assert len(kept) > 5
    snakemake(study, *SMOKE, "--forcerun", "cases", "sample")
    changed = [str(path) for path, content in kept.items() if path.read_bytes() != content]
    assert changed == []


def test_a_bad_config_stops_before_anything_runs(study):
    output = snakemake(study, "--dry-run", *SMOKE, "--config", "seed=3", status=1)
    assert "unknown field seed: did you mean seeds?" in output


def test_figures_come_from_tables_alone(study):
    figures = study / "results/smoke/figures"
    for name in ("trajectories", "readouts", "cases"):
        shutil.rmtree(study / "results/smoke" / name)
    (figures / "figure1.png").unlink()
    snakemake(study, *SMOKE, "--config", "shipped=true")
    assert (figures / "figure1.png").is_file()
