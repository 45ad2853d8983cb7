"""What more steps or passes buy: rates with intervals, and one number for each test.

    matched   more steps above a level, the same below: with the most less with the fewest
    looped    passes at one level: with passes less without
    erased    the same of the control, from whose passes nothing is taken on
    chosen    the chosen loop less a whole run of as many forward passes

The first three are of the share of a way that is right from its start on, the last of right answers
that are accepted. A model whose steps recompute or polish gains nothing by them; a serial one gains
by `matched`, `looped` and `chosen`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from chain_of_steps.experiments.loops.settings import Chosen
from chain_of_steps.statistics.cases import CaseSample, interval, p_at
from chain_of_steps.statistics.clusters import strata_of
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling

ALL = "all"  # tasks, or splits, together
GROUP = ["model", "blocks", "split", "method", "sigma", "count"]
QUANTITIES = ("right", "right_accepted")
WHOLE = ("few", "full")  # methods of whole runs
TESTS = {"matched": "matched", "looped": "loop", "erased": "erased"}
CONTRASTS = ["model", "blocks", "task", "split", "test", "n", "mean", "low", "high", "p"]


def loop_table(runs: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Rates of QUANTITIES by method.

    Columns: those of GROUP (count: steps or passes), task (and all), quantity, n, mean, low, high,
    nfe.
    """
    tables, runs = [], runs[runs["need"] > 0]
    for task in (ALL, *runs["task"].unique()):
        mine = runs if task == ALL else runs[runs["task"] == task]
        mine = mine.assign(stratum=strata_of(mine, GROUP))
        cost = mine.groupby(GROUP, dropna=False)["nfe"].mean().reset_index()
        for quantity in QUANTITIES:
            found = mine.assign(**{quantity: mine[quantity].astype(float)})
            table = mean_or_rate_ci(
                found, GROUP, quantity, "case", "stratum", resampling=resampling
            )
            tables.append(table.merge(cost, on=GROUP).assign(quantity=quantity, task=task))
    return pd.concat(tables, ignore_index=True)


def loop_contrasts(runs: pd.DataFrame, chosen: Chosen, *, resampling: Resampling) -> pd.DataFrame:
    """One row for each model, test, and task or split (and all); n: cases. Columns: CONTRASTS."""
    rows = []
    for (model, blocks), mine in runs.groupby(["model", "blocks"], sort=False):
        for test, gains in _gains(mine, chosen):
            parts = [(ALL, ALL, gains)]
            parts += [(ALL, split, some) for split, some in gains.groupby("split", sort=False)]
            parts += [(task, ALL, some) for task, some in gains.groupby("task", sort=False)]
            for task, split, some in parts:
                sample = CaseSample.of(some["value"], some["task"], (-1.0, 1.0))
                low, high = interval(sample, resampling=resampling)
                found = (len(sample), sample.mean, low, high, p_at(sample, 0))
                rows.append((model, blocks, task, split, test, *found))
    return pd.DataFrame(rows, columns=CONTRASTS)


def _gains(runs: pd.DataFrame, chosen: Chosen) -> Iterator[tuple[str, pd.DataFrame]]:
    """Test -> task, split, case, value: the gain of each case."""
    plain = runs[(runs["method"] == "loop") & (runs["count"] == 0)]
    for test, method in TESTS.items():
        more, less = runs[runs["method"] == method], plain
        if method == "matched" and len(more):
            counts = more["count"]
            less, more = more[counts == counts.min()], more[counts == counts.max()]
        gains = _gain(more[more["count"] > 0], less, "share", ["sigma"])
        if len(gains):
            yield test, gains
    loop = runs["method"].eq("loop") & runs["sigma"].eq(chosen.sigma)
    loop = runs[loop & runs["count"].eq(chosen.passes)]
    whole = runs[runs["method"].isin(WHOLE) & (runs["nfe"] <= loop["nfe"].max())]
    gains = _gain(loop, whole[whole["nfe"] == whole["nfe"].max()], "right_accepted")
    if len(gains):
        yield "chosen", gains


def _gain(
    more: pd.DataFrame, less: pd.DataFrame, quantity: str, keys: Sequence[str] = ()
) -> pd.DataFrame:
    """Mean gain of a case over the levels."""
    by = ["task", "split", "case"]
    sides = [
        rows.astype({quantity: float}).groupby([*by, *keys])[quantity].mean()
        for rows in (more, less)
    ]
    gain = (sides[0] - sides[1]).dropna()
    return gain.groupby(by, sort=False).mean().rename("value").reset_index()
