"""What the readings of runs say: when a run commits, what kind of puzzle, which case is open."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

NO_ANSWER = -1
OPEN = 1.5  # effective number of candidates from which a look counts as holding several
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

    It is the mean effective number of candidates over the seeds and steps at which anything is
    readable; nan where it never is. Shown may be the cases whose every seed ends right, or, if
    there are none, all.

    readouts: the rows of one model, as `read_trajectory` gives them.
    """
    looks = _shown(readouts, task)
    looks = looks[looks["step"] < looks["step"].max()]
    return looks.groupby("case", sort=True)["n_candidates"].mean().sort_values(kind="stable")


def change(readouts: pd.DataFrame, task: str) -> pd.Series:
    """Change along the steps of the cases that may be shown, by case, from least to most.

    It is the evidence for a right answer in the result minus that in the first clean estimate, the
    mean over seeds. Cases and readouts as in `openness`.
    """
    looks = _shown(readouts, task).set_index(["case", "seed"])
    ends = (looks.loc[looks["step"] == step, "solution"] for step in (looks["step"].max(), 0))
    last, first = ends
    return (last - first).groupby("case", sort=True).mean().sort_values(kind="stable")


def _shown(readouts: pd.DataFrame, task: str) -> pd.DataFrame:
    rows = readouts[readouts["task"] == task]
    final = rows[rows["step"] == rows["step"].max()].groupby("case")["correct"].all()
    solved = final.index[final] if final.any() else final.index
    return rows[rows["case"].isin(solved)]


def case_at(ranked: pd.Series, quantile: float) -> str | None:
    """The case at a quantile of a measure, among those that share their value with no other.

    ranked: the measure by case. None where every value is shared: then no case stands out.
    """
    known = ranked.dropna().sort_values(kind="stable")
    alone = known[~known.round(6).duplicated(keep=False)]
    if alone.empty:
        return None
    place = quantile * (len(known) - 1)
    ranks = known.index.get_indexer(alone.index)
    return str(alone.index[int(np.abs(ranks - place).argmin())])


def vote(answers: np.ndarray) -> int:
    """Index of a run with the most frequent answer; ties go to the earlier run.

    answers: (K,) candidate indices, -1 for none; no answer wins only where nobody has one.
    """
    given = [answer for answer in answers if answer != NO_ANSWER]
    if not given:
        return 0
    winner = max(dict.fromkeys(given), key=given.count)
    return int(np.flatnonzero(np.asarray(answers) == winner)[0])


def band_of(need: pd.Series, reach: float, right: pd.Series) -> pd.Series:
    """Whether each run's need is `within reach` or `beyond reach`; `no need` where it is 0.

    Where the reach is not crossed, all lie on the side on which most runs at step 0 are.
    """
    if math.isnan(reach):
        reach = math.inf if right.mean() >= 0.5 else -math.inf
    band = pd.Series(np.where(need <= reach, "within reach", "beyond reach"), index=need.index)
    return band.where(need > 0, "no need")


def reach_of(need: Sequence[int], right: Sequence[bool]) -> float:
    """The need at which half of the runs are right: where a falling curve through them crosses.

    The curve is the isotonic regression of right on need, joined by straight lines; nan where it
    stays on one side of a half.
    """
    from scipy.optimize import isotonic_regression

    shares = pd.DataFrame({"need": need, "right": right}).groupby("need")["right"]
    mean, weight = shares.mean(), shares.size()
    curve = isotonic_regression(mean, weights=weight, increasing=False).x
    below = np.flatnonzero(curve < 0.5)
    if not len(below) or not below[0]:
        return math.nan
    ends = slice(below[0] - 1, below[0] + 1)
    return float(np.interp(-0.5, -curve[ends], mean.index[ends]))
