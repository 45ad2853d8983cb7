"""What more steps, passes or samples buy: rates with intervals, and one number for each test.

    matched   more steps above a level, the same below: share with the most less with the fewest
    looped    passes at one level: share with passes less without
    erased    the same of the control, from whose passes nothing is taken on

Share is that of a way that is right from its start on.

A model whose steps recompute or polish gains nothing by them; a serial one gains by the first two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from chain_of_steps.measures import vote
from chain_of_steps.statistics.clusters import strata_of
from chain_of_steps.statistics.means import mean_ci
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling

GROUP = ["model", "split", "method", "sigma", "count"]
QUANTITIES = ("right", "right_accepted")
TESTS = {"matched": "matched", "looped": "loop", "erased": "erased"}


def votes(runs: pd.DataFrame) -> pd.DataFrame:
    """The methods that choose among runs of several seeds, as rows of the same columns.

    `vote of k` takes the answer that most of the first k runs end with, `chance of k` the mean of
    them, `oracle of k` a right one if there is any.
    """
    rows = []
    plain = runs[runs["method"].isin(["few", "full"])].sort_values("seed", kind="stable")
    for _, some in plain.groupby(["model", "case", "method", "count"], sort=False):
        for k in range(2, len(some) + 1):
            mine = some.iloc[:k]
            chosen = mine.iloc[vote(mine["leads"].to_numpy())]
            known = mine.iloc[0].to_dict() | {
                "nfe": mine["nfe"].sum(),
                "front": np.nan,
                "share": np.nan,
            }
            ways = {
                "vote": {name: float(chosen[name]) for name in QUANTITIES},
                "chance": {name: mine[name].mean() for name in QUANTITIES},
                "oracle": {name: float(mine[name].any()) for name in QUANTITIES},
            }
            for way, found in ways.items():
                rows.append({**known, **found, "method": f"{way} of {k}"})
    return pd.DataFrame(rows, columns=runs.columns)


def loop_table(runs: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Rates of QUANTITIES by method: runs of the first seed, and what is chosen among several.

    Columns: model, split, task (and all), method, sigma, count (steps or passes), quantity, n,
    mean, low, high, nfe.
    """
    first = runs.groupby("model")["seed"].transform("first")
    rows = pd.concat([runs[runs["seed"] == first], votes(runs)], ignore_index=True)
    tables = []
    for task in ("all", *rows["task"].unique()):
        mine = rows if task == "all" else rows[rows["task"] == task]
        mine = mine.assign(stratum=strata_of(mine, GROUP))
        cost = mine.groupby(GROUP, dropna=False)["nfe"].mean().reset_index()
        for quantity in QUANTITIES:
            found = mine.assign(**{quantity: mine[quantity].astype(float)})
            table = mean_or_rate_ci(
                found, GROUP, quantity, "case", "stratum", resampling=resampling
            )
            tables.append(table.merge(cost, on=GROUP).assign(quantity=quantity, task=task))
    return pd.concat(tables, ignore_index=True)


def loop_contrasts(runs: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Columns: model, task (and all), test, n (cases), mean, low, high; of answers that lead."""
    rows = []
    for model in runs["model"].unique():
        mine = runs[runs["model"] == model]
        for task in ("all", *mine["task"].unique()):
            some = mine if task == "all" else mine[mine["task"] == task]
            for test, values in _by_case(some):
                found = mean_ci(values["value"], resampling=resampling)
                rows.append({"model": model, "task": task, "test": test, **vars(found)})
    return pd.DataFrame(rows, columns=["model", "task", "test", "n", "mean", "low", "high"])


def _by_case(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    plain = runs[(runs["method"] == "loop") & (runs["count"] == 0)]
    for test, method in TESTS.items():
        more = runs[runs["method"] == method]
        if method == "matched":
            fewest, most = more["count"].min(), more["count"].max()
            less, more = more[more["count"] == fewest], more[more["count"] == most]
        else:
            less, more = plain, more[more["count"] > 0]
        values = _gain(more, less, ["case", "sigma"])
        if len(values):
            yield test, values


def _gain(more: pd.DataFrame, less: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Mean gain of a case over the levels."""
    sides = [rows.groupby(list(keys))["share"].mean() for rows in (more, less)]
    gain = (sides[0] - sides[1]).dropna()
    return gain.groupby("case").mean().rename("value").reset_index()
