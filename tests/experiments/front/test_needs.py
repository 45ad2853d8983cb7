"""Right answers by need, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.experiments.front.needs import need_table
from chain_of_steps.statistics.resampling import Resampling


@pytest.fixture
def table() -> pd.DataFrame:
    """Needs 1 to 4, ten cases and two seeds each: right at step 0 up to 2, at the end up to 3."""
    rows = [
        {
            **{"model": "m", "task": "maze", "split": "in-domain", "need": need, "seed": seed},
            **{"case": f"{need}/{case}", "step": step, "leads_right": need <= 3},
            "correct": need <= (2 if step < 2 else 3),
        }
        for need in range(1, 5)
        for case in range(10)
        for seed in range(2)
        for step in range(3)
    ]
    rows = pd.DataFrame(rows).sample(frac=1, random_state=0)
    return need_table(rows, resampling=Resampling(n_boot=100))


def test_gain_and_reach_by_need(table):
    accepted = table[table["rule"] == "accepted"].set_index("need")
    assert accepted["first"].tolist() == [1, 1, 0, 0]
    assert accepted["last"].tolist() == [1, 1, 1, 0]
    assert accepted["mean"].tolist() == [0, 0, 1, 0]
    assert (accepted["reach"] == 2.5).all()
    assert (accepted["cases"] == 10).all() and (accepted["n"] == 20).all()
    leads = table[table["rule"] == "leads"].set_index("need")
    assert leads["mean"].tolist() == [0, 0, 0, 0]
    assert (leads["reach"] == 3.5).all()


def test_where_nothing_changes_the_interval_still_has_a_width(table):
    still = table[table["mean"] == 0]
    assert (still["low"] < 0).all() and (still["high"] > 0).all()
    assert np.isfinite(still[["low", "high"]].to_numpy()).all()
