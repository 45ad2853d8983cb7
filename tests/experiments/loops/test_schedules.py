"""Schedules that pass through a level, and what gains are by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.loops.schedules import through
from chain_of_steps.experiments.loops.settings import Chosen, Loops
from chain_of_steps.experiments.loops.summary import loop_contrasts, loop_table
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


def rows(entries, *, case: str, split: str = "in-domain", task: str = "chain") -> pd.DataFrame:
    """entries: method, sigma, count, nfe, share, right."""
    names = ["method", "sigma", "count", "nfe", "share", "right"]
    table = pd.DataFrame(entries, columns=names)
    known = {
        "model": "m",
        "blocks": 2,
        "case": case,
        "task": task,
        "split": split,
        "seed": 0,
        "need": 3,
    }
    return table.assign(right_accepted=table["right"], **known)


ENTRIES = [
    ("full", np.nan, 50, 50, 1.0, True),
    ("few", np.nan, 8, 8, 0.5, False),
    ("few", np.nan, 16, 16, 0.5, False),
    ("loop", 0.7, 0, 6, 0.25, False),
    ("loop", 0.7, 4, 10, 0.75, False),
    ("loop", 0.7, 8, 20, 1.0, True),
    ("erased", 0.7, 8, 20, 0.25, False),
    ("matched", 0.6, 1, 5, 0.5, False),
    ("matched", 0.6, 16, 20, 1.0, True),
]
CHOSEN = Chosen(sigma=0.7, passes=8)


def test_gains_by_hand():
    runs = pd.concat([rows(ENTRIES, case=case) for case in "ab"])
    found = loop_contrasts(runs, CHOSEN, resampling=Resampling(50, 0))
    found = found.query("task == split == 'all'").set_index("test")
    means = {"matched": 0.5, "looped": 0.625, "erased": 0.0, "chosen": 1.0}
    assert found["mean"].to_dict() == means
    assert (found["n"] == 2).all()


def test_the_chosen_loop_is_set_against_a_run_of_as_many_passes():
    """Of 16 steps where it has 20 passes, of 20 where there is one; the case is the unit."""
    other = [*ENTRIES, ("few", np.nan, 20, 20, 1.0, True)]
    runs = [rows(ENTRIES, case="a"), rows(ENTRIES, case="b", split="out-of-domain", task="maze")]
    found = loop_contrasts(pd.concat(runs), CHOSEN, resampling=Resampling(50, 0))
    chosen = found[found["test"] == "chosen"].set_index(["task", "split"])
    assert chosen["mean"].to_dict() == dict.fromkeys(
        [
            *(("all", split) for split in ("all", "in-domain", "out-of-domain")),
            *((task, "all") for task in ("chain", "maze")),
        ],
        1.0,
    )
    assert chosen["n"].tolist() == [2, 1, 1, 1, 1]
    matched = pd.concat([rows(other, case=case) for case in "ab"])
    found = loop_contrasts(matched, CHOSEN, resampling=Resampling(50, 0)).set_index("test")
    assert (found.loc["chosen", "mean"] == 0).all()


def test_rates_by_method_with_their_price():
    runs = pd.concat([rows(ENTRIES, case="a"), rows([(*e[:-1], False) for e in ENTRIES], case="b")])
    table = loop_table(runs, resampling=Resampling(50, 0))
    table = table.query("task == 'all' and quantity == 'right'").set_index(["method", "count"])
    assert table["mean"]["full", 50] == 0.5 and table["mean"]["few", 8] == 0
    assert table["nfe"]["loop", 8] == 20 and (table["n"] == 2).all()


@pytest.mark.parametrize(
    ("chosen", "main", "grid"),
    [
        ((0.7, 4), True, {0.9: [0, 4], 0.7: [0, 4]}),
        ((0.7, 6), True, {0.9: [0, 4], 0.7: [0, 4, 6]}),
        ((0.5, 6), True, {0.9: [0, 4], 0.7: [0, 4], 0.5: [6]}),
        ((0.5, 6), False, {0.5: [6]}),
    ],
)
def test_every_model_makes_the_chosen_loop_and_the_main_one_all(chosen, main, grid):
    picked = Chosen(sigma=chosen[0], passes=chosen[1])
    fields = Loops(levels=[0.9, 0.7], passes=[0, 4], chosen=picked)
    assert fields.grid(main) == grid
    assert fields.passes == [0, 4]
