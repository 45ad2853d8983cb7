"""The whole chain on config/smoke.yaml, in a copy of the tree: what runs, and what runs again."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import smoke as helper
from smoke import SMOKE

from chain_of_steps.files import read_json
from chain_of_steps.study import plan
from chain_of_steps.study.config import load_config

pytestmark = pytest.mark.slow


@pytest.fixture
def study(smoke) -> Path:
    """The tree in which the smoke study has run; the tests below change it in turn."""
    return smoke.tree


def snakemake(tree: Path, *arguments: str, status: int = 0) -> str:
    """Output of snakemake on two cores with the package of `tree`."""
    return helper.snakemake(tree, "--cores", "2", *arguments, status=status)


def jobs(tree: Path, *arguments: str) -> dict[str, int]:
    """Rule -> number of jobs that a dry run would start."""
    output = snakemake(tree, "--dry-run", *SMOKE, *arguments)
    if "Nothing to be done" in output:
        return {}
    table = output.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]
    return {line.split()[0]: int(line.split()[1]) for line in table if len(line.split()) == 2}


def rules_of(output: str) -> set[str]:
    """Rules whose jobs have ended."""
    return set(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", output, flags=re.M))


def test_makes_every_figure_with_caption_and_manifest(study):
    figures = study / "results/smoke/figures"
    manifest = json.loads((figures / "manifest.json").read_text())
    assert {"figure1", "figure2", "s1_timeline", "table1_ensemble"} <= manifest["figures"].keys()
    for name, entry in manifest["figures"].items():
        made = (".csv", ".tex") if name.startswith("table") else (".png", ".pdf")
        for suffix in (*made, ".md", ".json"):
            assert (figures / f"{name}{suffix}").stat().st_size > 0
        caption = (figures / f"{name}.md").read_text().replace("\n", " ")
        assert re.search(r"\bown results\b", caption), name
        assert entry["inputs"]
        assert (study / "results/smoke/notebooks" / f"{name}.ipynb").is_file()
    assert manifest["models"]["pocket"]
    assert set(manifest["claims"]["inputs"]) >= {
        "tables/decision_outcomes.parquet",
        "tables/noise_outcomes.parquet",
        "tables/ensemble_outcomes.parquet",
    }
    judged = (figures / "claims.csv").read_text()
    for claim in ("several-candidates", "step-worse-than-frame", "ensemble-gains"):
        assert f"\n{claim}," in judged
    assert "its own results" in (figures / "claims.md").read_text().replace("\n", " ")


def test_a_second_run_does_nothing(study):
    assert jobs(study) == {}


def test_the_plan_is_what_the_study_counted(study, monkeypatch):
    monkeypatch.chdir(study)
    results = study / "results/smoke"
    study_of = load_config([results / "config.json"])
    lines = {line.name: line for line in plan.stages(study_of, plan.groups(study_of)[0])}

    def manifests(folder: str, pattern: str) -> int:
        paths = list((results / folder / "pocket").glob(pattern))
        assert len(paths) == lines["sample"].jobs
        return sum(json.loads(path.read_text())["nfe"] for path in paths)

    counted = {
        "sample": manifests("trajectories", "*.safetensors.manifest.json"),
        "perturb": manifests("perturbation", "?.parquet.manifest.json"),
        "ensemble": manifests("ensemble", "?.parquet.manifest.json"),
    }
    tables = {"energy": "token_energy", "swap": "layer_swap"}
    tables |= {"patching": "layer_patching", "ablation": "layer_ablation"}
    for analysis, table in tables.items():
        manifest = results / "layers/pocket/0" / f"{table}.parquet.manifest.json"
        counted[analysis] = json.loads(manifest.read_text())["nfe"]
    counted["loops"] = manifests("loops", "?.parquet.manifest.json")
    # not every puzzle has all mistakes: what is planned is the most
    found = [read_json(path)["nfe"] for path in (results / "handover").rglob("*.manifest.json")]
    assert lines["handover"].nfe / 2 < sum(found) <= lines.pop("handover").nfe
    assert {name: line.nfe for name, line in lines.items() if line.nfe} == counted
    page = (results / "figures/cost.md").read_text()
    assert f"| trajectories | {lines['sample'].jobs} | {lines['sample'].nfe:,} |" in page


def test_a_bench_study_is_planned_without_data_and_weights(study):
    fields = {
        "study": "bench",
        "experiments": ["vbvr", "videos"],
        "models": {"*": None, "big": {"path": "someone/big"}},
        "cases": {"source": "vbvr-bench", "path": "no/data", "tasks": None}
        | {"in-domain": 1, "out-of-domain": 1},
        "vbvr": {"conditions": ["clean", "steps", "noise", "ensemble"]},
        "ensemble": {"averaged": [2]},
        "execution": {"shard": 50},
    }
    (study / "bench.yaml").write_text(json.dumps(fields))
    output = snakemake(study, "--dry-run", "--configfile", "bench.yaml")
    found = {row.split()[0]: row.split()[1] for row in output.splitlines() if len(row.split()) == 2}
    # two shards: references, clean, noise and ensemble
    wanted = {"cases": 1, "sample": 2, "scorer": 1, "score": 8, "table": 1, "vbvr_summary": 1}
    assert {name: int(found[name]) for name in wanted} == wanted


def test_an_edited_notebook_redraws_only_its_figure(study):
    notebook = study / "workflow/notebooks/figure2.py"
    text = notebook.read_text()
    notebook.write_text(text + "\n# edited\n")
    again = jobs(study)
    notebook.write_text(text)
    assert again.pop("figure") == 1
    assert set(again) == {"picture_page", "manifest", "all", "total"}


def _mistyped(text: str) -> str:
    """The claims with a field of one of them mistyped."""
    before, after = text.split("- id: noise-at-step-destroys\n")
    return before + "- id: noise-at-step-destroys\n" + after.replace("table:", "tabel:", 1)


def test_an_edited_claim_is_judged_again_and_nothing_else(study):
    expected = study / "workflow/paper/expected.yaml"
    text = expected.read_text()
    expected.write_text(text.replace("test: {below: 0.3}", "test: {below: 0.4}"))
    again = jobs(study)
    expected.write_text(_mistyped(text))
    output = snakemake(study, "--dry-run", *SMOKE, status=1)
    expected.write_text(text)
    assert set(again) == {"claims", "page", "summary", "manifest", "all", "total"}
    assert "claim noise-at-step-destroys: unknown field tabel: did you mean table?" in output


@pytest.mark.parametrize(
    ("module", "runs", "rests"),
    [
        ("sampling.py", {"sample", "read", "figure"}, {"cases"}),
        ("models/wan.py", {"sample", "read", "energy", "figure"}, {"cases"}),
        ("tasks/reader.py", {"read", "timeline", "figure"}, {"cases"}),
        ("experiments/layers/swap.py", {"swap", "layer_summary"}, {"sample", "energy"}),
        ("plots.py", {"figure"}, {"sample", "read", "timeline"}),
    ],
)
def test_an_edit_of_the_package_runs_what_depends_on_it(study, module, runs, rests):
    source = study / "src/chain_of_steps" / module
    text = source.read_text()
    source.write_text(text + "\nEDITED = 1\n")
    again = jobs(study)
    source.write_text(text + "\n# edited\n")
    commented = jobs(study)
    source.write_text(text)
    assert runs <= again.keys()
    assert not rests & again.keys()
    assert commented == {}


@pytest.mark.soak  # a whole study; a killed one gives the same numbers in test_interruption, too
def test_the_same_config_gives_the_same_tables_and_latents(study):
    results = study / "results/smoke"
    kept = {
        path: path.read_bytes()
        for folder in ("tables", "trajectories", "readouts")
        for path in sorted((results / folder).rglob("*"))
        if path.suffix in {".csv", ".parquet", ".safetensors", ".png"}
    }
    assert len(kept) > 5
    # of tables that are folders of pictures, the folder is the target
    below = {
        path.relative_to(study).parts[:4] for path in kept if results / "tables" in path.parents
    }
    tables = sorted("/".join(parts) for parts in below)
    done = snakemake(study, *SMOKE, "--forcerun", "cases", "sample", "--", *tables)
    assert {"sample", "perturb", "behaviours", "ensemble", "examples"} <= rules_of(done)
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


def test_a_figure_is_the_same_whatever_the_user_has_set(study):
    """A matplotlibrc, start files, a kernel and modules of the user's, and no home to write in."""
    figures, user = study / "results/smoke/figures", study / "of-the-user"
    kernel, start = user / "kernels/python3/kernel.json", user / "profile_default/startup/0.py"
    for path, text in {
        user / "matplotlibrc": "text.usetex: True\nsavefig.facecolor: black\n",
        study / "matplotlibrc": "image.origin: lower\naxes.facecolor: black\n",
        user / "seaborn.py": "raise SystemExit('a module of the user')\n",
        start: "import matplotlib; matplotlib.rcParams['font.size'] = 30\n",
        kernel: '{"argv": ["false"], "display_name": "mine", "language": "python"}',
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    drawn = {name: (figures / name).read_bytes() for name in ("figure1.png", "figure1.pdf")}
    (figures / "figure1.png").unlink()
    variables = {
        "HOME": "/proc/nowhere",
        "XDG_CACHE_HOME": "",
        "MATPLOTLIBRC": str(user / "matplotlibrc"),
        "MPLBACKEND": "TkAgg",
        "IPYTHONDIR": str(user),
        "JUPYTER_PATH": str(user),
        "PYTHONPATH": os.pathsep.join([helper.environment(study)["PYTHONPATH"], str(user)]),
        "PIP_USER": "1",
        "LC_ALL": "C",
    }
    helper.snakemake(study, "--cores", "2", *SMOKE, "--config", "shipped=true", **variables)
    (study / "matplotlibrc").unlink()
    assert {name: (figures / name).read_bytes() for name in drawn} == drawn


def test_a_kernel_that_does_not_start_is_started_again(study):
    picture = study / "results/smoke/figures/figure5.png"
    picture.unlink()
    failed, papermill = study / "failed", study / "bin/papermill"
    real = Path(sys.executable).with_name("papermill")
    papermill.unlink()
    papermill.write_text(
        f'#!/bin/sh\n[ -e "{failed}" ] || {{ touch "{failed}"; exit 1; }}\nexec "{real}" "$@"\n'
    )
    papermill.chmod(0o755)
    output = snakemake(study, *SMOKE, "--config", "shipped=true")
    papermill.unlink()
    assert failed.is_file()
    assert "Trying to restart job" in output
    assert picture.is_file()


@pytest.mark.parametrize(
    ("overlays", "samples"),
    [
        (["vbvr-wan2.2"], 500),
        (["vbvr-wan2.2", "vbvr-wan2.2-reduced"], 100),
        (["wan2.1"], 200),
        (["ti2v-5b"], 200),
        (["ltx"], 100),
        (["ltx2"], 100),
    ],
)
def test_studies_of_the_real_models_can_be_planned_without_weights(study, overlays, samples):
    files = [f"config/{name}.yaml" for name in overlays]
    output = snakemake(study, "--dry-run", "--quiet", "rules", "--configfile", *files)
    counts = dict(line.split() for line in output.splitlines() if len(line.split()) == 2)
    assert int(counts["sample"]) == samples
