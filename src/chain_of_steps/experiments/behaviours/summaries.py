"""Means with intervals and tests, in the one shape that all tables of the behaviours have."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd

from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.tests import sign_flip_p

MEAN = ("n", "cases", "mean", "low", "high", "p")
ALL = "all"  # the label of pooled rows


def means(
    frame: pd.DataFrame,
    by: Iterable[str],
    quantities: Iterable[str],
    *,
    rate: bool = False,
    test: bool = False,
    resampling: Resampling,
) -> pd.DataFrame:
    """Columns of `by`, quantity, then MEAN, in each group; rows without the quantity do not count.

    The interval resamples cases. rate: values lie between 0 and 1, or -1 and 1 with `test`; where
    all are 0 (or all 1), the interval is Wilson's. test: p of the mean being 0, by sign flips of
    whole cases; else p is empty.
    """
    by, tables = list(by), []
    estimate = partial(mean_or_rate_ci, signed=test) if rate else group_mean_ci
    for quantity in quantities:
        rows = frame.dropna(subset=quantity).astype({quantity: float})
        if not len(rows):
            continue
        table = estimate(rows, by, quantity, "case", resampling=resampling)
        groups = rows.groupby(by, sort=True, observed=True, dropna=False)
        table["cases"] = groups["case"].nunique().to_numpy()
        table["p"] = np.nan
        if test:
            table["p"] = [
                sign_flip_p(
                    rows[quantity].to_numpy()[i], rows["case"].to_numpy()[i], seed=resampling.seed
                )
                for i in groups.indices.values()
            ]
        tables.append(table.assign(quantity=quantity))
    columns = [*by, "quantity", *MEAN]
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True)[columns]


def pooled(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows, and again with `all` in each of the columns and in all combinations of them."""
    for column in columns:
        frame = pd.concat([frame, frame.assign(**{column: ALL})], ignore_index=True)
    return frame


def paired(
    rows: pd.DataFrame, condition: str, against: str, pair: list[str], quantities: Iterable[str]
) -> pd.DataFrame:
    """Rows of `pair` columns with each quantity under `condition` minus under `against`.

    Only pairs that have both; a quantity missing on one side is missing in the difference.
    """
    quantities = list(quantities)
    sides = [
        rows[rows["condition"] == name].set_index(pair)[quantities] for name in (condition, against)
    ]
    shared = sides[0].index.intersection(sides[1].index)
    return (sides[0].loc[shared] - sides[1].loc[shared]).reset_index()
