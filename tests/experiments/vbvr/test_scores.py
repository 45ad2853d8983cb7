"""Scores: means over samples, and videos that are missing."""

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr.scores import check_counts, summarise_scores
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.video import video_facts, write_mp4


def refused(*words: str):
    return pytest.raises(UserError, match=".*".join(words))


def scores_of(values: dict[str, list[float]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of runs by label, over four cases of two tasks; and the cases."""
    cases = pd.DataFrame(
        {
            "case": ["in-domain/a/0", "in-domain/a/1", "out-of-domain/b/0", "out-of-domain/b/1"],
            "task": ["a", "a", "b", "b"],
            "split": ["in-domain"] * 2 + ["out-of-domain"] * 2,
            "family": ["Knowledge", "Knowledge", "Spatiality", "Spatiality"],
        }
    )
    tables = []
    for label, score in values.items():
        condition = "clean" if label == "single run" else "ensemble"
        table = cases[["case", "task", "split"]].assign(score=score, label=label, seed=0)
        none = dict.fromkeys(("kind", "mode", "index", "step", "sigma"), np.nan)
        table = table.assign(model="m", condition=condition, **none)
        said = {"scorer": "a scorer", "pro_scorer": None, "pro": np.nan}
        tables.append(table.assign(head=table["score"], **said))
    return pd.concat(tables, ignore_index=True), cases


def test_means_are_over_samples_and_a_missing_score_is_no_zero():
    scores, cases = scores_of(
        {"single run": [0.5, 0.7, 0.1, 0.3], "other way": [0.6, 0.9, np.nan, 0.2]}
    )
    table = summarise_scores(scores, cases, resampling=Resampling(100, 0))
    whole = table[table["part"] == "all"].set_index("label")
    single, other = whole.loc["single run"], whole.loc["other way"]
    assert single["mean"] == pytest.approx(0.4)
    assert (single["n"], single["missing"], single["videos"]) == (4, 0, 4)
    assert other["mean"] == pytest.approx((0.6 + 0.9 + 0.2) / 3)
    assert (other["n"], other["missing"], other["videos"]) == (3, 1, 4)
    assert other["difference"] == pytest.approx((0.1 + 0.2 - 0.1) / 3)
    assert other["pairs"] == 3
    assert np.isnan(single["difference"])
    # the tasks' means are 0.6 and 0.2: resampling them gives one, the other or both
    assert (single["low"], single["high"]) == pytest.approx((0.2, 0.6))
    parts = table[table["label"] == "single run"].set_index(["part", "split"])["mean"]
    assert parts["split", "in-domain"] == pytest.approx(0.6)
    assert parts["family", "out-of-domain"] == pytest.approx(0.2)


def test_what_others_count_stands_beside_the_mean():
    scores, cases = scores_of({"single run": [0.5, 0.7, 0.1, np.nan]})
    scores["head"] = [0.5, 0.0, 0.1, np.nan]
    scores["pro"], scores["pro_scorer"] = [0.2, np.nan, 0.4, 0.6], "rules 1"
    table = summarise_scores(scores, cases, resampling=Resampling(100, 0))
    whole = table[table["part"] == "all"].iloc[0]
    assert whole["mean"] == pytest.approx(1.3 / 3) and whole["head"] == pytest.approx(0.2)
    assert whole["pro"] == pytest.approx(0.4) and whole["pro_n"] == 3
    assert (whole["scorer"], whole["pro_scorer"]) == ("a scorer", "rules 1")


def test_a_run_without_any_score_is_kept_and_has_no_mean():
    scores, cases = scores_of({"single run": [0.5, 0.7, 0.1, 0.3], "broken": [np.nan] * 4})
    table = summarise_scores(scores, cases, resampling=Resampling(100, 0))
    broken = table[(table["label"] == "broken") & (table["part"] == "all")].iloc[0]
    assert (broken["n"], broken["missing"]) == (0, 4)
    assert np.isnan(broken["mean"])


def test_a_missing_or_repeated_video_is_an_error():
    scores, cases = scores_of({"single run": [0.5, 0.7, 0.1, 0.3]})
    check_counts(scores, cases)
    with refused("single run of m, seed 0", "3 of 4", "out-of-domain/b/1"):
        check_counts(scores.iloc[:3], cases)
    with refused("in-domain/a/0 twice"):
        check_counts(pd.concat([scores, scores.iloc[:1]]), cases)
    with refused("is no case"):
        check_counts(pd.concat([scores, scores.iloc[:1].assign(case="x/y/z")]), cases)


def test_video_facts_count_frames(tmp_path):
    write_mp4(tmp_path / "a.mp4", np.zeros((7, 32, 48, 3), np.uint8), fps=12)
    assert video_facts(tmp_path / "a.mp4") == {"frames": 7, "width": 48, "height": 32, "fps": 12.0}
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with refused("b.mp4 is not a readable video"):
        video_facts(tmp_path / "b.mp4")
