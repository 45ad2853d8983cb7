"""Readouts of runs whose answers are known."""

import numpy as np
import pandas as pd

SIGMAS = (1.0, 0.8, 0.4, 0.0)


def rows_of(case, answers, *, seed=0, task="maze", model="pocket", right=0, candidates=None):
    """The readouts of one run: an answer for each step."""
    candidates = np.ones(len(answers)) if candidates is None else candidates
    return pd.DataFrame(
        {
            "model": model,
            "case": case,
            "task": task,
            "split": "in-domain",
            "seed": seed,
            "step": range(len(answers)),
            "sigma": SIGMAS[: len(answers)],
            "answer": answers,
            "correct": [answer == right for answer in answers],
            "leads": answers,
            "leads_right": [answer == right for answer in answers],
            "best": np.maximum(answers, 0),
            "best_right": [answer == right for answer in answers],
            "weight": [0.1 if answer < 0 else 0.9 for answer in answers],
            "score": [float(answer == right) for answer in answers],
            "n_candidates": candidates,
            "solution": [0.5 * (answer == right) for answer in answers],
            "evidence": [[1.0, 0.0]] * len(answers),
        }
    )


def openness(case, mean, *, solved=True, **options):
    """Two runs of a case whose mean number of candidates before the last look is `mean`."""
    end = 0 if solved else 1
    last = 200 - 20 * mean  # were it counted, the order would be the other way round
    return [
        rows_of(
            case, [-1, 0, 0, 0], seed=0, candidates=[mean - 1, mean, mean + 1, last], **options
        ),
        rows_of(case, [-1, 0, 0, end], seed=1, candidates=[mean, mean, mean, last], **options),
    ]
