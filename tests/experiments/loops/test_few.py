"""Right answers by number of steps, on runs that are right once they have enough of them."""

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.experiments.loops.few import few_table
from chain_of_steps.measures import band_of
from chain_of_steps.statistics.resampling import Resampling


def runs() -> pd.DataFrame:
    """A run of m steps is right up to need m + 2 on chains, and always where the way is shown."""
    rows = [
        {
            **{"model": "m", "case": f"{task}/{need}/{case}", "task": task, "seed": 0},
            **{"need": need if task == "chain" else 0, "count": count},
            "method": "full" if count == 16 else "few",
            "right": task == "chain_lit" or need <= count + 2,
            "right_accepted": task == "chain_lit" or need <= count,
        }
        for task in ("chain", "chain_lit")
        for need in range(1, 7)
        for case in range(5)
        for count in (1, 2, 4, 16)
    ]
    other = {**rows[0], "method": "loop", "count": 12, "right": False}
    return pd.DataFrame([*rows, other])


def test_shares_by_steps_within_and_beyond_reach():
    table = few_table(runs(), resampling=Resampling(n_boot=100))
    of = table.set_index(["task", "rule", "band", "count"])["mean"]
    counts = (1, 2, 4, 16)
    assert [of["chain", "leads", "within reach", n] for n in counts] == [1, 1, 1, 1]
    assert np.allclose([of["chain", "leads", "beyond reach", n] for n in counts], [0, 1 / 3, 1, 1])
    assert [of["chain_lit", "leads", "no need", n] for n in counts] == [1, 1, 1, 1]
    beyond = [of["all", "accepted", "beyond reach", n] for n in counts]
    assert beyond == pytest.approx([0, 0.2, 0.6, 1])
    assert set(table["count"]) == set(counts)  # loops are no whole runs


@pytest.mark.parametrize(
    ("right", "band"), [([1, 1, 1], "within reach"), ([0, 0, 1], "beyond reach")]
)
def test_without_a_reach_all_lie_where_most_are(right, band):
    need = pd.Series([0, 1, 9])
    found = band_of(need, float("nan"), pd.Series(right))
    assert found.tolist() == ["no need", band, band]
