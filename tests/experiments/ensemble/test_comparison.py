"""The rivals of the ensemble, and the comparison at equal compute."""

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.ensemble.comparison import SINGLE, compare, most_agreed, rivals
from chain_of_steps.measures import vote
from chain_of_steps.statistics.resampling import Resampling


@pytest.mark.parametrize(
    ("answers", "winner"),
    [([2, 5, 5], 1), ([3, 1, 2], 0), ([-1, -1, 4], 2), ([-1, -1, -1], 0), ([1, 2, 2, 1], 0)],
)
def test_vote(answers, winner):
    assert vote(np.array(answers)) == winner


def test_most_agreed_is_the_run_nearest_to_the_mean():
    assert most_agreed(np.array([[1.0, 0], [0.9, 0.1], [0, 1.0]])) == 1


def readouts() -> pd.DataFrame:
    """One case, three seeds, two steps: seeds 1 and 2 end right, seed 0 wrong."""
    rows = []
    for seed, answers in enumerate(([1, 1, 1], [0, 1, 0], [0, 0, 0])):
        for step, answer in enumerate(answers):
            rows.append(
                {
                    "model": "m",
                    "case": "c",
                    "task": "t",
                    "split": "in-domain",
                    "seed": seed,
                    "step": step,
                    "answer": answer,
                    "correct": answer == 0,
                    "score": float(answer == 0),
                    "evidence": np.eye(2)[answer],
                }
            )
    return pd.DataFrame(rows)


def test_rivals_choose_among_the_clean_runs():
    table = rivals(readouts(), [0, 1, 2], [0.5, 1.0]).set_index("method")
    assert table.loc[SINGLE, "correct"] == 0
    assert table.loc["best of 3 by chance", "correct"] == pytest.approx(2 / 3)
    assert table.loc["majority of 3", "correct"] == 1
    assert table.loc["oracle of 3", "correct"] == 1
    # after one step 0, 0 beats 1; after two steps 1, 1 beats 0 and the first of them goes on
    assert table.loc["vote after step 1", "correct"] == 1
    assert table.loc["vote after step 2", "correct"] == 0
    assert table["nfe"].to_dict() == {
        SINGLE: 2,
        "best of 3 by chance": 6,
        "majority of 3": 6,
        "oracle of 3": 6,
        "vote after step 1": 4,
        "most agreed after step 1": 4,
        "vote after step 2": 6,
        "most agreed after step 2": 6,
    }


def test_rivals_cost_twice_as_much_with_guidance():
    once, twice = (rivals(readouts(), [0, 1, 2], [0.5], passes=passes) for passes in (1, 2))
    assert (twice["nfe"] == 2 * once["nfe"]).all()


def test_rivals_want_every_seed():
    with pytest.raises(UserError, match="2 of 3 seeds"):
        rivals(readouts().query("seed < 2"), [0, 1, 2], [0.5])


def test_compare_finds_a_gain_that_is_there_and_none_that_is_not():
    rng = np.random.default_rng(0)
    single = rng.random(200)
    rows = []
    for method, scores in ((SINGLE, single), ("better", single + 0.1), ("same", single[::-1])):
        for case, score in enumerate(scores):
            rows.append(
                {
                    "method": method,
                    "case": f"c{case}",
                    "task": f"t{case % 4}",
                    "score": score,
                    "correct": float(score > 0.5),
                    "nfe": 10,
                }
            )
    table = compare(pd.DataFrame(rows), resampling=Resampling(300, 0)).set_index(
        ["method", "quantity"]
    )
    better = table.loc[("better", "score")]
    assert better["difference"] == pytest.approx(0.1)
    assert better["difference_low"] > 0
    assert better["p"] < 0.01
    same = table.loc[("same", "score")]
    assert same["difference_low"] < 0 < same["difference_high"]
    assert same["p"] > 0.05
    # the known formula, with the spread of the differences
    spread = np.std(single[::-1] - single, ddof=1)
    assert same["detectable"] == pytest.approx((1.959964 + 0.841621) * spread / 200**0.5, rel=1e-5)
    assert better["changed"] == 200
    assert same["changed"] == np.sum(np.abs(single[::-1] - single) > 1e-6)


def test_compare_pairs_a_method_with_the_single_run_on_its_own_cases():
    rows = [
        {"method": SINGLE, "case": f"c{i}", "task": "t", "score": i / 8, "correct": 0.0, "nfe": 4}
        for i in range(8)
    ]
    rows += [{**row, "method": "part", "score": row["score"]} for row in rows[:4]]
    part = compare(pd.DataFrame(rows), resampling=Resampling(100, 0)).set_index(
        ["method", "quantity"]
    )
    part = part.loc[("part", "score")]
    assert (part["n"], part["difference"], part["changed"]) == (4, 0.0, 0)
    # Wilson's upper end at k = 0 in closed form
    assert part["changed_high"] == pytest.approx(1.959964**2 / (4 + 1.959964**2), rel=1e-5)


def test_controls_with_few_cases_of_a_task_have_intervals_as_wide_as_without_tasks():
    rng = np.random.default_rng(1)
    scores = {SINGLE: rng.random(16), "control": rng.random(16)}
    rows = [
        {"method": method, "case": f"c{i}", "task": f"t{i}", "score": x, "correct": 0.0, "nfe": 4}
        for method, values in scores.items()
        for i, x in enumerate(values)
    ]
    control = compare(pd.DataFrame(rows), resampling=Resampling(4000, 0)).set_index(
        ["method", "quantity"]
    )
    control = control.loc[("control", "score")]
    gained = scores["control"] - scores[SINGLE]
    for values, low, high in (
        (scores["control"], "low", "high"),
        (gained, "difference_low", "difference_high"),
    ):
        error = np.std(values) / 16**0.5
        assert (control[high] - control[low]) / 2 == pytest.approx(1.96 * error, rel=0.1)
