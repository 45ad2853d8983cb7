"""How often degraded videos of known answers are read right, wrong or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chain_of_steps.experiments.calibration.degraded import DEGRADATIONS, GHOST, NOTHING
from chain_of_steps.statistics.rates import mean_or_rate_ci

READ, WRONG = 0.9, 0.005  # shares that a task must have at least and may have at most
SOUND, NEAR = 0.98, 0.1  # what is asked for beside: right or refused; distance of candidates


def judged(readings: pd.DataFrame) -> pd.DataFrame:
    """The readings with refused, wrong, sound (right or refused), near, each 0 or 1.

    near: whether the effective number of candidates is within NEAR of the true one; nan where there
    is none.
    """
    right, refused = readings["right"].astype(bool), readings["answer"] < 0
    flags = {"right": right, "refused": refused, "wrong": ~(right | refused)}
    flags["sound"] = right | refused
    off = (readings["candidates"] - readings["true_candidates"]).abs()
    near = (off <= NEAR).astype(float).where(readings["true_candidates"].notna())
    return readings.assign(**{name: flag.astype(float) for name, flag in flags.items()}, near=near)


def by_degradation(readings: pd.DataFrame) -> pd.DataFrame:
    """One row for each degradation and strength, all tasks together.

    Columns: degradation, strength, mild, n (cases), right, wrong, refused with _low and _high (95 %
    intervals, a case counting once), near, evidence and ghost_evidence (means).
    """
    by = ["degradation", "strength", "mild"]
    rows = judged(readings)
    table = rows.groupby(by)["case"].nunique().rename("n").reset_index()
    for name in ("right", "wrong", "refused"):
        table = table.merge(_shares(rows, by, name), on=by)
    rest = rows.groupby(by)[["near", "evidence", "ghost_evidence"]].mean().reset_index()
    order = {name: place for place, name in enumerate([*DEGRADATIONS, GHOST, *NOTHING])}
    table = table.merge(rest, on=by)
    return table.iloc[np.lexsort((table["strength"], table["degradation"].map(order)))]


def by_task(readings: pd.DataFrame) -> pd.DataFrame:
    """One row a task.

    Columns: task, n (cases), looks, right and near (of the milder looks), sound (of all degraded
    looks: right or refused), wrong (of all looks), made_up (of those of nothing: answered), each
    with _low and _high; grows (share of cases whose evidence of a ghost grows with it), read
    (whether the task can be read, see `READ` and `WRONG`).
    """
    rows, by = judged(readings), ["task"]
    degraded, nothing = rows["degradation"].isin(DEGRADATIONS), rows["degradation"].isin(NOTHING)
    mild = rows["mild"].astype(bool)
    groups = rows.groupby(by)
    table = groups.agg(n=("case", "nunique"), looks=("case", "size")).reset_index()
    parts = {"right": mild, "near": mild, "sound": degraded, "wrong": rows["wrong"] >= 0}
    for name, chosen in parts.items():
        table = table.merge(_shares(rows[chosen], by, name), on=by)
    made_up = rows[nothing].assign(made_up=1 - rows["refused"])
    table = table.merge(_shares(made_up, by, "made_up"), on=by, how="left")
    table = table.merge(_growing(rows), on=by, how="left")
    return table.assign(read=(table["right"] >= READ) & (table["wrong"] <= WRONG))


def _shares(rows: pd.DataFrame, by: list[str], name: str) -> pd.DataFrame:
    found = mean_or_rate_ci(rows, by, name, "case")
    return found[[*by, "mean", "low", "high"]].rename(
        columns={"mean": name, "low": f"{name}_low", "high": f"{name}_high"}
    )


def _growing(rows: pd.DataFrame) -> pd.DataFrame:
    """Share of the cases of each task whose evidence of a ghost grows with every share of it."""
    ghosts = rows[rows["degradation"] == GHOST].sort_values("strength")
    grows = ghosts.groupby(["task", "case"])["ghost_evidence"].apply(
        lambda found: float((np.diff(found) > 0).all())
    )
    return grows.groupby("task").mean().rename("grows").reset_index()


def unreadable(tasks: pd.DataFrame) -> list[str]:
    """The tasks that cannot be read so, of a table by task."""
    return sorted(tasks.loc[~tasks["read"].astype(bool), "task"])
