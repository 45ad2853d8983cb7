"""What the clean runs came to: right or not, commitment, candidates, the order of hops and frames.

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


def decision_outcomes(
    readouts: pd.DataFrame, cases: pd.DataFrame, tiles: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Rows as `outcomes` has them, of all models.

    readouts, tiles: as `runs.read_trajectory` and `runs.read_tiles` give them. cases: their index.

        right, score            0 or 1, and 0 to 1, by step; right by each reading
        readable                whether anything is, by step and threshold of visibility
        candidates              effective number (1 or more) by step, of looks that are readable
        several                 whether that is OPEN or more
        commitment              step, restricted to the last one; by reading
        committed by 10 %, ...  whether it has by that share of the steps; never has not
        never                   whether the result has no answer
        seeds_differ            share of a case's pairs of seeds that read differently, by step
        hops, frames            steps by which a tile is decided later for each inference that it
                                takes, and for each latent frame, the other held fixed
        frames_apart            steps between the first and the last latent frame to be decided
    """
    rows = readouts.sort_values([*RUN, "step"], kind="stable").reset_index(drop=True)
    tables = [*_by_step(rows), *_commitment(rows), _seeds(rows)]
    if tiles is not None and len(tiles):
        tables += _order(tiles, int(rows["step"].max()))
    return joined(tables, cases)


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


def _order(tiles: pd.DataFrame, last: int) -> list[pd.DataFrame]:
    """Least squares of the step at which each tile of a run is decided."""
    tables = []
    groups = tiles.groupby(list(RUN), sort=True)
    runs = pd.DataFrame([key for key, _ in groups], columns=list(RUN))
    for condition in ("leads", "accepted"):
        found = [_coefficients(run, np.minimum(run[condition], last)) for _, run in groups]
        columns = zip(*found, strict=True)
        for name, values in zip(("hops", "frames", "frames_apart"), columns, strict=True):
            tables.append(outcome(runs, name, values, condition=condition))
    return tables


def _coefficients(run: pd.DataFrame, step: pd.Series) -> tuple[float, float, float]:
    """Steps a hop, steps a latent frame, and steps between the first and the last frame.

    nan where the two cannot be told apart, or the puzzle has no hops.
    """
    frames = run["frame"].to_numpy(float)
    by_frame = step.groupby(run["frame"]).mean()
    apart = float(by_frame.max() - by_frame.min()) if len(by_frame) > 1 else np.nan
    hops = run["depth"].to_numpy(float)
    known = hops > 0
    design = np.column_stack([hops, frames, np.ones(len(run))])[known]
    if known.sum() < 4 or np.linalg.matrix_rank(design) < 3:
        return np.nan, np.nan, apart
    found = np.linalg.lstsq(design, step.to_numpy(float)[known], rcond=None)[0]
    return float(found[0]), float(found[1]), apart
