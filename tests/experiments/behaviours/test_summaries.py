"""Summaries, verdicts and examples of the behaviours."""

import numpy as np
import pandas as pd
import pytest
from behaving import FEW, N, evidence_rows, index_of, readouts_of

from chain_of_steps.experiments.behaviours.examples import picks
from chain_of_steps.experiments.behaviours.summaries import means, paired, pooled
from chain_of_steps.experiments.behaviours.verdicts import dispute, judge_row


def test_means_leave_out_what_is_missing_and_count_cases():
    frame = pd.DataFrame({"g": "x", "case": ["a", "a", "b", "c"], "v": [1.0, 3.0, 5.0, np.nan]})
    row = means(frame, ["g"], ["v"], test=True, **FEW).iloc[0]
    assert row[["n", "cases", "mean"]].tolist() == [3, 2, 3.0]
    assert row["p"] == 0.5  # two cases of one sign: two of the four patterns reach it


def test_pooled_rows_come_again_under_all():
    frame = pd.DataFrame({"task": ["a", "b"], "split": ["x", "y"]})
    found = pooled(frame, "task", "split").value_counts().to_dict()
    assert found[("all", "all")] == 2
    assert found[("a", "all")] == found[("all", "x")] == found[("a", "x")] == 1


def test_paired_takes_what_both_sides_have():
    rows = pd.DataFrame(
        {
            "case": ["a", "b", "a", "c"],
            "condition": ["one", "one", "other", "other"],
            "v": [3.0, 9.0, 1.0, 7.0],
        }
    )
    assert paired(rows, "one", "other", ["case"], ["v"]).to_dict("list") == {
        "case": ["a"],
        "v": [2],
    }


@pytest.mark.parametrize(
    ("low", "high", "p", "against", "verdict"),
    [
        (0.1, 0.3, 0.01, 0.0, "holds"),
        (0.1, 0.3, 0.2, 0.0, "undecided"),
        (-0.3, -0.1, 0.01, 0.0, "reversed"),
        (-0.1, 0.3, 0.01, 0.0, "undecided"),
        (0.6, 0.7, 0.01, 0.5, "holds"),
        (0.1, 0.3, 0.9, 0.5, "reversed"),
        (np.nan, np.nan, 0.01, 0.0, "undecided"),
    ],
)
def test_a_verdict_can_come_out_either_way(low, high, p, against, verdict):
    row = {"model": "m", "n": 9, "cases": 9, "mean": 0.2, "low": low, "high": high, "p": p}
    assert judge_row(pd.DataFrame([row]), "claim", "control", against)["verdict"] == verdict


@pytest.mark.parametrize(
    ("firm", "early", "side"),
    [
        ("holds", "undecided", "sides with self-correction"),
        ("undecided", "holds", "fixed within the first steps"),
        ("reversed", "undecided", "decides for neither"),
    ],
)
def test_the_dispute_is_told_as_the_numbers_have_it(firm, early, side):
    rows = [
        (
            "corrections_exceed_corruptions",
            "strict, from step 0, in-domain, one right answer",
            firm,
        ),
        (
            "corrections_exceed_corruptions",
            "wide, from step 0, in-domain, one right answer",
            "undecided",
        ),
        ("most_committed_early", "in-domain, one right answer", early),
    ]
    verdicts = pd.DataFrame(
        [{"model": "m", "claim": c, "control": k, "verdict": v} for c, k, v in rows]
    )
    known = {"model": "m", "part": "kind", "solutions": "one", "split": "in-domain"}
    known |= {"span": "run", "step": 0, "net": 0.25}
    known |= {"gained": 7, "lost": 3, "low": 0.125, "high": 0.5}
    tests = pd.DataFrame([{**known, "change": change} for change in ("strict", "wide")])
    text = dispute(verdicts, tests, "m")
    assert side in text
    assert ("(7) outnumber corruptions (3; net a run 0.250 [0.125 to 0.500])" in text) == (
        firm == "holds"
    )
    assert "nothing is said" in dispute(verdicts, tests, "another")


def test_examples_are_picked_by_rule():
    fixed = [0] * (N + 1)
    corrected = {case: [1] * k + [0] * (N + 1 - k) for case, k in (("p", 3), ("q", 9), ("r", 15))}
    tables = [readouts_of("a", fixed, task="reappear")]
    tables += [readouts_of(case, run, task="bounce") for case, run in corrected.items()]
    tables.append(readouts_of("s", [1, 0, 1] + [1] * (N - 2), task="polyomino"))
    tables += [readouts_of(f"m{i}", fixed, task="move") for i in range(3)]
    rows = pd.concat(tables, ignore_index=True)
    lags = pd.concat([evidence_rows(f"m{i}", 0, "clean", 1, 1 + 2 * i) for i in range(3)])
    found = {pick.panel: (pick.rule, pick.case) for pick in picks(rows, lags, index_of(rows))}
    assert found == {
        "a": ("typical", "a"),
        "c": ("corrected", "q"),
        "d": ("flips", "s"),
        "median lag": ("lag", "m1"),
        "long lag": ("lag", "m2"),
    }
