"""What a run's sequence of answers says: when it commits, how often it flips, which way."""

from __future__ import annotations

import numpy as np

NO_ANSWER = -1


def commitment_step(answers: np.ndarray) -> np.ndarray:
    """First step after which the answer never changes again, as float (R,).

    answers: int (R, S), the answer read at each of S looks, -1 for none; the last look is the
    final video. nan where the final video shows no answer: such a run never commits.
    """
    answers = np.asarray(answers)
    settled = np.logical_and.accumulate((answers == answers[:, -1:])[:, ::-1], axis=1)
    first = (answers.shape[1] - settled.sum(1)).astype(float)
    return np.where(answers[:, -1] == NO_ANSWER, np.nan, first)
