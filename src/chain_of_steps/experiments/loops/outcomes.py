"""What more steps and passes came to, run by run, as rows that claims are judged on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from chain_of_steps.outcomes import joined, outcome
from chain_of_steps.tasks.reader import ACCEPT

WORDS = {
    "few": "plain, {count} steps",
    "full": "plain, {count} steps",
    "matched": "{count} steps to sigma {sigma:g}",
    "loop": "{count} passes at sigma {sigma:g}",
    "erased": "{count} erased passes at sigma {sigma:g}",
}


def words_of(method: str, sigma: float, count: int) -> str:
    """A method as tables and claims name it."""
    return WORDS[method].format(sigma=sigma, count=count)


def loops_outcomes(runs: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Rows as `outcomes` has them. runs: as `passes.passes_of` gives them; cases: their index.

    right           0 or 1: the accepted answer is right; condition: the method, in WORDS
    right, leading  the same of the answer that leads
    share           share of the way that is right from its start on
    score           the task's rule on the result, in [0, 1]
    nfe             forward passes of the run
    """
    return joined(_tables(runs), cases)


def _tables(runs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for (method, sigma, count), rows in runs.groupby(["method", "sigma", "count"], dropna=False):
        words = words_of(method, sigma, count)
        accepted = rows["right_accepted"].astype(float)
        yield outcome(rows, "right", accepted, condition=words, threshold=ACCEPT)
        yield outcome(rows, "right, leading", rows["right"].astype(float), condition=words)
        yield outcome(rows, "share", np.asarray(rows["share"], float), condition=words)
        yield outcome(rows, "score", rows["score"], condition=words)
        yield outcome(rows, "nfe", rows["nfe"], condition=words)
