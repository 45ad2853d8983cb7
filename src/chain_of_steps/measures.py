"""What the readings of runs say: when a run commits, what kind of puzzle, which case is open."""

from __future__ import annotations

import numpy as np
import pandas as pd

NO_ANSWER = -1
RUN = ["model", "case", "seed"]


def commitment_step(answers: np.ndarray) -> np.ndarray:
    """First step after which the answer never changes again, as float (R,).

    answers: int (R, S), the answer read at each of S looks, -1 for none; the last look is the
    final video. nan where the final video shows no answer: such a run never commits.
    """
    answers = np.asarray(answers)
    settled = np.logical_and.accumulate((answers == answers[:, -1:])[:, ::-1], axis=1)
    first = (answers.shape[1] - settled.sum(1)).astype(float)
    return np.where(answers[:, -1] == NO_ANSWER, np.nan, first)


def with_solution_kind(readouts: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Adds the column `solutions`: a puzzle has `one` right answer or `several`.

    A blend of equally good answers is what any mean-square denoiser shows; wrong answers that
    fade on a puzzle with one are not. So the two are never averaged together.
    """
    several = set(cases.loc[cases["solutions"] > 1, "case"])
    solutions = np.where(readouts["case"].isin(several), "several", "one")
    return readouts.assign(solutions=solutions)


def commitment(readouts: pd.DataFrame) -> pd.DataFrame:
    """One row a run: its columns, the commitment step (nan: no final answer), final `correct`."""
    ordered = readouts.sort_values([*RUN, "step"])
    looks = ordered["step"].nunique()
    runs = ordered.iloc[looks - 1 :: looks].drop(columns=["step", "sigma", "answer", "evidence"])
    answers = ordered["answer"].to_numpy().reshape(-1, looks)
    return runs.assign(commitment=commitment_step(answers), answered=answers[:, -1] != NO_ANSWER)


def openness(readouts: pd.DataFrame, task: str) -> pd.Series:
    """Openness of the cases of `task` that may be shown, by case, from least to most.

    It is the mean effective number of candidates over seeds and steps. Shown may be the cases whose
    every seed ends right, or, if there are none, all.

    readouts: the rows of one model, as `read_trajectory` gives them. Ties are in order of name.
    """
    rows = readouts[readouts["task"] == task]
    last = rows["step"].max()
    final = rows[rows["step"] == last].groupby("case")["correct"].all()
    solved = final.index[final] if final.any() else final.index
    looks = rows[(rows["step"] < last) & rows["case"].isin(solved)]
    means = looks.groupby("case", sort=True)["n_candidates"].mean()
    return means.sort_values(kind="stable")


def pick_case(readouts: pd.DataFrame, task: str, quantile: float) -> str:
    """The case of `task` at `quantile` of openness."""
    ranked = openness(readouts, task).index
    return ranked[round(quantile * (len(ranked) - 1))]


def vote(answers: np.ndarray) -> int:
    """Index of a run with the most frequent answer; ties go to the earlier run.

    answers: (K,) candidate indices, -1 for none; no answer wins only where nobody has one.
    """
    given = [answer for answer in answers if answer != NO_ANSWER]
    if not given:
        return 0
    winner = max(dict.fromkeys(given), key=given.count)
    return int(np.flatnonzero(np.asarray(answers) == winner)[0])
