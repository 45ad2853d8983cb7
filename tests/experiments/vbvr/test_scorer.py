"""The scorer of VBVR-Bench: the real package on stand-ins, and every way to have no score."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import clips
import numpy as np
import pandas as pd
import pytest
import standin

from chain_of_steps.cases.folders import load_cases
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.cases.videos import VideoFolder
from chain_of_steps.cli import main
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr import scorer as adapter
from chain_of_steps.experiments.vbvr import self_test
from chain_of_steps.experiments.vbvr.scorer import Scorer, make_environment, pins
from chain_of_steps.experiments.vbvr.scores import score_videos, summarise_scores, write_references
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.study.config import check_config
from chain_of_steps.video import read_image, read_mp4, write_mp4

MAZE, PASS = standin.STAND_INS


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("bench")
    standin.write_bench(root, 2)
    return root


def sample(data: Path, task: str = PASS, number: int = 0) -> Path:
    return data / vbvr_tasks()[task].folder / f"{number:05d}"


# What a process may do, with a process that does it


@pytest.fixture
def stand_in_process(tmp_path, monkeypatch):
    """Makes a scorer whose process is a Python program: text that answers `job` with `found`."""

    def make(body: str, timeout: float = 20, opencv: str = "4.10.0") -> Scorer:
        program = tmp_path / "worker.py"
        program.write_text(
            "import json, os, sys, time\n"
            f"versions = {{'opencv': {opencv!r}, 'lmms_eval': '0.7.3'}}\n"
            "print(json.dumps({'versions': versions, 'tasks': {}}), flush=True)\n"
            "for line in sys.stdin:\n"
            "    job = json.loads(line)\n"
            f"{textwrap.indent(body, '    ')}\n"
            "    print(json.dumps(found), flush=True)\n"
        )
        monkeypatch.setattr(adapter, "WORKER", program)
        monkeypatch.setattr(adapter, "_python", lambda folder: sys.executable)
        (tmp_path / "ready.json").write_text(json.dumps(pins()))
        return Scorer(tmp_path, timeout)

    return make


def video_named(name: str) -> dict:
    return {"video": Path(name), "truth": Path("none"), "task": MAZE}


def test_a_video_that_takes_too_long_has_no_score_and_the_next_one_has(stand_in_process):
    body = "time.sleep(60 if 'slow' in job['video_path'] else 0)\n"
    body += "found = {'score': 0.25, 'reason': None}"
    with stand_in_process(body, timeout=1.5) as scorer:
        slow = scorer.score(**video_named("slow.mp4"))
        assert slow.value is None
        assert slow.reason == "the scorer took more than 1.5 s"
        assert scorer.score(**video_named("quick.mp4")).value == 0.25


def test_a_process_that_dies_gives_no_score_and_the_next_video_has_one(stand_in_process):
    body = "if 'deadly' in job['video_path']: os._exit(9)\nfound = {'score': 1.0, 'reason': None}"
    with stand_in_process(body) as scorer:
        assert scorer.score(**video_named("deadly.mp4")).reason == "the scorer's process ended"
        assert scorer.score(**video_named("mild.mp4")).value == 1.0
        process = scorer.process
    assert process.poll() is not None  # no process is left


def test_the_job_names_the_task_as_the_bench_does(stand_in_process):
    body = "found = {'score': None, 'reason': job['task'] + ' ' + str(job['frames'])}"
    with stand_in_process(body) as scorer:
        for task in (MAZE, f"{MAZE}_data-generator"):
            found = scorer.score(Path("a.mp4"), Path("none"), task, frames=17)
            assert found.reason == f"{MAZE}_data-generator 17"


def test_another_opencv_is_refused(stand_in_process):
    with (
        pytest.raises(UserError, match=r"opencv-python-headless 5.0.0 instead of 4.10.0.84"),
        stand_in_process("found = {}", opencv="5.0.0"),
    ):
        pass


def test_an_environment_that_is_missing_or_old_is_refused(tmp_path):
    with pytest.raises(UserError, match="cos scorer --out"):
        Scorer(tmp_path / "none", 10).__enter__()
    (tmp_path / "ready.json").write_text(json.dumps(pins() | {"numpy": "1.0"}))
    with pytest.raises(UserError, match="cos scorer --out"):
        Scorer(tmp_path, 10).__enter__()


def test_no_setting_of_pip_reaches_the_environment(tmp_path, monkeypatch):
    """As clusters recommend them in pip.conf; and where pip fails, what was there comes back."""
    seen = {}

    def pip(command, env, **_):
        seen.update(env)
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no network")

    monkeypatch.setattr(adapter.venv, "create", lambda folder, **_: None)
    monkeypatch.setattr(adapter.subprocess, "run", pip)
    for name, value in {"PIP_USER": "1", "PIP_TARGET": "/t", "PIP_PREFIX": "/p"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"pip could not make .*: ERROR: no network"):
        make_environment(tmp_path / "scorer")
    assert seen["PIP_USER"] == "0"
    assert not {"PIP_TARGET", "PIP_PREFIX"} & seen.keys()
    assert not (tmp_path / "scorer").exists()


def test_the_environment_pins_every_package():
    assert set(pins()) == {"lmms-eval", "numpy", "opencv-python-headless"}
    assert pins()["lmms-eval"] == "0.7.3"
    assert pins()["opencv-python-headless"] == "4.10.0.84"


def test_what_is_said_beside_a_score_is_kept(stand_in_process):
    body = "found = {'score': 0.5, 'reason': None, 'details': {'path': 0.25}, 'head': 0.0}\n"
    body += "if job['task'].startswith('O-39'): found.pop('head')"
    with stand_in_process(body) as scorer:
        given = {"video": Path("a.mp4"), "truth": Path("none")}
        other = scorer.score(**given, task="G-24_separate_objects_no_spin")
        assert (other.value, other.head, other.details) == (0.5, 0.0, {"path": 0.25})
        assert scorer.score(**given, task=MAZE).head == 0.5
        assert scorer.name == "lmms-eval 0.7.3 (OpenCV 4.10.0)"


# The reference clips


def test_the_reference_clips_are_those_that_are_drawn():
    """Pictures bit for bit; videos but for what H.264 loses."""
    listed = pd.read_csv(self_test.CLIPS / "scores.csv")
    drawn = [(scene, task) for scene, tasks in clips.CLIPS.items() for task in tasks]
    assert list(zip(listed["scene"], listed["task"], strict=True)) == drawn
    assert listed["score"].between(0.01, 0.99).all() and listed["score"].is_unique
    assert set(listed["task"]) <= vbvr_tasks().keys()
    for scene in clips.CLIPS:
        folder, truth = self_test.CLIPS / scene, clips.film(scene)
        films = {"ground_truth": truth, **clips.films(scene)}
        for name, frame in {"first_frame": truth[0], "final_frame": truth[-1]}.items():
            assert np.array_equal(read_image(folder / f"{name}.png"), frame)
        for name, video in films.items():
            found = read_mp4(folder / f"{name}.mp4").astype(float)
            assert np.abs(found - video).mean() < 3
        assert not any(np.array_equal(truth, films[task]) for task in clips.CLIPS[scene])


def answers(changed: str | None = None, head: str | None = None) -> str:
    """The body of a process that gives the reference clips their scores, but one."""
    listed = pd.read_csv(self_test.CLIPS / "scores.csv").set_index("task")
    known = {f"{task}_data-generator": row.to_dict() for task, row in listed.iterrows()}
    for name, field in ((changed, "score"), (head, "head")):
        if name is not None:
            known[f"{name}_data-generator"][field] = 0.125
    return f"one = {known!r}[job['task']]\n" + (
        "found = {'score': one['score'], 'reason': None, 'head': one['head']}"
    )


def run_self_test(scorer: Scorer) -> int:
    return main(["score", "--self-test", str(scorer.environment)])


def test_the_self_test_fails_where_one_score_differs(stand_in_process, capsys):
    assert run_self_test(stand_in_process(answers())) == 0
    assert "10 reference clips have the scores that they must have" in capsys.readouterr().out
    assert run_self_test(stand_in_process(answers("O-19_mirror_reflection"))) == 1
    said = capsys.readouterr().err
    assert "grid/O-19_mirror_reflection has 0.125000 instead of 0.456118. Make it anew" in said
    assert run_self_test(stand_in_process(answers(head="G-54_connecting_color"))) == 1
    assert "as at EvalKit's HEAD has 0.125000 instead of 0.000000" in capsys.readouterr().err
    body = "found = {'score': None, 'reason': 'it is dark'}"
    assert run_self_test(stand_in_process(body)) == 1
    assert "no score (it is dark) instead of" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):  # without it, all is asked for as before
        main(["score", "--cases", "cases"])
    assert "required: --index, --scorer, --out" in capsys.readouterr().err


# The real package


@pytest.fixture(scope="module")
def scorer(environment):
    with Scorer(environment, 60) as scorer:
        yield scorer


@pytest.mark.slow
def test_our_list_of_tasks_is_the_scorers(scorer):
    ours = {Path(task.folder).name: task.family for task in vbvr_tasks().values()}
    assert scorer.tasks == ours


@pytest.mark.slow
def test_the_pinned_scorer_passes_its_self_test(scorer):
    assert run_self_test(scorer) == 0


@pytest.mark.slow
def test_scores_are_the_packages_own_task_specific_ones(scorer, environment, data):
    jobs = [(task, n) for task in standin.STAND_INS for n in (0, 1)]
    ours = [
        scorer.score(sample(data, t, 1 - n) / "ground_truth.mp4", sample(data, t, n), t).value
        for t, n in jobs
    ]
    infos = []
    for task, n in jobs:
        truth = sample(data, task, n)
        infos.append(
            {
                "task_name": f"{task}_data-generator",
                "video_path": str(sample(data, task, 1 - n) / "ground_truth.mp4"),
                "gt_path": str(truth),
                "gt_video_path": str(truth / "ground_truth.mp4"),
                "gt_first_frame": str(truth / "first_frame.png"),
                "gt_final_frame": str(truth / "final_frame.png"),
                "prompt": (truth / "prompt.txt").read_text().strip(),
            }
        )
    program = (
        "import json, pathlib, sys\n"
        "import lmms_eval\n"
        "sys.path.insert(0, str(pathlib.Path(lmms_eval.__path__[0]) / 'tasks/vbvr'))\n"
        "from vbvr_bench.evaluators import get_evaluator\n"
        "for info in json.loads(sys.argv[1]):\n"
        "    found = get_evaluator(info['task_name'], 'cpu').evaluate(info)\n"
        "    print('score', found['dimensions']['task_specific'])\n"
    )
    done = subprocess.run(
        [environment / "bin/python", "-c", program, json.dumps(infos)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("score")]
    assert ours == [float(line.split()[1]) for line in lines]
    assert all(0 <= value <= 1 for value in ours)


@pytest.mark.slow
def test_a_score_is_the_same_each_time(scorer, data):
    given = (sample(data) / "ground_truth.mp4", sample(data), PASS)
    assert scorer.score(*given) == scorer.score(*given)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda truth, video: video.unlink(), "video.mp4 is missing or no video"),
        (lambda truth, video: video.write_bytes(b""), "video.mp4 is missing or no video"),
        (lambda truth, video: video.write_bytes(video.read_bytes()[:900]), "no video"),
        (lambda truth, video: (truth / "final_frame.png").unlink(), "final_frame.png is missing"),
        (lambda truth, video: (truth / "first_frame.png").write_bytes(b"x"), "first_frame.png"),
        (lambda truth, video: (truth / "ground_truth.mp4").unlink(), "ground_truth.mp4 is missing"),
    ],
)
def test_what_the_package_would_score_in_silence_has_no_score(scorer, data, tmp_path, spoil, said):
    truth, video = tmp_path / "truth", tmp_path / "video.mp4"
    truth.mkdir()
    for path in sample(data).iterdir():
        (truth / path.name).write_bytes(path.read_bytes())
    video.write_bytes((truth / "ground_truth.mp4").read_bytes())
    assert scorer.score(video, truth, PASS, frames=17).value > 0.9
    spoil(truth, video)
    found = scorer.score(video, truth, PASS, frames=17)
    assert found.value is None
    assert said in found.reason


@pytest.mark.slow
def test_a_video_cut_short_or_of_an_unknown_task_has_no_score(scorer, data, tmp_path):
    video = read_mp4(sample(data) / "ground_truth.mp4")
    write_mp4(tmp_path / "a.mp4", video[:9])
    found = scorer.score(tmp_path / "a.mp4", sample(data), PASS, frames=17)
    assert found.reason.endswith("a.mp4 has 9 of 17 frames")
    found = scorer.score(tmp_path / "a.mp4", sample(data), "O-999_none", frames=9)
    assert found.reason == "the scorer has no task O-999_none_data-generator"


@pytest.mark.slow
def test_an_exception_in_a_scorer_is_no_zero(environment, data, tmp_path):
    """The package turns an exception into score 0.0: here one of its evaluators raises."""
    worker = adapter.WORKER.parent
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(worker)!r})\n"
        "import worker\n"
        "class Evaluator:\n"
        "    def __init__(self, **_): pass\n"
        "    def evaluate(self, info, **_):\n"
        "        return {'score': 0.0, 'dimensions': {}, 'error': 'boom'}\n"
        f"job = {{'task': 'x', 'frames': None, 'prompt': '', 'video_path': {str(sample(data))!r}\n"
        "       + '/ground_truth.mp4'}\n"
        "for name, file in zip(worker.TRUTHS, ('first_frame.png', 'final_frame.png',\n"
        "                                      'ground_truth.mp4')):\n"
        f"    job[name] = {str(sample(data))!r} + '/' + file\n"
        "print(worker.score(job, {'x': Evaluator}))\n"
    )
    done = subprocess.run(
        [environment / "bin/python", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "{'score': None, 'reason': 'the scorer failed: boom'}"


@pytest.mark.slow
def test_references_are_ordered_as_they_should_be(scorer, data, tmp_path):
    """An object that passes behind another: still is worse than the truth, another case between."""
    from chain_of_steps.cases.sources import take_cases

    config = check_config(
        {
            "study": "s",
            "experiments": ["vbvr"],
            "models": {"m": {"path": "p"}},
            "cases": {"source": "vbvr-bench", "path": str(data), "tasks": [PASS, MAZE]}
            | {"in-domain": 2, "out-of-domain": 1},
        }
    )
    index = take_cases(tmp_path / "cases", config)
    cases = load_cases(tmp_path / "cases", index["case"].tolist())
    videos = VideoFolder(tmp_path / "videos", 16)
    write_references(cases, cases, videos)
    (tmp_path / "videos" / videos.rows[-1]["file"]).unlink()
    scores = score_videos(scorer, videos.index(), tmp_path / "videos", cases)
    assert len(scores) == 4 * 3
    table = summarise_scores(scores, index, resampling=Resampling(100, 0))
    means = table[table["split"] == "in-domain"].groupby("label")["mean"].first()
    assert means["truth"] == pytest.approx(means["jump"], abs=0.05)
    assert means["truth"] > means["other"] > means["static"]
    whole = table[table["part"] == "all"].set_index("label")
    assert whole["missing"].to_dict() == {"truth": 0, "jump": 0, "other": 0, "static": 1}
    assert whole.loc["static", "n"] == 2
    lost = scores[scores["score"].isna()]
    assert lost["reason"].item().endswith("is missing or no video")
    assert isinstance(scores, pd.DataFrame) and np.isfinite(whole["mean"]).all()
