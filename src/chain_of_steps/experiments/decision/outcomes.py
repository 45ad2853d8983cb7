"""What the clean runs came to: right or not, commitment, candidates.

Two readings stand side by side as conditions: `leads`, the candidate of the largest evidence, and
`accepted`, the one whose weight exceeds a threshold. A run that ends without an answer never
commits; that is a state of its own. Its commitment counts as the last step in restricted means, and
it is in no share of those that have committed by a step (cumulative incidence), for to leave it out
would be informative censoring.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from chain_of_steps.measures import OPEN, commitment_step
from chain_of_steps.outcomes import OF_A_CASE, RUN, joined, outcome
from chain_of_steps.tasks.observe import accepted
from chain_of_steps.tasks.reader import ACCEPT, NO_ANSWER, VISIBLE, effective_number

ACCEPTED_AT = (0.5, ACCEPT, 0.7, 0.8)
VISIBLE_AT = (0.02, VISIBLE, 0.1)
SHARES = (0.0, 0.1, 0.5, 0.6, 1.0)  # of the steps, at which looks are kept


def decision_outcomes(readouts: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Rows as `outcomes` has them, of all models.

    readouts: as `runs.read_trajectory` gives them. cases: their index.

        right, score            0 or 1, and 0 to 1, by step; right by each reading
        readable                whether anything is, by step and threshold of visibility
        candidates              effective number (1 or more) by step, of looks that are readable
        several                 whether that is OPEN or more
        commitment              step, restricted to the last one; by reading
        committed by 10 %, ...  whether it has by that share of the steps; never has not
        never                   whether the result has no answer
        seeds_differ            share of a case's pairs of seeds that read differently, by step
    """
    rows = readouts.sort_values([*RUN, "step"], kind="stable").reset_index(drop=True)
    return joined([*_by_step(rows), *_commitment(rows), _seeds(rows)], cases)


def _readings(rows: pd.DataFrame) -> Iterator[tuple[str, float, np.ndarray, np.ndarray]]:
    """Condition, threshold, answers (-1: none) and whether they are right, of each reading."""
    leads = rows["leads"].to_numpy()
    yield "leads", np.nan, leads, rows["leads_right"].to_numpy(bool)
    best, weight = rows["best"].to_numpy(), rows["weight"].to_numpy()
    for threshold in ACCEPTED_AT:
        answers = accepted(best, weight, threshold)
        right = rows["best_right"].to_numpy(bool) & (answers != NO_ANSWER)
        yield "accepted", threshold, answers, right


def _by_step(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    last = rows["step"].max()
    kept = rows[rows["step"].isin({round(share * last) for share in SHARES})]
    for condition, threshold, _, right in _readings(kept):
        labels = {"condition": condition, "threshold": threshold, "step": kept["step"]}
        yield outcome(kept, "right", right, **labels)
    yield outcome(kept, "score", kept["score"], step=kept["step"])
    padded = np.zeros((len(kept), max(map(len, kept["evidence"]))))
    for row, weights in enumerate(kept["evidence"]):
        padded[row, : len(weights)] = weights
    for threshold in VISIBLE_AT:
        number, labels = effective_number(padded, threshold), {"threshold": threshold}
        yield outcome(kept, "candidates", number, step=kept["step"], **labels)
        several = np.where(np.isnan(number), np.nan, number >= OPEN)
        yield outcome(kept, "several", several, step=kept["step"], **labels)
        yield outcome(kept, "readable", ~np.isnan(number), step=kept["step"], **labels)


def _commitment(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    looks = rows["step"].nunique()
    runs, last = rows.iloc[::looks], looks - 1
    for condition, threshold, answers, _ in _readings(rows):
        labels = {"condition": condition, "threshold": threshold}
        step = commitment_step(answers.reshape(-1, looks))
        never = np.isnan(step)
        yield outcome(runs, "never", never, **labels)
        yield outcome(runs, "commitment", np.where(never, last, step), **labels)
        for share in SHARES[:-1]:
            by = ~never & (step <= round(share * last))
            yield outcome(runs, f"committed by {100 * share:.0f} %", by, **labels)


def _seeds(rows: pd.DataFrame) -> pd.DataFrame:
    keys = [*RUN[:4], "step"]
    alike = rows.groupby([*keys, "answer"]).size().rename("alike").reset_index()
    alike["pairs"] = alike["alike"] * (alike["alike"] - 1)
    sums = alike.groupby(keys, as_index=False)[["alike", "pairs"]].sum()
    sums = sums[sums["alike"] > 1].assign(seed=OF_A_CASE)
    sums = sums[sums["step"].isin({0, rows["step"].max()})]
    differ = 1 - sums["pairs"] / (sums["alike"] * (sums["alike"] - 1))
    return outcome(sums, "seeds_differ", differ, step=sums["step"])
