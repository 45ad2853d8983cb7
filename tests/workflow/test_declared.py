"""What a stage declares is what its jobs do: the modules that they use, the settings they read."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import chain
import forked
import pytest
import smoke as helper
import standin
from PIL import Image

from chain_of_steps import cli, provenance
from chain_of_steps.experiments.vbvr.scorer import pins
from chain_of_steps.files import LISTING, manifest_path, write_json
from chain_of_steps.fingerprints import modules_of
from chain_of_steps.playground.publish import GLUE, SCRIPT, WASM
from chain_of_steps.settings.base import RESOLVED
from chain_of_steps.stage import stage_modules, stage_of
from chain_of_steps.study.config import check_config
from chain_of_steps.tasks import task_names

pytestmark = pytest.mark.slow

# makes an environment with pip, and has no settings
NOT_RUN = {"scorer"}
# no rule runs these; one loads by name what each experiment costs
NO_RULE = {"plan", "watch"}
# a Python of the scorer's environment that answers as the scorer does
SCORER = """\
#!/bin/sh
echo '{"versions": {"opencv": "%s", "lmms_eval": "%s"}, "tasks": {}}'
while read job; do echo '{"score": 0.5, "reason": null}'; done
"""


def recorded_cos(name: str, *arguments, also: Sequence[Path] = ()) -> None:
    """A `cos` job of its own process that has imported nothing of the package before it.

    It must write nothing but what is looked at before, lest it is the user's: see `provenance`.
    """
    before = contents()
    run_recorded(name, *arguments)
    words = vars(cli.build_parser([name]).parse_args([name, *map(str, arguments)]))
    said = provenance.written(stage_of(name), words)
    said += [*also, *(manifest_path(path) for path in said)]
    now = contents()
    for path in sorted(now.keys() | before.keys()):
        kept = now.get(path) == before.get(path)
        assert kept or any(path.is_relative_to(one) for one in said), (name, path)


def contents() -> dict[Path, bytes]:
    """The files of the working directory, without records of jobs."""
    files = [path for path in Path().rglob("*") if path.is_file() and "records" not in path.parts]
    return {path: path.read_bytes() for path in files}


def run_recorded(name: str, *arguments) -> None:
    command = ["bin/cos", name, "--config", "config.json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr[-3000:])


@contextmanager
def working_in(root: Path) -> Iterator[None]:
    """Has `recorded_cos` work in a folder, where its jobs leave records."""
    variables = {**helper.environment(helper.ROOT), **helper.recorded(root / "records")}
    (root / "bin").mkdir()
    with pytest.MonkeyPatch.context() as patch, forked.programs(root, variables, forked.RECORDED):
        patch.chdir(root)
        yield


def write_settings(config: dict) -> None:
    """The checked configuration as the workflow writes it, for jobs in the working directory."""
    write_json(Path("config.json"), {RESOLVED: True, **check_config(config).resolved()})


@pytest.fixture(scope="module")
def of_puzzles(tmp_path_factory, build_pocket) -> list[dict]:
    """Records of the stages that a study of puzzles has beside those of the smoke study."""
    root = tmp_path_factory.mktemp("puzzles")
    chain.prepare(root, build_pocket)
    with working_in(root):
        chain.run_chain(Path())
        tiny = {"batch": 2, "layers": 1, "threads": 1}
        tiny["phases"] = [{"steps": 2, "mix": {"maze": 1}}]
        write_settings({**chain.STUDY, "train": {"tiny": tiny}})
        page = Path("page/pocket/0")
        recorded_cos(*chain.EXPLORE, "--readouts", "0.parquet", "--out", page)
        recorded_cos("explore-page", "--out", "page/index.html", page)
        for name in (SCRIPT, GLUE, WASM):  # whatever npm would put there
            Path("runtime").mkdir(exist_ok=True)
            Path("runtime", name).write_text("")
        recorded_cos("playground", "--runtime", "runtime", "--out", "playground")
        odd = ("--case", "in-domain/odd/00000", "--noise", "frame-1")
        recorded_cos(*chain.STRIP, *odd, "--out", "strip")
        Image.new("RGB", (80, 80)).save("own.png")
        prompt = chain.maze.PROMPT
        recorded_cos("run", "--image", "own.png", "--prompt", prompt, "--out", "run")
        for name in ("ann", "bob"):
            row = f"pocket,in-domain/odd/00000,0,clean,,yes,0,1,{name}\n"
            head = "model,case,seed,intervention,label,success,first_step,last_step,annotator\n"
            Path(f"{name}.csv").write_text(head + row)
        recorded_cos("agreement", "--out", "kappa.csv", "ann.csv", "bob.csv")
        some = ("--cases", "cases", "--shard", 0)
        recorded_cos("calibrate", *some, "--out", "calibration.parquet")
        made = ("--out", "calibration.csv", "--tasks", "calibration_tasks.csv")
        recorded_cos("calibration-summary", "--readings", "calibration.parquet", *made)
        recorded_cos("plan")
        recorded_cos("watch", "--once", ".", also=[Path("watch.html")])  # where it looks
        recorded_cos("train", "--name", "tiny", "--out", "trained")
        listed = [Path("trained") / LISTING]  # it adds its files to what the folder says it holds
        recorded_cos("card", "--model", "pocket", "--out", "trained", also=listed)
        asks = {"experiments": ["reading"], "reading": {"decoder": "projection"}}
        write_settings({**chain.STUDY, **asks, "train": {"tiny": tiny}})
        given = ("--model", "pocket", "--cases", "cases")
        compare = ("--trajectories", "trajectories/pocket", "--out", "compared.parquet")
        recorded_cos("compare-reading", *given, *compare)
        read = ("--trajectory", "trajectories/pocket/0.safetensors", "--out", "cheap.parquet")
        recorded_cos("read", *given, *read, "--compared", "compared.parquet")
        recorded_cos("reading-summary", "--runs", "compared.parquet", "--out", "reading.csv")
        return helper.records(Path("records"))


@pytest.fixture(scope="module")
def of_bench(tmp_path_factory, build_pocket) -> list[dict]:
    """Records of the stages of a study of VBVR-Bench."""
    root, data = tmp_path_factory.mktemp("bench"), tmp_path_factory.mktemp("data")
    standin.write_bench(data)
    standin.prepare(root, data, build_pocket)
    scorer = root / "scorer/bin/python"
    scorer.parent.mkdir(parents=True)
    scorer.write_text(SCORER % (pins()["opencv-python-headless"], pins()["lmms-eval"]))
    scorer.chmod(0o755)
    write_json(root / "scorer/ready.json", pins())

    with working_in(root):
        write_settings(standin.config_of(data, execution={"shard": 2, "batch": 2}))
        recorded_cos("check")
        recorded_cos("cases", "--out", "cases")
        cases, model = ("--cases", "cases"), ("--model", "pocket")
        recorded_cos("sample", *model, *cases, "--shard", 0, "--out", "0.safetensors")
        stored = ("--trajectory", "0.safetensors")
        films = [Path("videos")]  # of a study: they lie beside their index
        made = ("--out", "videos/clean.csv")
        recorded_cos("videos", *model, *cases, *stored, *made, also=films)
        made = ("--index", "videos/noise.csv", "--out", "noise.parquet", "--flow", "flow.csv")
        recorded_cos("noise-videos", *model, *cases, *stored, *made, also=films)
        made = ("--index", "videos/ensemble.csv", "--out", "ensemble.parquet")
        recorded_cos("ensemble-videos", *model, *cases, "--shard", 0, *made, also=films)
        made = ("--shard", 0, "--out", "videos/reference.csv")
        recorded_cos("reference-videos", *cases, *made, also=films)
        clean = ("--index", "videos/clean.csv", "--scorer", "scorer")
        recorded_cos("score", *cases, *clean, "--out", "scores.csv")
        made = ("--out", "vbvr.csv", "--outcomes", "vbvr.parquet")
        recorded_cos("vbvr-summary", *cases, "--scores", "scores.csv", *made)
        recorded_cos("latents", *stored, "--out", "latents.parquet")
        made = ("--out", "inside", "--strips", "strips")
        recorded_cos("latents-inside", *cases, "--trajectories", ".", *made)
        runs = [f"inside/latents_{name}_runs.parquet" for name in ("guidance", "energy")]
        taken = ("--runs", "latents.parquet", "--guidance", runs[0], "--energy", runs[1])
        recorded_cos("latents-summary", *taken, "--out", "summed")
        recorded_cos("latents-flow", "--out", "latents_flow.csv", "flow.csv")
        scored = ("--scores", "scores.csv")
        recorded_cos("latents-scores", *scored, "--out", "latents_scores.csv")
        return helper.records(Path("records"))


def test_what_a_job_has_imported_is_in_the_fingerprint_of_its_stage(smoke, of_puzzles, of_bench):
    smoke_tasks = ["maze", "grid", "tictactoe", "reappear", "occlude", "move", "identify"]
    studies = [(smoke.jobs, smoke_tasks), (of_puzzles, ["maze", "odd"]), (of_bench, [])]
    for jobs, tasks in studies:
        for job in jobs:
            name = job["words"][0]
            if name in NO_RULE:
                continue
            known = task_names() if stage_of(name).every_task else tasks
            watched = modules_of(stage_modules()[name], known)
            assert stage_modules()[name] in job["modules"]
            assert sorted(set(job["modules"]) - watched) == [], name


def test_every_section_that_a_stage_declares_is_read_by_its_jobs(smoke, of_puzzles, of_bench):
    """It can read no other one: its settings have those sections alone."""
    read = {}
    for job in [*smoke.jobs, *of_puzzles, *of_bench]:
        name = job["words"][0]
        settings = stage_of(name).settings
        prefix = f"{settings.__module__}:{settings.__qualname__}."
        found = {one.removeprefix(prefix) for one in job["read"] if one.startswith(prefix)}
        read.setdefault(name, set()).update(found)
    assert read.keys() == stage_modules().keys() - NOT_RUN
    assert read == {name: set(stage_of(name).settings.model_fields) for name in read}
