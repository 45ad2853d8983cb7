"""The timeline on synthetic readouts whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from readouts import SIGMAS, rows_of

from chain_of_steps.experiments.decision.timeline import timeline
from chain_of_steps.measures import commitment, with_solution_kind
from chain_of_steps.statistics.means import mean_ci
from chain_of_steps.statistics.resampling import Resampling


@pytest.fixture
def runs() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readouts of two cases with one right answer, one with several, and of a second model."""
    table = pd.concat(
        [
            rows_of("m/0", [-1, 1, 0, 0], seed=0, candidates=[3, 2, 1, 1]),
            rows_of("m/0", [0, 0, 0, 0], seed=1, candidates=[1, 1, 1, 1]),
            rows_of("m/1", [0, 1, 1, 1], seed=0, candidates=[4, 2, 2, 1]),
            rows_of("m/1", [0, 0, 0, -1], seed=1, candidates=[2, 2, 2, np.nan]),
            rows_of("g/0", [1, 1, 2, 2], seed=0, task="grid", right=2, candidates=[5, 4, 2, 1]),
            rows_of("g/0", [2, 2, 2, 2], seed=1, task="grid", right=2, candidates=[5, 3, 2, 1]),
            rows_of("m/0", [1, 1, 1, 1], model="early", candidates=[1, 1, 1, 1]),
        ],
        ignore_index=True,
    ).sample(frac=1, random_state=1)
    cases = pd.DataFrame(
        {
            "case": ["m/0", "m/1", "g/0"],
            "task": ["maze", "maze", "grid"],
            "split": "in-domain",
            "solutions": [1, 1, 3],
            "need": [4, 9, 0],
        }
    )
    return table, cases


def test_commitment_has_a_row_for_each_run(runs):
    found = commitment(runs[0]).set_index(["model", "case", "seed"])
    expected = {
        ("pocket", "m/0", 0): (2, True, True),
        ("pocket", "m/0", 1): (0, True, True),
        ("pocket", "m/1", 0): (1, True, False),
        ("pocket", "m/1", 1): (np.nan, False, False),
        ("pocket", "g/0", 0): (2, True, True),
        ("pocket", "g/0", 1): (0, True, True),
        ("early", "m/0", 0): (0, True, False),
    }
    assert set(found.index) == set(expected)
    for run, (step, answered, correct) in expected.items():
        row = found.loc[run]
        assert row["commitment"] == step or (np.isnan(step) and np.isnan(row["commitment"]))
        assert (row["answered"], row["correct"]) == (answered, correct)


def test_puzzles_with_several_answers_are_kept_apart(runs):
    kinds = with_solution_kind(*runs)
    assert set(kinds.loc[kinds["case"] == "g/0", "solutions"]) == {"several"}
    assert set(kinds.loc[kinds["case"] != "g/0", "solutions"]) == {"one"}


def test_timeline_by_hand(runs):
    table = timeline(*runs, resampling=Resampling(200, 0))
    assert list(table.columns) == [
        *("model", "split", "task", "solutions", "need", "quantity", "step", "sigma"),
        *("n", "mean", "low", "high"),
    ]

    def means(quantity, task="maze", model="pocket", need="all"):
        rows = table[(table["quantity"] == quantity) & (table["task"] == task)]
        rows = rows[(rows["model"] == model) & (rows["need"] == need)].sort_values("step")
        assert set(rows["solutions"]) == {"several" if task == "grid" else "one"}
        return rows[["n", "mean"]].values.tolist()

    third = 1 / 3
    # the run without a final answer agrees with nothing and is left out
    assert means("agrees") == [[3, third], [3, 2 * third], [3, 1], [3, 1]]
    assert means("leads_final") == means("agrees")
    assert means("correct") == [[4, 0.75], [4, 0.5], [4, 0.75], [4, 0.5]]
    # of the last looks one shows nothing that can be read: it has no number
    assert means("candidates") == [[4, 2.5], [4, 1.75], [4, 1.5], [3, 1]]
    assert means("readable") == [[4, 1], [4, 1], [4, 1], [4, 0.75]]
    assert means("solution") == [[4, 0.375], [4, 0.25], [4, 0.375], [4, 0.25]]
    # committed at 2, 0, 1 and never: one run of four never does, and counts as the last look
    assert means("committed") == [[4, 0.25], [4, 0.5], [4, 0.75], [4, 0.75]]
    assert means("never") == [[4, 0.25]]
    assert means("commitment") == [[4, (2 + 0 + 1 + 3) / 4]]
    assert means("correct", need="near") == [[2, 0.5], [2, 0.5], [2, 1], [2, 1]]
    assert means("correct", need="far") == [[2, 1], [2, 0.5], [2, 0.5], [2, 0]]
    assert set(table.loc[table["task"].isin(["grid", "all"]), "need"]) == {"all"}
    assert means("agrees", "grid") == [[2, 0.5], [2, 0.5], [2, 1], [2, 1]]
    assert means("commitment", "grid") == [[2, 1.0]]
    assert means("correct", model="early") == [[1, 0]] * 4
    once = table["quantity"].isin(["commitment", "never"])
    steps = table[~once]
    assert (steps["sigma"] == steps["step"].map(lambda k: SIGMAS[int(k)])).all()
    assert table.loc[once, ["step", "sigma"]].isna().all(axis=None)


def test_the_timeline_keeps_kinds_and_splits_of_puzzles_apart(runs):
    readouts, cases = runs
    readouts.loc[readouts["case"] == "m/1", "task"] = "odd"
    readouts.loc[readouts["case"] == "m/1", "split"] = "out-of-domain"
    table = timeline(readouts, cases, resampling=Resampling(200, 0))
    table = table[(table["model"] == "pocket") & (table["step"].fillna(0) == 0)]
    mine = table[table["task"] == "all"].set_index(["split", "solutions", "quantity"])
    assert mine.loc[("in-domain", "one", "candidates"), ["n", "mean"]].tolist() == [2, 2]
    assert mine.loc[("out-of-domain", "one", "candidates"), ["n", "mean"]].tolist() == [2, 3]
    assert mine.loc[("in-domain", "several", "candidates"), ["n", "mean"]].tolist() == [2, 5]
    assert set(table.loc[table["task"] != "all", "task"]) == {"maze", "odd", "grid"}


def test_timeline_resamples_cases_not_runs(runs):
    readouts, cases = runs
    table = timeline(readouts, cases, resampling=Resampling(300, 4))
    row = table[
        (table["quantity"] == "candidates") & (table["step"] == 0) & (table["task"] == "maze")
    ]
    row = row[(row["model"] == "pocket") & (row["need"] == "all")].iloc[0]
    expected = mean_ci([3, 1, 4, 2], clusters=[0, 0, 1, 1], resampling=Resampling(300, 4))
    assert (row["low"], row["high"]) == (expected.low, expected.high) == (2.0, 3.0)
    again = timeline(readouts.sample(frac=1, random_state=7), cases, resampling=Resampling(300, 4))
    pd.testing.assert_frame_equal(table, again)


def test_timeline_of_runs_that_never_answer(runs):
    readouts, cases = runs
    silent = readouts.assign(answer=-1, correct=False)
    table = timeline(silent, cases, resampling=Resampling(100, 0))
    assert set(table["quantity"]) == {
        *("correct", "candidates", "readable", "solution", "committed", "commitment", "never")
    }
    assert (table.loc[table["quantity"] == "never", "mean"] == 1).all()
    assert (table.loc[table["quantity"] == "committed", "mean"] == 0).all()
