"""VBVR-Pro-Bench by a checkout of the same layout, whose tiny rules are written here."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import standin
import yaml

from chain_of_steps.cases.listing import METADATA
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.cli import main
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr.scorer import Checkout, Scorer
from chain_of_steps.experiments.vbvr.stage_score import rules_of
from chain_of_steps.study.config import check_config

MAZE, PASS = standin.STAND_INS
RULES = '''
import json, os, sys
from .base_evaluator import BaseEvaluator
from ..utils import frames_in

class Counts(BaseEvaluator):
    """Frames of the video over those that the metadata asks for."""

    def rate(self, info):
        with open(info["metafile_path"][0]) as file:
            wanted = json.load(file)["frames"]
        assert os.path.samefile(os.path.dirname(info["gt_video_path"]), info["gt_path"])
        found = frames_in(info["video_path"])
        return found / wanted, {"frames": found, "wanted": wanted}

class Breaks(BaseEvaluator):
    def rate(self, info):
        raise ValueError("no such colour")

TASK_EVALUATOR_MAP = {
    "G-21_multiple_occlusions_vertical_data-generator": Counts,
    "O-39_maze_data-generator": Breaks,
}

def get_task_category(task_name):
    return "Unknown"
'''
BASE = """
import numpy as np

class BaseEvaluator:
    def __init__(self, device="cuda", task_name=""):
        assert device == "cpu"
        self.task_name = task_name

    def evaluate(self, info, **options):
        print("looking at", self.task_name)
        assert options == {"task_specific_only": True}
        result = {"score": 0.0, "dimensions": {}, "details": {"video_frame_count": 1}}
        try:
            score, said = self.rate(info)
            result["dimensions"]["task_specific"] = result["score"] = np.float64(score)
            more = {"path": np.arange(40) / 7, "far": np.inf}
            result["details"]["task_specific_details"] = {**said, **more}
        except Exception as error:
            result["error"] = str(error)
        return result
"""
UTILS = """
import cv2

def frames_in(path):
    return int(cv2.VideoCapture(path).get(cv2.CAP_PROP_FRAME_COUNT))
"""


def write_checkout(root: Path, package: str = "vbvr_pro_bench") -> Path:
    folder = root / package / "evaluators"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(RULES)
    (folder / "base_evaluator.py").write_text(BASE)
    (root / package / "utils.py").write_text(UTILS)
    (root / package / "__init__.py").touch()
    (root / "requirements.txt").write_text("numpy\n")
    return root


def write_data(root: Path) -> Path:
    standin.write_bench(root)
    for task in standin.STAND_INS:
        (sample(root, task) / METADATA).write_text(json.dumps({"frames": 20}))
    return root


def sample(root: Path, task: str = PASS) -> Path:
    return root / vbvr_tasks()[task].folder / "00000"


def test_a_folder_without_rules_or_python_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"vbvr.pro is .*no folder vbvr_pro_bench/evaluators"):
        Checkout.of(str(tmp_path), None)
    checkout = write_checkout(tmp_path / "pro")
    with pytest.raises(UserError, match=r"vbvr.pro_python is .*no file.*requirements.txt"):
        Checkout.of(str(checkout), str(tmp_path / "none"))
    (checkout / "vbvr_pro_bench/evaluators/__init__.py").write_text("import no_such_package\n")
    said = r"do not start with .*python.*: install .*requirements.txt there, or write another"
    with pytest.raises(UserError, match=said):
        Scorer(Checkout.of(str(checkout), sys.executable), 10).__enter__()


def test_an_edited_rule_is_another_version(tmp_path):
    checkout = write_checkout(tmp_path / "pro")
    plain = Checkout.of(str(checkout), None).version
    assert plain.startswith("rules ")

    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        command = ["git", "-C", str(checkout), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "rules")
    assert Checkout.of(str(checkout), None).version == (
        f"commit {git('rev-parse', '--short=12', 'HEAD')}, {plain}"
    )
    rules = checkout / "vbvr_pro_bench/utils.py"
    assert rules in rules_of(_settings(checkout))
    rules.write_text(UTILS + "\n# edited\n")
    assert Checkout.of(str(checkout), None).version.split(", ")[1] != plain


def _settings(checkout: Path):
    fields = standin.config_of(Path("data"), vbvr={"pro": str(checkout)})
    return check_config(fields)


def test_a_study_without_a_checkout_has_no_rules():
    assert rules_of(check_config(standin.config_of(Path("data")))) == []


@pytest.mark.slow
@pytest.mark.parametrize("package", ["vbvr_pro_bench", "vbvr_bench"])
def test_a_checkout_scores_by_its_own_rules(environment, tmp_path, package):
    data = write_data(tmp_path / "data")
    checkout = Checkout(write_checkout(tmp_path / "pro", package), environment / "bin/python")
    video = sample(data) / "ground_truth.mp4"
    with Scorer(checkout, 60) as scorer:
        assert scorer.name == f"VBVR-Pro-Bench, {checkout.version} (OpenCV 4.10.0)"
        found = scorer.score(video, sample(data), PASS, frames=17)
        assert found.value == 17 / 20 == found.head
        assert found.details["wanted"] == 20 and found.details["far"] == "inf"
        path = [round(number / 7, 4) for number in range(12)]
        assert found.details["path"] == [*path, "and 28 more"]
        found = scorer.score(video, sample(data, MAZE), MAZE)
        assert (found.value, found.reason) == (None, "the scorer failed: no such colour")
        (sample(data) / METADATA).unlink()
        found = scorer.score(video, sample(data), PASS)
        assert found.value is None and f"{METADATA} is missing" in found.reason


@pytest.mark.slow
@pytest.mark.soak
def test_a_study_has_both_scores_beside_each_other(environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, checkout = write_data(tmp_path / "data"), write_checkout(tmp_path / "pro")
    fields = standin.config_of(data, execution={"shard": 2})
    fields["vbvr"] = {"pro": str(checkout), "pro_python": str(environment / "bin/python")}
    Path("c.yaml").write_text(yaml.safe_dump(fields))

    def cos(command: str, *words) -> None:
        assert main([command, "--config", "c.yaml", *map(str, words)]) == 0

    cos("cases", "--out", "cases")
    cos("reference-videos", "--cases", "cases", "--shard", 0, "--out", "videos/r.csv")
    made = ("--index", "videos/r.csv", "--scorer", environment, "--out", "scores.csv")
    cos("score", "--cases", "cases", *made)
    made = ("--out", "vbvr.csv", "--outcomes", "o.parquet")
    cos("vbvr-summary", "--cases", "cases", "--scores", "scores.csv", *made)
    scores = pd.read_csv("scores.csv")
    mine = scores[scores["task"] == PASS]
    assert (mine["pro"] == 17 / 20).all() and mine["score"].nunique() > 1
    assert mine["pro_scorer"].str.startswith("VBVR-Pro-Bench, rules ").all()
    assert json.loads(mine["pro_details"].iloc[0])["frames"] == 17
    assert isinstance(json.loads(mine["details"].iloc[0]), dict)
    broken = scores[scores["task"] == MAZE]
    assert broken["pro"].isna().all() and broken["score"].notna().all()
    assert set(broken["pro_reason"]) == {"the scorer failed: no such colour"}
    table = pd.read_csv("vbvr.csv")
    whole = table[table["part"] == "all"]
    assert (whole["pro"] == 17 / 20).all() and (whole["pro_n"] == 1).all()
    assert (whole["missing"] == 0).all()
