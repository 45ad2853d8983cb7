"""Rates and means of what was put into runs, with intervals over cases."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.statistics.clusters import strata_of
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling

OUTCOMES = ("right", "right_accepted", "kept", "kept_accepted")
FOLLOWS = ("follows_next", "follows", "plain_next", "plain")


def ends_table(rows: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Rates of OUTCOMES by what was put in, and when.

    Columns: model, task, split, need (and all), intervention, put, step, sigma, quantity, n, mean,
    low, high. Of swaps `put` is empty: all pictures stand together.
    """
    put = rows["put"].where(rows["intervention"] == "inject", "")
    rows = rows.assign(put=put, need=rows["need"].astype(str))
    rows = pd.concat([rows, rows.assign(need="all")], ignore_index=True)
    by = ["model", "task", "split", "need", "intervention", "put", "step", "sigma"]
    return _rates(rows, by, OUTCOMES, resampling)


def tiles_table(rows: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Shares of tiles that look as what was put in, FOLLOWS.

    Columns: model, task, split, intervention, way, step, sigma, distance, quantity, n, mean, low,
    high.
    """
    by = ["model", "task", "split", "intervention", "way", "step", "sigma", "distance"]
    return _rates(rows, by, FOLLOWS, resampling)


def jacobian_table(rows: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Means of the gain.

    Columns: model, task, split, step, sigma, source, target, distance, n, mean, low, high.
    """
    by = ["model", "task", "split", "step", "sigma", "source", "target", "distance"]
    return group_mean_ci(rows, by, "gain", "case", resampling=resampling)


def _rates(
    rows: pd.DataFrame, by: list[str], quantities: tuple[str, ...], resampling: Resampling
) -> pd.DataFrame:
    rows = rows.assign(stratum=strata_of(rows, by))
    tables = []
    for quantity in quantities:
        some = rows.assign(**{quantity: rows[quantity].astype(float)})
        table = mean_or_rate_ci(some, by, quantity, "case", "stratum", resampling=resampling)
        tables.append(table.assign(quantity=quantity))
    return pd.concat(tables, ignore_index=True)[[*by, "quantity", "n", "mean", "low", "high"]]
