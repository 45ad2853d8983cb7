"""Outcomes of clean runs, counted by hand and against plain loops."""

import numpy as np
import pandas as pd
import pytest
from readouts import rows_of

from chain_of_steps.experiments.decision.outcomes import ACCEPTED_AT, decision_outcomes
from chain_of_steps.outcomes import COLUMNS

CASES = pd.DataFrame(
    {"case": ["m/0", "m/1", "g/0"], "solutions": [1, 1, 3], "need": [4, 9, np.nan]}
)


@pytest.fixture
def looks() -> pd.DataFrame:
    return pd.concat(
        [
            rows_of("m/0", [-1, 1, 0, 0], seed=0, candidates=[np.nan, 2, 1, 1]),
            rows_of("m/0", [0, 0, 0, 0], seed=1, candidates=[1, 1, 1, 1]),
            rows_of("m/1", [0, 1, 1, -1], seed=0, candidates=[4, 2, 2, np.nan]),
            rows_of("g/0", [1, 1, 2, 2], seed=0, task="grid", right=2, candidates=[5, 4, 2, 1]),
        ]
    ).sample(frac=1, random_state=1)


def of(table, name, **labels):
    rows = table[table["outcome"] == name]
    for column, wanted in labels.items():
        rows = rows[rows[column] == wanted]
    return rows.set_index(["case", "seed"])["value"].to_dict()


def test_outcomes_carry_the_need_and_kind_of_their_case(looks):
    table = decision_outcomes(looks, CASES)
    assert tuple(table.columns) == COLUMNS
    assert not table["value"].isna().any()
    kinds = table.groupby("case")[["solutions", "need"]].first()
    assert kinds.loc["m/1"].tolist() == ["one", 9]
    assert kinds.loc["g/0", "solutions"] == "several" and np.isnan(kinds.loc["g/0", "need"])


def test_a_run_that_never_commits_is_a_state_and_no_missing_run(looks):
    table = decision_outcomes(looks, CASES)
    where = {"condition": "leads"}
    assert of(table, "never", **where) == {
        ("m/0", 0): 0, ("m/0", 1): 0, ("m/1", 0): 1, ("g/0", 0): 0
    }  # fmt: skip
    assert of(table, "commitment", **where) == {
        ("m/0", 0): 2, ("m/0", 1): 0, ("m/1", 0): 3, ("g/0", 0): 2
    }  # fmt: skip
    by = of(table, "committed by 60 %", **where)  # by step 2 of 3
    assert by == {("m/0", 0): 1, ("m/0", 1): 1, ("m/1", 0): 0, ("g/0", 0): 1}


def test_what_leads_and_what_is_accepted_stand_side_by_side(looks):
    """A weight of 0.65 is accepted at 0.6 and not at 0.7; what leads does not hang on it."""
    faint = looks.assign(weight=np.where(looks["answer"] >= 0, 0.65, 0.1))
    table = decision_outcomes(faint, CASES)
    leads = of(table, "right", condition="leads", step=3)
    for threshold in ACCEPTED_AT:
        found = of(table, "right", condition="accepted", step=3, threshold=threshold)
        expected = leads if threshold < 0.65 else dict.fromkeys(leads, 0)
        assert found == expected
        never = of(table, "never", condition="accepted", threshold=threshold)
        assert all(never.values()) == (threshold > 0.65)


def test_nothing_readable_has_no_number_of_candidates():
    evidence = [[0.5, 0.5], [0.04, 0.0], [0.9, 0.06], [1.0, 0.0]]
    look = rows_of("m/0", [-1, -1, 0, 0]).assign(evidence=evidence)
    table = decision_outcomes(look, CASES)
    rows = table[(table["outcome"] == "candidates") & (table["threshold"] == 0.05)]
    assert rows["step"].tolist() == [0, 2, 3]  # of 0, round(1.5), round(1.8) and 3
    assert rows["value"].iloc[0] == pytest.approx(2)
    assert (rows["value"] >= 1).all()
    readable = table[(table["outcome"] == "readable") & (table["threshold"] == 0.02)]
    assert readable["value"].tolist() == [1, 1, 1]


def test_seeds_that_differ_are_counted_in_pairs():
    answers = [0, 0, 1, 1, 2]
    looks = pd.concat([rows_of("m/0", [a, a, a, a], seed=n) for n, a in enumerate(answers)])
    table = decision_outcomes(looks, CASES)
    found = table[(table["outcome"] == "seeds_differ") & (table["step"] == 0)]
    pairs = [a != b for n, a in enumerate(answers) for b in answers[:n]]
    assert found["value"].tolist() == [pytest.approx(np.mean(pairs))]
    alone = decision_outcomes(rows_of("m/0", [0, 0, 0, 0]), CASES)
    assert "seeds_differ" not in set(alone["outcome"])
