"""What the behaviours came to, run by run, as claims are judged on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from chain_of_steps.experiments.behaviours.correction import gains, states
from chain_of_steps.experiments.behaviours.memory import ERRORS
from chain_of_steps.experiments.behaviours.perception import EVIDENCE, REACHED, onsets
from chain_of_steps.experiments.behaviours.posterior import run_summary
from chain_of_steps.outcomes import RUN, joined, outcome

REACHED_AT = (0.8, REACHED, 0.95)


def behaviour_outcomes(
    tables: Mapping[str, pd.DataFrame], readouts: pd.DataFrame, cases: pd.DataFrame
) -> pd.DataFrame:
    """Rows as `outcomes` has them, of all models.

    tables: memory, perception and posterior, run by run. cases: their index.

        position, colour, identity   memory errors by step; condition clean, absent, changed, or
                                     withheld from `step` on (read at the end)
        position_worst, ...          the largest over the steps of a run
        localised_step, motion_step, lag    by condition clean, alone and threshold of REACHED
        excluded                     whether one of the two never comes
        motion                       share of its final value, by step
        own                          candidates shown beyond the posterior mean's, mean over the
                                     steps at which both are readable; condition: the prior
        commitment_lag               commitment step minus the ideal denoiser's
        ends_right                   0 or 1, of the runs that are wrong, open or partial (condition)
                                     at step 0
        net                          gained minus lost from step 0 to the end: -1, 0 or 1; strict:
                                     between answers, wide: also from and to none
    """
    found = [
        *_memory(tables["memory"]),
        *_perception(tables["perception"]),
        *_posterior(tables["posterior"]),
        *_correction(states(readouts, cases)),
    ]
    return joined(found, cases)


def _memory(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    if not len(rows):
        return
    last = rows["step"].max()
    whole = rows[rows["condition"] != "withheld"]
    late = rows[(rows["condition"] == "withheld") & (rows["step"] == last)]
    for error in ERRORS:
        for condition, mine in whole.groupby("condition"):
            kept = mine[mine["step"].isin([0, last])]
            yield outcome(kept, error, kept[error], condition=condition, step=kept["step"])
            worst = mine.groupby(list(RUN), as_index=False)[error].max()
            yield outcome(worst, f"{error}_worst", worst[error], condition=condition)
        yield outcome(late, error, late[error], condition="withheld", step=late["start"])


def _perception(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    if not len(rows):
        return
    for threshold in REACHED_AT:
        for condition, runs in onsets(rows, threshold).groupby("condition"):
            labels = {"condition": condition, "threshold": threshold}
            for name in ("localised_step", "motion_step", "lag"):
                yield outcome(runs, name, runs[name], **labels)
            if threshold == REACHED:
                yield outcome(runs, "excluded", runs["excluded"], condition=condition)
    runs = onsets(rows)
    kept = rows.merge(runs.loc[runs["excluded"] == 0, [*RUN, "condition"]])
    last = kept[kept["step"] == kept["step"].max()][[*RUN, "condition", *EVIDENCE]]
    first = kept[kept["step"] == 0].merge(last, on=[*RUN, "condition"], suffixes=("", "_final"))
    for condition, mine in first.groupby("condition"):
        share = mine["motion"] / mine["motion_final"]
        yield outcome(mine, "motion", share, condition=condition, step=0)


def _posterior(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    if not len(rows):
        return
    for prior, runs in run_summary(rows).groupby("prior"):
        for name in ("own", "commitment_lag"):
            yield outcome(runs, name, runs[name], condition=prior)


def _correction(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    looks = rows["step"].nunique()
    runs = rows.iloc[::looks]
    ends_right = (runs["final"] == "right").to_numpy(float)
    begins = {name: runs["state"] == name for name in ("wrong", "open")}
    begins["partial"] = runs["partial"] > 0
    for condition, chosen in begins.items():
        value = np.where(chosen, ends_right, np.nan)
        yield outcome(runs, "ends_right", value, condition=condition, step=0)
    state = rows["state"].to_numpy(str).reshape(-1, looks)[:, [0, -1]]
    for condition, (gained, lost) in gains(state).items():
        yield outcome(runs, "net", gained - lost, condition=condition)
