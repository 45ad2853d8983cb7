"""Schedules that pass through a level, and what votes and gains are by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.loops.schedules import through
from chain_of_steps.experiments.loops.summary import loop_contrasts, loop_table, votes
from chain_of_steps.statistics.resampling import Resampling


@pytest.mark.parametrize(("above", "below"), [(1, 8), (4, 1), (16, 16)])
def test_a_schedule_passes_through_its_level(above, below):
    sigmas = through(0.7, above, below, 5.0)
    assert len(sigmas) == above + below + 1
    assert sigmas[0] == 1 and sigmas[-1] == 0
    assert sigmas[above].item() == pytest.approx(0.7)
    assert (sigmas.diff() < 0).all()


def test_steps_are_even_before_the_shift():
    sigmas = through(0.7, 5, 3, 5.0).double()
    u = sigmas / (5 - 4 * sigmas)
    assert torch.allclose(u[:6].diff(), u[:6].diff().mean(), atol=1e-6)
    assert torch.allclose(u[5:].diff(), u[5:].diff().mean(), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((1.0, 4, 4), "level is 1.0"), ((0.5, 0, 4), "above is 0"), ((0.5, 4, 0), "below is 0")],
)
def test_what_makes_no_schedule_is_refused(arguments, said):
    with pytest.raises(UserError, match=said):
        through(*arguments, 5.0)


def rows(**columns) -> pd.DataFrame:
    known = {"model": "m", "task": "chain", "split": "in-domain", "need": 4, "sigma": np.nan}
    known |= {"right_accepted": False, "front": 1.0, "share": 0.25, "accepted": -1}
    return pd.DataFrame(known | columns)


def test_votes_take_what_most_runs_end_with():
    leads = [3, 0, 3, 0, 0, 1]
    runs = rows(
        case=["a"] * 3 + ["b"] * 3,
        seed=[0, 1, 2] * 2,
        method="few",
        count=4,
        nfe=4,
        leads=leads,
        right=[one == 0 for one in leads],
    )
    found = votes(runs).set_index(["case", "method"])
    assert found["right"]["a", "vote of 3"] == 0 and found["right"]["b", "vote of 3"] == 1
    assert found["right"]["a", "chance of 3"] == pytest.approx(1 / 3)
    assert found["right"]["a", "oracle of 3"] == 1
    assert found["nfe"]["a", "vote of 2"] == 8
    table = loop_table(runs, resampling=Resampling(50, 0)).query("task == 'all'")
    right = table[table["quantity"] == "right"].set_index("method")
    assert right["mean"]["few"] == 0.5 and right["mean"]["vote of 3"] == 0.5
    assert right["nfe"].to_dict()["oracle of 3"] == 12


def test_gains_by_hand():
    entries = [
        ("loop", 0.7, 0, 0.25),
        ("loop", 0.7, 4, 0.75),
        ("loop", 0.7, 8, 1.0),
        ("erased", 0.7, 4, 0.25),
        ("matched", 0.6, 1, 0.5),
        ("matched", 0.6, 16, 1.0),
    ]
    tables = [
        rows(case=[case], seed=0, method=m, sigma=s, count=c, nfe=9, leads=1, right=False).assign(
            share=share
        )
        for case in ("a", "b")
        for m, s, c, share in entries
    ]
    found = loop_contrasts(pd.concat(tables), resampling=Resampling(50, 0)).query("task == 'all'")
    means = found.set_index("test")["mean"].to_dict()
    assert means == {"matched": 0.5, "looped": 0.625, "erased": 0.0}
