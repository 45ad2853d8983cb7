"""One number for each test: what a model that computes along the steps does and no other.

Three readings: the steps recompute (R), polish (P), or are serial (S): the latent carries a partial
answer that the next pass extends. A positive contrast speaks for S; on models that are known to be
of one kind they are tested in tests/experiments/handover. Each is a mean over cases.

    injected    wrong answers put in are put right: near ones less far ones
    swapped     the end follows a picture that is changed in mid-run: near ones less far ones
    repaired    a wrong result, noised again, ends right
    survives    an answer outlives fresh noise before it leads, less what does not after it leads
    transplant  in the next pass the tile behind a piece of a wrong way follows it, less those
                farther on: who takes the answer as a whole has all of them at once
    erase       the tile behind erased ones is gone in the next pass, and back at the end
    forward     the derivative from a tile to the next one, less that from the next one back. With
                an exact score it is a covariance of answers, hence the same both ways

In the first three only those forks count whose latent speaks for a wrong answer, so that a model
that takes the latent for the truth ends wrong. Two more tell P from R, in shares of the steps:

    faint       an answer leads before it is accepted
    sharper     behind the bottleneck it is accepted sooner

Near and far: cases of a task whose need is at most, and above, the median of that task.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from chain_of_steps.statistics.means import mean_ci
from chain_of_steps.statistics.resampling import Resampling

SERIAL = ("injected", "swapped", "repaired", "survives", "transplant", "erase", "forward")
POLISHING = ("faint", "sharper")
COLUMNS = ("model", "test", "n", "mean", "low", "high")
BACK = 1  # inferences between two tiles that are neighbours


def contrasts(
    ends: pd.DataFrame,
    tiles: pd.DataFrame,
    jacobian: pd.DataFrame,
    steps: int,
    *,
    resampling: Resampling,
) -> pd.DataFrame:
    """Columns: model, test, n (cases), mean, low, high; steps: of the runs that were forked.

    Tests for which a model has no case are left out: it is never wrong, say, or never right.
    """
    rows = []
    for model in ends["model"].unique():
        mine = (table[table["model"] == model] for table in (ends, tiles, jacobian))
        for test, values in _by_case(*mine, steps):
            found = mean_ci(values["value"], strata=values.get("stratum"), resampling=resampling)
            rows.append({"model": model, "test": test, **vars(found)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _by_case(
    ends: pd.DataFrame, tiles: pd.DataFrame, jacobian: pd.DataFrame, steps: int
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Test -> a table with a value for each case, and strata where they are compared."""
    misled = ends[ends["misled"]]
    wrong = misled[(misled["intervention"] == "inject") & (misled["put"] != "right")]
    swapped = misled[misled["intervention"] == "swap_picture"]
    swapped = swapped.assign(case=swapped["put"])  # the need is that of the other picture
    found = {
        "injected": near_less_far(wrong, "right"),
        "swapped": near_less_far(swapped, "right"),
        "repaired": _repaired(ends),
        "survives": _survives(ends),
        **_moved(tiles),
        "forward": _forward(jacobian),
        **_clearer(ends, steps),
    }
    yield from ((test, values) for test, values in found.items() if len(values))


def _mean(rows: pd.DataFrame, value: pd.Series) -> pd.DataFrame:
    return value.astype(float).groupby(rows["case"]).mean().rename("value").reset_index()


def near_less_far(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Values whose mean over all cases is the mean of near cases less that of far ones.

    rows: with case, task, need and a column of numbers. Cases of tasks with one need are left out.
    """
    keys = ["task", "case", "need"]
    by_case = rows.assign(value=rows[column].astype(float)).groupby(keys)["value"].mean()
    by_case = by_case.reset_index()
    median = by_case.groupby("task")["need"].transform("median")
    far = by_case["need"] > median
    both = far.groupby(by_case["task"]).transform("nunique") > 1
    by_case, far = by_case[both], far[both]
    size = far.groupby(far).transform("size")
    sign = np.where(far, -1, 1) * len(by_case) / size
    return by_case.assign(value=sign * by_case["value"], stratum=np.where(far, "far", "near"))


def _repaired(ends: pd.DataFrame) -> pd.DataFrame:
    plain = ends[(ends["intervention"] == "plain") & (ends["step"] == 0)]
    failed = set(zip(plain["case"][~plain["right"]], plain["seed"][~plain["right"]], strict=True))
    turned = ends[(ends["intervention"] == "u_turn") & ends["misled"]]
    pairs = zip(turned["case"], turned["seed"], strict=True)
    turned = turned[np.array([pair in failed for pair in pairs], dtype=bool)]
    return _mean(turned, turned["right"])


def _survives(ends: pd.DataFrame) -> pd.DataFrame:
    plain = ends[(ends["intervention"] == "plain") & (ends["step"] == 0)]
    since = plain.set_index(["case", "seed"])["leads_from"]
    again = ends[ends["intervention"].isin(["u_turn", "fresh_noise"]) & (ends["before"] >= 0)]
    keys = pd.MultiIndex.from_frame(again[["case", "seed"]])
    # fresh noise at step k is about the clean estimate of step k - 1
    leads = again["step"] - 1 >= since.reindex(keys).to_numpy()
    value = (again["kept"] & ~leads).astype(float) - (~again["kept"] & leads).astype(float)
    return _mean(again, value)


def _moved(tiles: pd.DataFrame) -> dict[str, pd.DataFrame]:
    wrong = tiles[(tiles["intervention"] == "transplant") & (tiles["way"] == "wrong")]
    wrong = wrong.assign(far=wrong["distance"].gt(1), value=wrong["follows_next"].astype(float))
    apart = wrong.groupby(["case", "far"])["value"].mean().unstack().reindex(columns=[False, True])
    behind = (apart[False] - apart[True]).dropna().rename("value").reset_index()
    gone = tiles[
        (tiles["intervention"] == "erase") & (tiles["distance"] == 1) & ~tiles["plain_next"]
    ]
    return {
        "transplant": behind,
        "erase": _mean(gone, gone["follows_next"] & ~gone["follows"]),
    }


def _forward(jacobian: pd.DataFrame) -> pd.DataFrame:
    rows = jacobian[(jacobian["source"] == "tile") & (jacobian["target"] == "tile")]
    keys = ["case", "seed", "step"]
    # from the tile that is one before to the next, and back
    there = rows[rows["distance"] == BACK].assign(pair=lambda t: t["depth"])
    back = rows[rows["distance"] == -BACK].assign(pair=lambda t: t["depth"] - BACK)
    both = there.merge(back, on=[*keys, "pair"], suffixes=("", "_back"))
    return _mean(both, both["gain"] - both["gain_back"])


def _clearer(ends: pd.DataFrame, steps: int) -> dict[str, pd.DataFrame]:
    whole = ends[ends["leads_from"] >= 0]
    plain = whole[(whole["intervention"] == "plain") & (whole["accepted"] >= 0)]
    narrow = whole[whole["intervention"] == "bottleneck"]
    both = plain.merge(narrow, on=["case", "seed"], suffixes=("", "_narrow"))
    faint = (plain["accepted_from"] - plain["leads_from"]) / steps
    sooner = (both["accepted_from"] - both["accepted_from_narrow"]) / steps
    return {"faint": _mean(plain, faint), "sharper": _mean(both, sooner)}
