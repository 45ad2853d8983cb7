"""What runs came to, in one long form: the rows that claims are judged on.

One row a run and outcome, with raw readings and no verdict, so that each number of a claim can be
made again from them:

    model, case, task, split, solutions (one, several), need, seed    which run; see `cases.folders`
    outcome     what was read, such as right, commitment, drop
    condition   under which circumstances or by which reading, such as accepted; empty for none
    step        of the sampler, counted from 0; the result is step N; empty for a whole run
    layer       block of the network; empty for none
    threshold   that the reading hangs on; empty for none
    value       the number

A run without the outcome has no row: it is no 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

RUN = ("model", "case", "task", "split", "seed")
LABELS = ("outcome", "condition", "step", "layer", "threshold")
COLUMNS = (*RUN[:4], "solutions", "need", RUN[4], *LABELS, "value")
OF_A_CASE = -1  # the seed of a row that is of a case and not of a run


def outcome(
    runs: pd.DataFrame,
    name: str,
    value: Sequence[float] | np.ndarray | pd.Series | float,
    *,
    condition: str = "",
    step: float | pd.Series = math.nan,
    layer: float | pd.Series = math.nan,
    threshold: float = math.nan,
) -> pd.DataFrame:
    """Rows of one outcome; runs: a row each with the columns of RUN; nan in `value`: no row."""
    found = runs[list(RUN)].assign(
        outcome=name,
        condition=condition,
        step=step,
        layer=layer,
        threshold=threshold,
        value=np.asarray(value, float),
    )
    return found[found["value"].notna()]


def joined(tables: Iterable[pd.DataFrame], cases: pd.DataFrame) -> pd.DataFrame:
    """One table of COLUMNS. cases: their index, with solutions (count) and, if known, need."""
    some = [table for table in tables if len(table)]
    if not some:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(some, ignore_index=True)
    index = cases.set_index("case")
    several = table["case"].map(index["solutions"]) > 1
    need = table["case"].map(index["need"]) if "need" in index else math.nan
    table = table.assign(solutions=np.where(several, "several", "one"), need=need)
    numbers = dict.fromkeys(("need", "step", "layer", "threshold", "value"), float)
    return table.astype({**numbers, "seed": int})[list(COLUMNS)]
