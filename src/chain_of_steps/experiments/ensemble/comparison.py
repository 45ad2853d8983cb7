"""The ensemble against its rivals at equal compute, which only choose among the clean runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from chain_of_steps.errors import UserError
from chain_of_steps.measures import NO_ANSWER, vote
from chain_of_steps.statistics.clusters import strata_of
from chain_of_steps.statistics.means import mean_ci
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.tests import minimal_detectable_difference, paired_difference

SINGLE = "single run"


def rivals(
    readouts: pd.DataFrame, seeds: Sequence[int], early: Sequence[float], passes: int = 1
) -> pd.DataFrame:
    """Methods that only choose among the clean runs, in the columns of `run_ensembles`.

    readouts: the study's clean runs. early: shares of the steps at which K runs are compared and
    all but one stopped. passes: forward passes of one step, 2 with guidance. `best by chance` is
    the mean over the K runs; `oracle` knows the truth and is the ceiling of every choice among
    them.
    """
    k, n_steps = len(seeds), int(readouts["step"].max())
    stops = sorted({max(1, round(share * n_steps)) for share in early})
    rows = []
    chosen = readouts[readouts["seed"].isin(seeds)].sort_values(["seed", "step"])
    for keys, run in chosen.groupby(["model", "case", "task", "split"], sort=False):
        final = run[run["step"] == n_steps]
        if len(final) != k:
            raise UserError(f"{keys[1]} has {len(final)} of {k} seeds: sample them all first.")
        labels = dict(zip(("model", "case", "task", "split"), keys, strict=True))

        def add(method: str, picked, nfe: int, final=final, labels=labels) -> None:
            outcome = final.iloc[picked]
            answer = outcome["answer"].iloc[0] if len(outcome) == 1 else NO_ANSWER
            rows.append(
                {
                    **labels,
                    "method": method,
                    "answer": int(answer),
                    "correct": float(outcome["correct"].mean()),
                    "score": float(outcome["score"].mean()),
                    "nfe": nfe * passes,
                }
            )

        everyone = list(range(k))
        add(SINGLE, [0], n_steps)
        add(f"best of {k} by chance", everyone, k * n_steps)
        add(f"majority of {k}", [vote(final["answer"].to_numpy())], k * n_steps)
        add(f"oracle of {k}", [int(final["score"].to_numpy().argmax())], k * n_steps)
        for stop in stops:
            # after step stop - 1 every run has spent `stop` passes and shows that clean estimate
            look = run[run["step"] == stop - 1]
            nfe = k * stop + n_steps - stop
            add(f"vote after step {stop}", [vote(look["answer"].to_numpy())], nfe)
            evidence = np.stack(look["evidence"].tolist())
            add(f"most agreed after step {stop}", [most_agreed(evidence)], nfe)
    return pd.DataFrame(rows)


def most_agreed(evidence: np.ndarray) -> int:
    """Index of the run whose evidence (K, candidates) is nearest to the mean of all runs."""
    return int(np.linalg.norm(evidence - evidence.mean(0), axis=1).argmin())


def compare(
    outcomes: pd.DataFrame, *, resampling: Resampling, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Each method against the single run: means, intervals and paired tests, clustered by case.

    Cases are resampled within their task, over all tasks where those have few cases.

    Columns: `by`, method, quantity (score or correct), n, mean, low, high, nfe, difference,
    difference_low, difference_high, p, detectable: the smallest true difference that a two-sided
    5 % test on these cases finds with probability 0.8; changed, changed_high: cases whose value
    differs from the single run's, and the upper end of the 95 % interval of their share (Wilson).
    """
    tables = []
    groups = outcomes.groupby(list(by), sort=False) if by else [((), outcomes)]
    for key, rows in groups:
        labels = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        for method in rows["method"].unique():
            mine = rows[rows["method"] == method]
            strata = strata_of(mine, [])
            for quantity in ("score", "correct"):
                found = mean_ci(mine[quantity], strata=strata, resampling=resampling)
                entry = {**labels, "method": method, "quantity": quantity, **vars(found)}
                entry["nfe"] = mine["nfe"].mean()
                if method != SINGLE:
                    entry |= _against_single(rows, method, quantity, resampling)
                tables.append(entry)
    return pd.DataFrame(tables)


def _against_single(
    rows: pd.DataFrame, method: str, quantity: str, resampling: Resampling
) -> dict[str, float]:
    covered = rows.loc[rows["method"] == method, "case"]  # controls run on a part of the cases
    both = rows[rows["method"].isin([method, SINGLE]) & rows["case"].isin(covered)]
    both = both.assign(stratum=strata_of(both, []))
    found = paired_difference(
        both,
        quantity,
        condition="method",
        treatment=method,
        control=SINGLE,
        pair=["case", "stratum"],
        cluster="case",
        strata="stratum",
        resampling=resampling,
        n_perm=2000,
    )
    wide = both.pivot(index="case", columns="method", values=quantity)
    change = wide[method] - wide[SINGLE]
    changed = int((change.abs() > 1e-6).sum())
    return {
        "difference": found.mean,
        "difference_low": found.low,
        "difference_high": found.high,
        "p": found.p,
        "detectable": minimal_detectable_difference(float(change.std()), found.n),
        "changed": changed,
        "changed_high": wilson(changed, len(change)).high,
    }
