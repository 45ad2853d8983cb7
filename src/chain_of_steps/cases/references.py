"""Videos that no model made, read as a model's are: what a score is worth.

truth    the ground truth
static   the first frame, held
jump     the first frame, then the final frame of the ground truth at once
other    the ground truth of the next case of the same task (of any task, if it is the only one)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from chain_of_steps.cases.folders import Case
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.observe import observer_of
from chain_of_steps.tasks.puzzle import Puzzle

REFERENCES = ("truth", "jump", "other", "static")


def reference_videos(
    puzzle: Puzzle, other: Puzzle, drawing: Drawing = DEFAULT_DRAWING
) -> Mapping[str, np.ndarray]:
    """Each reference as (T, H, W, 3) float32 in [0, 1]."""
    truth, others = (drawing.film(p) for p in (puzzle, other))
    static = np.repeat(truth[:1], len(truth), axis=0)
    jump = np.concatenate([truth[:1], np.repeat(truth[-1:], len(truth) - 1, axis=0)])
    return {"truth": truth, "jump": jump, "other": others, "static": static}


def read_references(cases: Sequence[Case]) -> pd.DataFrame:
    """One row for each case and reference: case, task, split, kind, score, correct."""
    rows = []
    for number, case in enumerate(cases):
        following = [*cases[number + 1 :], *cases[:number]]
        alike = [c for c in following if c.puzzle.task == case.puzzle.task]
        other = next(iter([*alike, *following]), case)
        videos = reference_videos(case.puzzle, other.puzzle, case.drawing)
        reading = observer_of(case).read_video(np.stack([videos[name] for name in REFERENCES]))
        for name, score, correct in zip(REFERENCES, reading.score, reading.correct, strict=True):
            labels = {"case": case.name, "task": case.puzzle.task, "split": case.puzzle.split}
            rows.append({**labels, "kind": name, "score": score, "correct": correct})
    return pd.DataFrame(rows)
