"""Outcomes of the behaviours, on runs that are built to have a known answer."""

import numpy as np
import pandas as pd
import pytest
from behaving import N, evidence_rows, index_of, memory_rows, readouts_of

from chain_of_steps.experiments.behaviours.outcomes import behaviour_outcomes
from chain_of_steps.experiments.behaviours.posterior import COMPARED

NOTHING = {
    "memory": pd.DataFrame(),
    "perception": pd.DataFrame(),
    "posterior": pd.DataFrame(),
}


def of(table, name, condition):
    rows = table[(table["outcome"] == name) & (table["condition"] == condition)]
    return rows.set_index(["case", "seed"])["value"].to_dict()


def test_corrections_are_told_from_completions():
    runs = {"a": [1] * N + [0], "b": [0] * N + [1], "c": [-1] * N + [0], "d": [0] * (N + 1)}
    rows = pd.concat([readouts_of(case, run) for case, run in runs.items()], ignore_index=True)
    table = behaviour_outcomes(NOTHING, rows, index_of(rows))
    cases = [(case, 0) for case in runs]
    assert of(table, "net", "strict") == dict(zip(cases, (1, -1, 0, 0), strict=True))
    assert of(table, "net", "wide") == dict(zip(cases, (1, -1, 1, 0), strict=True))
    assert of(table, "ends_right", "wrong") == {("a", 0): 1}
    assert of(table, "ends_right", "open") == {("c", 0): 1}


def test_memory_is_kept_by_condition_and_step():
    finals = {("clean", 0): 0.1, ("absent", 0): 0.9, ("withheld", 2): 0.4}
    rows = readouts_of("c0", [0] * (N + 1))
    index = pd.DataFrame({"case": [f"c{n}" for n in range(6)], "solutions": 1})
    memory = memory_rows(finals)
    table = behaviour_outcomes({**NOTHING, "memory": memory}, rows, index)
    position = table[table["outcome"] == "position"]
    last = position[position["step"] == 4].groupby("condition")["value"].mean()
    assert last.to_dict() == pytest.approx({"clean": 0.1, "absent": 0.9})
    late = position[position["condition"] == "withheld"]
    assert set(late["step"]) == {2} and set(late["value"]) == {0.4}
    worst = table[table["outcome"] == "position_worst"].groupby("condition")["value"].mean()
    assert worst.to_dict() == pytest.approx({"clean": 0.1, "absent": 0.9})


def test_lags_hang_on_the_threshold_that_is_said():
    rows = readouts_of("m", [0] * (N + 1), task="move")
    perception = evidence_rows("m", 0, "clean", 2, 7)
    perception["motion"] = np.clip(np.arange(N + 1) / N, 0, 1)  # grows by a twentieth a step
    table = behaviour_outcomes({**NOTHING, "perception": perception}, rows, index_of(rows))
    found = table[(table["outcome"] == "motion_step")].set_index("threshold")["value"]
    assert found.to_dict() == {0.8: 0.8 * N, 0.9: 0.9 * N, 0.95: 0.95 * N}
    lag = table[table["outcome"] == "lag"].set_index("threshold")["value"]
    assert lag[0.9] == 0.9 * N - 2


def test_what_a_run_shows_beyond_the_posterior_counts_where_both_can_be_read():
    rows = readouts_of("g", [0] * (N + 1), task="grid")
    posterior = pd.DataFrame(
        {
            **{"model": "pocket", "case": "g", "task": "grid", "split": "in-domain", "seed": 0},
            **{"solutions": "one", "prior": "rule", "answers": 2, "step": range(4)},
            **dict.fromkeys(COMPARED, 0.0),
            "candidates_model": [np.nan, 3.0, 2.0, 1.0],
            "candidates_read": [2.0, 2.0, np.nan, 2.0],
            **{"answer_model": 0, "answer_ideal": 0, "flow_ideal": 0},
        }
    )
    table = behaviour_outcomes({**NOTHING, "posterior": posterior}, rows, index_of(rows))
    assert of(table, "own", "rule") == {("g", 0): (1 - 1) / 2}
