"""The process that scores videos, run by the Python of the scorer's environment.

It reads one job a line (JSON) from standard input and answers each with one line: score in [0, 1],
or null with the reason, what the scorer says beside the number, and what EvalKit's HEAD would count
where that is another number. Given a checkout of VBVR-Pro-Bench, and the name of its package, it
scores by that one's rules. Only the packages of scorer.txt, or the checkout, are imported, and
nothing of this package.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

TRUTHS = ("gt_first_frame", "gt_final_frame", "gt_video_path")
# Tasks whose file at EvalKit's HEAD calls a function that it does not import: where they come to it
# they raise there, and that counts as 0.
EVALKIT_HEAD = "275472f"
LACKING = {
    "G-24_separate_objects_no_spin_data-generator": "safe_distance",
    "G-54_connecting_color_data-generator": "safe_distance",
}
SHOWN = 12  # entries of a list of details
LONGEST = 120  # characters of a text among them


def main(checkout: str | None = None, package: str = "vbvr_bench") -> None:
    # The scorers print: their words must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    import cv2

    cv2.setNumThreads(1)
    versions = {"opencv": cv2.__version__}
    if checkout is None:
        import lmms_eval

        # as the package has it, its own imports apart: they ask for what the scorers do not need
        sys.path.insert(0, str(Path(lmms_eval.__path__[0]) / "tasks" / "vbvr"))
        versions["lmms_eval"] = version("lmms_eval")
    else:
        sys.path.insert(0, checkout)
    rules = import_module(f"{package}.evaluators")
    tasks = {name: rules.get_task_category(name) for name in rules.TASK_EVALUATOR_MAP}
    print(json.dumps({"versions": versions, "tasks": tasks}), file=answers)
    for line in sys.stdin:
        found = score(json.loads(line), rules.TASK_EVALUATOR_MAP, pro=checkout is not None)
        print(json.dumps(found), file=answers)


def score(job: dict, evaluators: Mapping[str, type], pro: bool = False) -> dict:
    """Score of a job: task, frames (that the video must have), and the paths of the scorer."""
    reason = problem(job, evaluators, pro)
    if reason:
        return {"score": None, "reason": reason}
    info = {name: job[name] for name in ("video_path", *TRUTHS, "prompt")}
    info["task_name"] = job["task"]
    if pro:
        info |= {"gt_path": str(Path(job["metadata"]).parent), "metafile_path": [job["metadata"]]}
        info |= {"no_ssim_fallback": True}
    evaluator = evaluators[job["task"]](device="cpu", task_name=job["task"])
    found = evaluated(evaluator, info)
    if "error" in found:
        return {"score": None, "reason": f"the scorer failed: {found['error']}"}
    value = float(found["dimensions"]["task_specific"])
    if not 0 <= value <= 1:
        return {"score": None, "reason": f"the scorer said {value}"}
    answer = {"score": value, "reason": None, "details": details_of(found)}
    if not pro and job["task"] in LACKING:
        with without(type(evaluator).__module__, LACKING[job["task"]]):
            again = evaluated(evaluators[job["task"]](device="cpu", task_name=job["task"]), info)
        answer["head"] = 0.0 if "error" in again else float(again["dimensions"]["task_specific"])
    return answer


def evaluated(evaluator: Any, info: dict) -> dict:
    import cv2

    cv2.setRNGSeed(0)  # some scorers cluster colours
    return evaluator.evaluate(dict(info), task_specific_only=True)


@contextmanager
def without(module: str, name: str) -> Iterator[None]:
    """A module as if it had forgotten to import a name."""
    names = vars(sys.modules[module])
    kept = names.pop(name)
    try:
        yield
    finally:
        names[name] = kept


def details_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a scorer says of its score: what it says of the task alone, where it does."""
    details = found.get("details") or {}
    return plain(details.get("task_specific_details") or details)


def plain(value: Any) -> Any:
    """As JSON has it, and short: numbers of four decimals, the first entries of a list."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        value = value.tolist()
    if isinstance(value, list | tuple | set):
        some = list(value)
        more = [f"and {len(some) - SHOWN} more"] if len(some) > SHOWN else []
        return [plain(one) for one in some[:SHOWN]] + more
    if isinstance(value, float):
        return round(value, 4) if abs(value) < float("inf") else str(value)
    return value if isinstance(value, bool | int | None) else str(value)[:LONGEST]


def problem(job: dict, evaluators: Mapping[str, type], pro: bool = False) -> str | None:
    """Why the scorer, which would be silent about it, must not be asked; None if it may."""
    import cv2

    if job["task"] not in evaluators:
        return f"the scorer has no task {job['task']}"
    for name in ("gt_first_frame", "gt_final_frame"):
        if cv2.imread(job[name]) is None:
            return f"{job[name]} is missing or no picture"
    if pro and not Path(job["metadata"]).is_file():
        return f"{job['metadata']} is missing, which VBVR-Pro-Bench's rules read"
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
    main(*sys.argv[1:])
