"""Runs that are built to have a known answer."""

import itertools

import numpy as np
import pandas as pd

from chain_of_steps.experiments.behaviours import memory
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks import stream
from chain_of_steps.tasks.board import DEFAULT_BOARD
from chain_of_steps.tasks.scene import render_movie

N = 20
FEW = {"resampling": Resampling(200, 0)}


def readouts_of(case, answers, *, seed=0, task="maze", split="in-domain", score=None):
    """The readouts of one run; answer 0 is right, -1 is none."""
    answers = np.asarray(answers)
    right = answers == 0
    return pd.DataFrame(
        {
            "model": "pocket",
            "case": case,
            "task": task,
            "split": split,
            "seed": seed,
            "step": range(len(answers)),
            "sigma": np.linspace(1, 0, len(answers)),
            "answer": answers,
            "correct": right,
            "leads": answers,
            "leads_right": right,
            "score": right.astype(float) if score is None else score,
            "n_candidates": np.where(answers == -1, 2.0, 1.0),
            "solution": right.astype(float),
            "evidence": [[1.0, 0.0]] * len(answers),
        }
    )


def index_of(readouts, several=()):
    names = readouts["case"].unique()
    return pd.DataFrame({"case": names, "solutions": [1 + (name in several) for name in names]})


def puzzle_of(task, n=0, split="in-domain"):
    return next(itertools.islice(stream(task, split, "evaluation", 0), n, None))


def frames_of(scenes):
    return render_movie(scenes)[list(DEFAULT_BOARD.beat_ends)]


def evidence_rows(case, seed, condition, localised_at, motion_at, *, level=1.0, split="in-domain"):
    steps = np.arange(N + 1)
    return pd.DataFrame(
        {
            **{"model": "m", "case": case, "task": "move", "split": split, "seed": seed},
            **{"condition": condition, "step": steps, "sigma": 1 - steps / N},
            "localised": np.where(steps >= localised_at, 0.95, 0.3) * level,
            "motion": np.where(steps >= motion_at, 0.95, 0.3) * level,
        }
    )


def memory_rows(finals, n_steps=4):
    """Synthetic rows of `memory_shard` of six cases; finals: (condition, start) -> final error."""
    rows = []
    for number, ((condition, start), error) in itertools.product(range(6), finals.items()):
        steps = [n_steps] if start else range(n_steps + 1)
        for step in steps:
            value = error if step == n_steps else 0.0
            rows.append(
                {
                    **{"model": "m", "case": f"c{number}", "task": "reappear", "seed": 0},
                    **{"split": "in-domain", "condition": condition, "start": start},
                    **{"step": step, "sigma": 1 - step / n_steps},
                    **dict.fromkeys(memory.ERRORS, value),
                }
            )
    return pd.DataFrame(rows)
