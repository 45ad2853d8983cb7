"""The decision timeline: when does the clean estimate read as the final answer?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from chain_of_steps.measures import NO_ANSWER, RUN, commitment, with_solution_kind
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling

ALL = "all"  # tasks, or needs, together
NEAR, FAR = "near", "far"
RATES = ("agrees", "leads_final", "correct", "readable", "committed", "never")


def timeline(
    readouts: pd.DataFrame, cases: pd.DataFrame, *, resampling: Resampling
) -> pd.DataFrame:
    """Means with 95 % bootstrap intervals, clustered by case, long form.

    Columns: model, split, task (or all), solutions, need, quantity, step, sigma, n, mean, low,
    high. Puzzles with one and with several right answers, in and out of domain, are never averaged
    together. need: all, and of tasks in domain whose puzzles differ in it near and far, those up to
    the median need and those above. Quantities per step:

        agrees, leads_final   the final answer is accepted, leads: among runs that end with one
        correct               a right answer is accepted
        readable              anything is
        candidates            effective number, of looks that are readable
        solution              evidence for a right answer
        committed             share of all runs that have committed by the step, where one that
                              ends without an answer never does (cumulative incidence)

    And once for each group, step and sigma empty: `commitment` (step; one that never commits
    counts as the last), `never` (share of runs that end without an answer).
    """
    readouts = with_solution_kind(readouts, cases)
    last = readouts["step"].max()
    final = readouts.loc[readouts["step"] == last, [*RUN, "answer"]]
    merged = readouts.merge(final.rename(columns={"answer": "final"}), on=RUN)
    runs = commitment(readouts)
    when = runs.set_index(RUN)["commitment"].rename("when").reset_index()
    merged = merged.merge(when, on=RUN)
    merged = merged.assign(
        agrees=merged["answer"] == merged["final"],
        leads_final=merged["leads"] == merged["final"],
        readable=merged["n_candidates"].notna(),
        committed=merged["when"] <= merged["step"],
        candidates=merged["n_candidates"],
    )
    runs = runs.assign(never=runs["commitment"].isna(), commitment=runs["commitment"].fillna(last))
    group, steps = ["model", "split", "task", "solutions", "need"], ["step", "sigma"]
    halves = need_halves(cases)
    answered = merged[merged["final"] != NO_ANSWER]
    measured = [
        *((quantity, answered, steps) for quantity in ("agrees", "leads_final")),
        *((q, merged, steps) for q in ("correct", "readable", "solution", "committed")),
        ("candidates", merged.dropna(subset="candidates"), steps),
        ("commitment", runs, []),
        ("never", runs, []),
    ]
    tables = []
    for quantity, rows, by in measured:
        half = rows.assign(need=rows["case"].map(halves)).dropna(subset="need")
        whole = rows.assign(need=ALL)
        rows = pd.concat([whole, whole.assign(task=ALL), half], ignore_index=True)
        rows = rows.astype({quantity: float})
        interval = mean_or_rate_ci if quantity in RATES else group_mean_ci
        table = interval(rows, [*group, *by], quantity, "case", resampling=resampling)
        tables.append(table.assign(quantity=quantity))
    joined = pd.concat(tables, ignore_index=True)
    return joined[[*group, "quantity", *steps, "n", "mean", "low", "high"]]


def need_halves(cases: pd.DataFrame) -> pd.Series:
    """NEAR or FAR, by case in domain; those of tasks whose puzzles all need the same are left out.

    cases: case, task, split and need. NEAR are those up to the median need of the task.
    """
    inside = cases[cases["split"] == "in-domain"]
    needs = inside.groupby("task")["need"]
    far = inside["need"] > needs.transform("median")
    differ = needs.transform("nunique") > 1
    halves = pd.Series(np.where(far, FAR, NEAR), index=inside["case"])
    return halves[differ.to_numpy()]
