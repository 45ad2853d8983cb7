"""What the ensemble and its rivals came to, case by case, as claims are judged on it."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.experiments.ensemble.comparison import SINGLE
from chain_of_steps.outcomes import OF_A_CASE, joined, outcome


def ensemble_outcomes(outcomes: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Rows as `outcomes` has them: score, correct, nfe by method (condition).

    And `changed`, 0 or 1: whether the score is another than the single run's; `dose`, how much the
    averaging changes the latent, relative L2. outcomes: as `rivals` and `run_ensembles` give them.
    cases: their index.
    """
    rows = outcomes.assign(seed=OF_A_CASE)
    single = rows[rows["method"] == SINGLE].set_index(["model", "case"])["score"]
    keys = pd.MultiIndex.from_frame(rows[["model", "case"]])
    apart = (rows["score"] - single.reindex(keys).to_numpy()).abs()
    rows = rows.assign(changed=(apart > 1e-6).astype(float).where(apart.notna()))
    tables = [
        outcome(mine, name, mine[name], condition=method)
        for method, mine in rows.groupby("method", sort=False)
        for name in ("score", "correct", "nfe", "changed", "dose")
        if name in mine
    ]
    return joined(tables, cases)
