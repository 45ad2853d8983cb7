"""The scorer of VBVR-Bench behind one class: task_specific scores, and null where there is none.

The scorers of the bench are those that the package lmms-eval carries; they run in an environment
of their own (scorer.txt), as a process that is given one video after another. A video that cannot
be read, has another number of frames than was written, lacks a ground truth, raises inside the
scorer or takes too long has no score and a reason: it never counts as 0 nor drops out unseen.

VBVR-Pro-Bench, the same tasks by other rules, is no package: a user names a checkout of it.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from chain_of_steps.cases.listing import METADATA
from chain_of_steps.cases.vbvr import SUFFIX
from chain_of_steps.errors import UserError
from chain_of_steps.files import digest_file, digest_json, read_text, replaced
from chain_of_steps.jobs import job_environment

REQUIREMENTS = Path(__file__).with_name("scorer.txt")
WORKER = Path(__file__).with_name("worker.py")
READY = "ready.json"
# where a checkout of VBVR-Pro-Bench has its rules: today, and in its first commits
PRO_PACKAGES = ("vbvr_pro_bench", "vbvr_bench")
START_SECONDS = 120  # the first import of OpenCV from a cold disk


def pins() -> dict[str, str]:
    """Package -> version of the scorer's environment."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def make_environment(folder: Path) -> None:
    """Makes the scorer's environment, a venv, at `folder`.

    Raises UserError when pip cannot, and where something else is there; it is left as it was.
    """
    # not under another name first: the scripts of a venv hold its path
    with replaced(folder, "scorer"):
        venv.create(folder, with_pip=True)
        done = subprocess.run(
            [
                *(_python(folder), "-m", "pip", "install", "--disable-pip-version-check"),
                *("--quiet", "--no-deps", "--requirement", str(REQUIREMENTS)),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=job_environment(),
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UserError(
                f"pip could not make {folder}: {reason}. Without a network, try again with one."
            )
        (folder / READY).write_text(json.dumps(pins()), encoding="utf-8")


def _python(folder: Path) -> str:
    return str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")


@dataclass(frozen=True)
class Score:
    """value: in [0, 1] or None; reason: why there is none.

    head: what EvalKit's HEAD counts. details: what the scorer says beside the number.
    """

    value: float | None
    reason: str | None = None
    head: float | None = None
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Checkout:
    """A checkout of VBVR-Pro-Bench, and a Python that has what its requirements.txt asks for.

    Raises UserError where its rules are not where they should be.
    """

    folder: Path
    python: Path

    def __post_init__(self) -> None:
        if self.package is None:
            raise UserError(
                f"vbvr.pro is {self.folder}, which has no folder {PRO_PACKAGES[0]}/evaluators: "
                "write the path of a clone of https://github.com/Video-Reason/VBVR-Pro-Bench."
            )
        if not self.python.is_file():
            raise UserError(
                f"vbvr.pro_python is {self.python}, which is no file: write the path of a Python "
                f"that has what {self.folder / 'requirements.txt'} asks for."
            )

    @classmethod
    def of(cls, folder: str, python: str | None) -> Checkout:
        return cls(Path(folder), Path(python or sys.executable))

    @property
    def package(self) -> str | None:
        """The name of the package of its rules."""
        found = (name for name in PRO_PACKAGES if (self.folder / name / "evaluators").is_dir())
        return next(found, None)

    @staticmethod
    def rules(folder: str | None) -> list[Path]:
        """The files of the rules of a checkout, if there is one."""
        found = [Path(folder) / name for name in PRO_PACKAGES] if folder else []
        return sorted(path for one in found for path in one.rglob("*.py"))

    @cached_property
    def version(self) -> str:
        """Commit where it is a clone, and a digest of its rules, as files may be edited."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
            env=job_environment(),
        )
        paths = self.rules(str(self.folder))
        names = {path.relative_to(self.folder).as_posix(): digest_file(path) for path in paths}
        rules = f"rules {digest_json(names)[:12]}"
        is_clone = (self.folder / ".git").exists() and done.returncode == 0
        return f"commit {done.stdout.strip()}, {rules}" if is_clone else rules


class Scorer:
    """A context manager that scores videos one by one in a process of its own.

    environment: a folder of `make_environment`, or a checkout of VBVR-Pro-Bench, by whose rules
    then is scored. timeout: seconds one video may take.
    """

    def __init__(self, environment: Path | Checkout, timeout: float) -> None:
        self.environment, self.timeout = environment, timeout
        self.process: subprocess.Popen | None = None
        self.answers: queue.Queue[str | None] = queue.Queue()
        self.versions: dict[str, str] = {}
        self.tasks: dict[str, str] = {}  # of the package: task folder -> category

    def __enter__(self) -> Scorer:
        if not isinstance(self.environment, Checkout):
            ready = self.environment / READY
            if not ready.is_file() or json.loads(ready.read_text(encoding="utf-8")) != pins():
                raise UserError(
                    f"{self.environment} is not the scorer's environment: make one with `cos "
                    "scorer --out <a new folder>`."
                )
        self._start()
        return self

    @property
    def name(self) -> str:
        """Whose rules these are, and of which version; once it runs."""
        beside = f"OpenCV {self.versions['opencv']}"
        if isinstance(self.environment, Checkout):
            return f"VBVR-Pro-Bench, {self.environment.version} ({beside})"
        return f"lmms-eval {self.versions['lmms_eval']} ({beside})"

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        # nothing is written into a checkout of the user's
        environment = {**job_environment(), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr.fileno() if _has_fileno(sys.stderr) else subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        self.answers = queue.Queue()
        threading.Thread(
            target=_listen, args=(self.process.stdout, self.answers), daemon=True
        ).start()
        try:
            hello = self._answer(START_SECONDS)
        except queue.Empty:
            hello = None
        if hello is None:
            self._stop()
            raise UserError(self._unstarted())
        self.versions, self.tasks = hello["versions"], hello["tasks"]
        if isinstance(self.environment, Checkout):
            return
        wanted = {"opencv-python-headless": "opencv", "lmms-eval": "lmms_eval"}
        for package, name in wanted.items():
            if not pins()[package].startswith(self.versions[name]):
                self._stop()
                raise UserError(
                    f"the scorer in {self.environment} has {package} {self.versions[name]} instead "
                    f"of {pins()[package]}: make it anew with `cos scorer`."
                )

    def _command(self) -> list[str]:
        if isinstance(self.environment, Checkout):
            one = self.environment
            return [str(one.python), str(WORKER), str(one.folder.absolute()), str(one.package)]
        return [_python(self.environment), str(WORKER)]

    def _unstarted(self) -> str:
        one = self.environment
        if isinstance(one, Checkout):
            return (
                f"the rules of VBVR-Pro-Bench in {one.folder} do not start with {one.python}: "
                f"install {one.folder / 'requirements.txt'} there, or write another "
                "vbvr.pro_python."
            )
        return f"the scorer in {one} does not start: make it anew with `cos scorer`."

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                pipe.close()
            self.process = None

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        """The next line of the process; None if it ended. Raises queue.Empty after `seconds`."""
        line = self.answers.get(timeout=seconds)
        return None if line is None else json.loads(line)

    def score(self, video: Path, truth: Path, task: str, *, frames: int | None = None) -> Score:
        """The task_specific score of one video.

        truth: case folder with first_frame.png, final_frame.png, ground_truth.mp4, prompt.txt.
        task: the bench's name of the task. frames: how many the video must have, if known.
        """
        prompt = truth / "prompt.txt"
        job = {
            "task": task.removesuffix(SUFFIX) + SUFFIX,
            "frames": frames,
            "video_path": str(video),
            "gt_first_frame": str(truth / "first_frame.png"),
            "gt_final_frame": str(truth / "final_frame.png"),
            "gt_video_path": str(truth / "ground_truth.mp4"),
            "metadata": str(truth / METADATA),
            "prompt": read_text(prompt).strip() if prompt.is_file() else "",
        }
        if self.process is None:
            self._start()
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            found = self._answer(self.timeout)
        except queue.Empty:
            self._stop()
            return Score(None, f"the scorer took more than {self.timeout:g} s")
        except BrokenPipeError:
            found = None
        if found is None:
            self._stop()
            return Score(None, "the scorer's process ended")
        value = found["score"]
        return Score(value, found["reason"], found.get("head", value), found.get("details"))


def _listen(lines, answers: queue.Queue) -> None:
    for line in lines:
        answers.put(line)
    answers.put(None)


def _has_fileno(stream) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True
