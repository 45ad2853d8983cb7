"""Self-correction on runs built to have a known answer: one corrects, one never commits."""

import numpy as np
import pandas as pd
import pytest
from behaving import FEW, N, index_of, readouts_of
from scipy.stats import binomtest

from chain_of_steps.experiments.behaviours import correction


def runs_of(*tables):
    rows = pd.concat(tables, ignore_index=True).sample(frac=1, random_state=0)
    return correction.by_run(correction.states(rows, index_of(rows)))


def test_a_run_that_corrects_at_step_12_counts_once_also_through_unreadable_looks():
    answers = [2] * 8 + [-1] * 4 + [0] * (N + 1 - 12)
    run = runs_of(readouts_of("a", answers)).iloc[0]
    assert run["commitment"] == 12
    assert run["commitment_share"] == 12 / N
    assert run["committed_early"] == 0
    events = ["flips", "corrections", "corruptions", "completions", "losses"]
    assert run[events].tolist() == [2, 1, 0, 1, 0]
    assert run["improved"] and not run["worsened"]


def test_a_run_that_never_commits():
    answers = [0, 1] * (N // 2) + [-1]
    run = runs_of(readouts_of("a", answers)).iloc[0]
    assert run["commitment"] == N  # it counts as the last step
    assert not run["committed_early"]
    assert run["flips"] == N
    assert run["corrections"] == N // 2 - 1
    assert run["corruptions"] == N // 2
    assert run["worsened"] and not run["improved"]


def test_open_looks_before_the_first_answer_are_no_answer():
    state = np.array([["open", "open", "right", "open", "wrong"]])
    assert correction.settled(state).tolist() == [["open", "open", "right", "right", "wrong"]]
    found = correction.changes(state)
    assert {name: counts.tolist() for name, counts in found.items()} == {
        "corrections": [0],
        "corruptions": [1],
        "completions": [1],
        "losses": [1],
    }


def test_chance_to_end_right_given_the_state_at_a_step():
    ends = {"a": 0, "b": 1, "c": 1, "d": -1}
    tables = [readouts_of(case, [1] * N + [end]) for case, end in ends.items()]
    tables.append(readouts_of("e", [-1] * N + [0]))
    rows = pd.concat(tables, ignore_index=True)
    table = correction.correction_table(rows, index_of(rows), **FEW)
    here = table[(table["part"] == "all") & (table["step"] == 5)].set_index("quantity")
    assert here.loc["final_right_if_wrong", ["n", "mean"]].tolist() == [4, 0.25]
    assert here.loc["final_right_if_open", ["n", "mean"]].tolist() == [1, 1.0]
    assert "final_right_if_right" not in here.index
    assert here.loc["wrong", "mean"] == 0.8
    assert here.loc["entropy", "mean"] == pytest.approx(np.log(2) / 5)


def test_partial_answers_are_those_with_a_score_that_are_not_right():
    run = readouts_of("a", [-1, -1, 1, 0], score=[0.0, 0.5, 0.5, 1.0])
    assert correction.states(run, index_of(run))["partial"].tolist() == [0, 1, 1, 0]


def test_gains_are_tested_by_case_and_not_by_flip():
    gain, loss, still = [1] * N + [0], [0] * N + [1], [0] * (N + 1)
    spread = [readouts_of(f"c{i}", gain) for i in range(8)]
    one_case = [readouts_of("same", gain, seed=i) for i in range(8)]
    one_case += [readouts_of(f"still{i}", still) for i in range(4)]
    for tables, p in ((spread, 2 / 2**8), (one_case, 1.0)):
        rows = pd.concat(tables, ignore_index=True)
        table = correction.correction_tests(rows, index_of(rows), **FEW)
        whole = table[(table["part"] == "all") & (table["span"] == "run")]
        row = whole[(whole["change"] == "strict") & (whole["step"] == 0)].iloc[0]
        assert row[["gained", "lost"]].tolist() == [8, 0]
        assert row["mcnemar_p"] == pytest.approx(binomtest(8, 8).pvalue)
        assert row["p"] == pytest.approx(p)
    rows = pd.concat([*spread[:2], readouts_of("d", loss)], ignore_index=True)
    table = correction.correction_tests(rows, index_of(rows), **FEW)
    steps = table[(table["part"] == "all") & (table["span"] == "steps")]
    assert steps[["gained", "lost"]].to_numpy().tolist() == [[2, 1], [2, 1]]
    assert steps["net"].tolist() == pytest.approx([1 / 3, 1 / 3])


def test_wide_changes_count_completions_and_strict_ones_do_not():
    rows = pd.concat([readouts_of(c, [-1] * N + [0]) for c in "ab"], ignore_index=True)
    table = correction.correction_tests(rows, index_of(rows), **FEW)
    first = table[(table["part"] == "all") & (table["step"] == 0)].set_index("change")
    assert first.loc["strict", ["gained", "lost", "net"]].tolist() == [0, 0, 0]
    assert first.loc["wide", ["gained", "lost", "net"]].tolist() == [2, 0, 1]
    # no change in two cases does not show that there never is one
    assert first.loc["strict", "low"] < -0.3
    assert first.loc["strict", "high"] > 0.3


def test_puzzles_with_several_right_answers_are_apart():
    rows = pd.concat([readouts_of("a", [-1] * N + [0]), readouts_of("b", [0] * (N + 1))])
    table = correction.correction_tests(rows, index_of(rows, several=["a"]), **FEW)
    kinds = table[(table["part"] == "solutions") & (table["change"] == "wide")]
    gained = kinds[kinds["step"] == 0].set_index("solutions")["gained"]
    assert gained.to_dict() == {"several": 1, "one": 0}
