"""The process that scores videos, run by the Python of the scorer's environment.

It reads one job a line (JSON) from standard input and answers each with one line: score in [0, 1],
or null with the reason. Only the packages of scorer.txt are imported, and nothing of this package.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

TRUTHS = ("gt_first_frame", "gt_final_frame", "gt_video_path")


def main() -> None:
    # The scorers print: their words must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    import cv2
    import lmms_eval

    # as the package has it, its own imports apart: they ask for what the scorers do not need
    sys.path.insert(0, str(Path(lmms_eval.__path__[0]) / "tasks" / "vbvr"))
    from vbvr_bench.evaluators import TASK_EVALUATOR_MAP, get_task_category

    cv2.setNumThreads(1)
    tasks = {name: get_task_category(name) for name in TASK_EVALUATOR_MAP}
    versions = {"opencv": cv2.__version__, "lmms_eval": version("lmms_eval")}
    print(json.dumps({"versions": versions, "tasks": tasks}), file=answers)
    for line in sys.stdin:
        print(json.dumps(score(json.loads(line), TASK_EVALUATOR_MAP)), file=answers)


def score(job: dict, evaluators: dict) -> dict:
    """Score of a job: task, frames (that the video must have), and the paths of the scorer."""
    import cv2

    reason = problem(job, evaluators)
    if reason:
        return {"score": None, "reason": reason}
    cv2.setRNGSeed(0)  # some scorers cluster colours
    paths = {name: job[name] for name in ("video_path", *TRUTHS)}
    evaluator = evaluators[job["task"]](device="cpu", task_name=job["task"])
    info = {**paths, "task_name": job["task"], "prompt": job["prompt"]}
    found = evaluator.evaluate(info, task_specific_only=True)
    if "error" in found:
        return {"score": None, "reason": f"the scorer failed: {found['error']}"}
    value = float(found["dimensions"]["task_specific"])
    if not 0 <= value <= 1:
        return {"score": None, "reason": f"the scorer said {value}"}
    return {"score": value, "reason": None}


def problem(job: dict, evaluators: dict) -> str | None:
    """Why the scorer, which would be silent about it, must not be asked; None if it may."""
    import cv2

    if job["task"] not in evaluators:
        return f"the scorer has no task {job['task']}"
    for name in ("gt_first_frame", "gt_final_frame"):
        if cv2.imread(job[name]) is None:
            return f"{job[name]} is missing or no picture"
    if not frames_of(job["gt_video_path"]):
        return f"{job['gt_video_path']} is missing or no video"
    frames = frames_of(job["video_path"])
    if not frames:
        return f"{job['video_path']} is missing or no video"
    if job["frames"] is not None and frames != job["frames"]:
        return f"{job['video_path']} has {frames} of {job['frames']} frames"
    return None


def frames_of(path: str) -> int:
    """Frames of a video as OpenCV decodes it, 0 if it cannot."""
    import cv2

    capture, frames = cv2.VideoCapture(path), 0
    while capture.grab():
        frames += 1
    capture.release()
    return frames


if __name__ == "__main__":
    main()
