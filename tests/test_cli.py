"""The command line: quick help, one sentence for every mistake, and the chain of a tiny study."""

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from chain import EXPLORE, SEEDS, STEPS, STRIP, STUDY, cos, prepare, run_chain, tree
from PIL import Image
from safetensors import safe_open

from chain_of_steps import cli
from chain_of_steps.cases.folders import cases_of
from chain_of_steps.experiments.decision.examples import Panel, Picked, Shown, write_examples
from chain_of_steps.models.adapters import load_codec
from chain_of_steps.pocket import training
from chain_of_steps.study.config import load_config
from chain_of_steps.video import read_mp4

HEAVY = ("torch", "diffusers", "transformers", "pandas", "numpy", "scipy", "matplotlib")


def python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory, build_pocket) -> Path:
    """A folder with a random model, a config.yaml, and the artifacts of two equal runs."""
    root = tmp_path_factory.mktemp("study")
    prepare(root, build_pocket)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for out in (root / "one", root / "two"):
            run_chain(out)
    return root


@pytest.fixture
def inside(study, monkeypatch) -> Path:
    """The same, as working directory."""
    monkeypatch.chdir(study)
    return study


@pytest.fixture
def copied(study, tmp_path, monkeypatch) -> Path:
    """A copy of the first run beside its model and config.yaml, as working directory."""
    shutil.copytree(study / "one", tmp_path, dirs_exist_ok=True)
    shutil.copytree(study / "model", tmp_path / "model")
    shutil.copy(study / "config.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Help


def stages() -> list[str]:
    choices = next(a for a in cli.build_parser()._actions if a.dest == "command").choices
    return list(choices)


def test_help_of_every_stage_is_quick_and_ends_well():
    program = (
        "import sys\n"
        "from chain_of_steps import cli\n"
        f"for words in [[], *([name] for name in {stages()!r})]:\n"
        "    try:\n"
        "        cli.main([*words, '--help'])\n"
        "    except SystemExit as end:\n"
        "        assert end.code == 0\n"
        f"print('imported', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = python("-c", program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported []"
    assert done.stdout.count("usage: cos") == 1 + len(stages())


def test_help_explains_units_and_every_stage_and_option():
    parser = cli.build_parser()
    text = " ".join(parser.format_help().split())
    for words in ("steps count from 0", "sigma runs from 1", "NFE are transformer forward passes"):
        assert words in text
    for name, command in next(a for a in parser._actions if a.dest == "command").choices.items():
        assert name in text
        assert command.description
        assert all(action.help for action in command._actions)


def test_the_module_runs_as_a_program():
    done = python("-m", "chain_of_steps.cli", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: cos")
    assert python("-m", "chain_of_steps.cli").returncode == 2
    assert python("-m", "chain_of_steps.cli", "no-such-stage").returncode == 2


# The chain


def test_a_reader_that_stops_is_no_fault(study):
    command = f"{sys.executable} -m chain_of_steps plan | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=study, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tiny: 6 cases")


def test_two_runs_give_identical_latents_tables_and_pictures(study):
    one, two = tree(study / "one"), tree(study / "two")
    assert one.keys() == two.keys()
    # manifests also say how many seconds a job took
    different = [name for name in one if one[name] != two[name]]
    assert all(name.endswith(".manifest.json") for name in different)
    suffixes = {Path(name).suffix for name in one}
    assert suffixes == {".csv", ".json", ".mp4", ".parquet", ".png", ".safetensors", ".txt"}
    assert not [name for name in one if ".tmp." in name]


def test_cases_are_those_that_the_configuration_asks_for(study):
    index = pd.read_csv(study / "one/cases/cases.csv")
    counts = index.groupby(["task", "split"]).size().to_dict()
    assert counts == {
        (task, split): STUDY["cases"][split]
        for task in ("maze", "odd")
        for split in ("in-domain", "out-of-domain")
    }
    for case in index["case"]:
        assert (study / "one/cases" / case / "ground_truth.mp4").is_file()


def test_a_trajectory_holds_its_shard_and_is_consistent(study):
    index = pd.read_csv(study / "one/cases/cases.csv")
    for shard, cases in ((0, index["case"][:4]), (1, index["case"][4:])):
        path = study / f"one/trajectories/pocket/{shard}.safetensors"
        with safe_open(path, framework="np") as file:
            sigmas, x, clean = (file.get_tensor(name) for name in ("sigmas", "x", "clean"))
            facts = json.loads(file.metadata()["json"])
        rows = [line.split(",") for line in facts["runs"].split()[1:]]
        assert [(row[1], int(row[4])) for row in rows] == [(c, s) for c in cases for s in SEEDS]
        assert x.shape == (len(rows), STEPS + 1, 52, 5, 5, 5)
        assert clean.shape == (len(rows), STEPS, 52, 5, 5, 5)
        assert sigmas[0] == 1
        assert sigmas[-1] == 0
        for k in range(STEPS):  # Euler: v from the clean estimate gives the next latent
            v = (x[:, k] - clean[:, k]) / sigmas[k]
            assert np.allclose(x[:, k + 1], x[:, k] + (sigmas[k + 1] - sigmas[k]) * v, atol=1e-4)
        # every run starts from the noise of its seed, whatever its case
        assert all(np.array_equal(x[n, 0], x[n % len(SEEDS), 0]) for n in range(len(rows)))
        assert not np.array_equal(x[0, 0], x[1, 0])
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text())
        assert manifest["nfe"] == len(rows) * STEPS
        assert manifest["bytes"] == path.stat().st_size


def test_readouts_have_a_row_for_each_run_and_look(study):
    table = pd.read_parquet(study / "one/readouts.parquet")
    assert len(table) == 6 * len(SEEDS) * (STEPS + 1)
    assert not table.duplicated(["model", "case", "seed", "step"]).any()
    assert sorted(table["step"].unique()) == list(range(STEPS + 1))
    assert (table.groupby("step")["sigma"].nunique() == 1).all()
    assert table.groupby("step")["sigma"].first().is_monotonic_decreasing
    index = pd.read_csv(study / "one/cases/cases.csv").set_index("case")
    for row in table.itertuples():
        assert len(row.evidence) == index.loc[row.case, "candidates"]
        assert -1 <= row.answer < len(row.evidence)
        assert 0 <= row.score <= 1
        assert 0 <= row.solution <= 1


def test_the_timeline_has_every_quantity(study):
    table = pd.read_parquet(study / "one/timeline.parquet")
    steps = table[(table["quantity"] == "readable") & (table["need"] == "all")]
    assert set(steps["task"]) == {"maze", "odd", "all"}
    assert len(steps) == 2 * 3 * (STEPS + 1)  # two splits
    steps = steps[steps["task"] != "all"]
    assert (steps.groupby(["task", "step"])["n"].sum() == 3 * len(SEEDS)).all()
    assert (table["low"].isna() | (table["low"] <= table["mean"])).all()


def test_examples_show_the_stated_steps_of_real_runs(inside, tmp_path):
    # what was picked is given: of a random model no case stands out
    assert json.loads((inside / "one/examples/examples.json").read_text()) == []
    readouts = pd.read_parquet("one/readouts.parquet")
    cases = {case.name: case for case in cases_of(inside / "one/cases", readouts)}
    chosen = [
        Picked(Panel("figure1", letter, task, "change", 0.9), f"in-domain/{task}/00000", 0.5, 0.2)
        for letter, task in (("a", "maze"), ("b", "odd"))
    ]
    model = load_codec(load_config([Path("config.yaml")]), "pocket")
    shown = Shown(False, model, readouts, inside / "one/trajectories/pocket")
    write_examples(tmp_path, chosen, [shown], cases)
    entries = json.loads((tmp_path / "examples.json").read_text())
    assert [entry["task"] for entry in entries] == ["maze", "odd"]
    readouts = readouts.set_index(["case", "seed", "step"]).sort_index()
    for entry in entries:
        picture = Image.open(tmp_path / entry["file"])
        assert picture.size == (80 * len(entry["frames"]), 80 * len(entry["steps"]))
        assert entry["steps"][-1] == STEPS
        rows = readouts.loc[(entry["case"], entry["seed"])].loc[entry["steps"]]
        held = [None if np.isnan(n) else pytest.approx(n) for n in rows["n_candidates"]]
        assert entry["n_candidates"] == held
        assert entry["sigmas"] == pytest.approx(rows["sigma"].tolist())
        assert entry["correct"] == rows["correct"].tolist()


def test_a_model_is_trained_and_measured(tmp_path, monkeypatch, puzzle_codec):
    monkeypatch.setattr(training, "codec_for_puzzles", lambda z_dim, **_: puzzle_codec)
    monkeypatch.chdir(tmp_path)
    phases = [{"steps": 2, "mix": {"maze": 1}}, {"steps": 1, "mix": {"odd": 1}}]
    tiny = {"checkpoints": [1], "batch": 2, "layers": 1, "threads": 1, "phases": phases}
    config = {**STUDY, "train": {"tiny": tiny}}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    steps, made = itertools.count(), training.flow_loss

    def stopped(*given):
        if next(steps) == 2:  # at the beginning of the second phase
            raise KeyboardInterrupt
        return made(*given)

    with monkeypatch.context() as patch:
        patch.setattr(training, "flow_loss", stopped)
        with pytest.raises(KeyboardInterrupt):
            cos("train", "--name", "tiny", "--out", "model")
    # outputs are removed before the next try, so none may stand there yet
    assert {path.name for path in Path().iterdir()} == {"config.yaml", "model.state"}
    monkeypatch.setattr(training, "flow_loss", lambda *given: next(steps) and made(*given))
    assert cos("train", "--name", "tiny", "--out", "model") == 0
    assert next(steps) == 4  # the first phase was not trained again
    assert not Path("model.state").exists()
    record = json.loads(Path("model/training.json").read_text())
    assert [stage["config"]["mix"] for stage in record["stages"]] == [{"maze": 1}, {"odd": 1}]
    assert len({stage["config"]["seed"] for stage in record["stages"]}) == 2
    assert [
        stage["steps"]
        for stage in json.loads(Path("model-at-1/training.json").read_text())["stages"]
    ] == [1]
    assert cos("card", "--model", "pocket", "--out", "model") == 0
    table = pd.read_csv("model/accuracy.csv")
    assert table[["task", "split"]].values.tolist() == [
        [task, split] for task in ("maze", "odd") for split in ("in-domain", "out-of-domain")
    ]
    assert table["n"].tolist() == [3, 2, 3, 2]
    card = Path("model/README.md").read_text()
    assert "| maze | in-domain | 3 |" in card
    needs = pd.read_csv("model/needs.csv")
    assert needs.groupby(["task", "split"])["n"].sum().tolist() == [3, 2, 3, 2]
    assert cos("train", "--name", "tinny", "--out", "model") == 1
    assert "Wilson" in card


def test_the_explorer_shows_the_runs_of_the_study(copied, capsys):
    change = {"explorer": {"cases": 1, "seeds": 1, "noise_at_steps": [0.5], "noise_at_frames": []}}
    Path("over.yaml").write_text(yaml.safe_dump(change))
    given = ("--config", "config.yaml", "over.yaml")
    explore = (*EXPLORE, *given, "--readouts", "0.parquet")
    assert cos(*explore, "--out", "page/pocket/0") == 0
    # the first case of each task and split in shard 0, which ends before odd out of domain
    assert "3 clean runs, 6 NFE for runs under noise" in capsys.readouterr().out
    assert cos("explore-page", *given, "--out", "page/index.html", "page/pocket/0") == 0
    text = Path("page/runs.js").read_text()
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    assert [case["case"] for case in index["cases"]] == [
        "in-domain/maze/00000",
        "out-of-domain/maze/00000",
        "in-domain/odd/00000",
    ]
    for case in index["cases"]:
        assert [run["with"] for run in case["runs"]] == ["clean", "step-1"]
    assert len(list(Path("page/pocket/0").glob("*.webp"))) == 3 * 3


@pytest.mark.parametrize(
    ("options", "frames"),
    [(("--steps", 0, 2, 3, "--noise", "frame-1"), 17), (("--kind", "grid", "--seed", 1), 4)],
)
def test_a_run_becomes_pictures_and_videos(copied, capsys, options, frames):
    assert cos(*STRIP, "--case", "in-domain/odd/00000", *options, "--out", "new/run.1") == 0
    spent = STEPS if "--noise" in options else 0
    assert capsys.readouterr().out.strip() == f"{spent} NFE"
    files = {path.name: path for path in Path("new").iterdir()}
    made = {f"run.1.{kind}" for kind in ("png", "pdf", "gif", "mp4")}
    assert files.keys() == made | {"run.1.png.manifest.json"}
    assert files["run.1.pdf"].read_bytes().startswith(b"%PDF")
    with Image.open(files["run.1.png"]) as still, Image.open(files["run.1.gif"]) as moving:
        assert still.width > moving.width > 400
        assert still.height / still.width == pytest.approx(moving.height / moving.width, rel=0.01)
        moving.seek(moving.n_frames - 1)
        last = np.asarray(moving.convert("RGB").resize((100, 50)), dtype=float)
        same = np.asarray(still.convert("RGB").resize((100, 50)), dtype=float)
        assert abs(last - same).mean() < 6
    video = read_mp4(files["run.1.mp4"])
    assert len(video) == frames + 4  # the last one is held
    assert abs(video[0].astype(float) - video[-1]).mean() > 1
    assert abs(video[-1].astype(float) - video[-2]).mean() < 1
