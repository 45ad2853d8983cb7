"""The methods that choose among runs, and the comparison at equal compute."""

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.ensemble.comparison import (
    CEILING,
    ENSEMBLE,
    LOOP,
    REFERENCE,
    SINGLE,
    compare,
    control_of,
    methods,
    most_agreed,
)
from chain_of_steps.experiments.ensemble.reach import beyond_reach
from chain_of_steps.measures import vote
from chain_of_steps.statistics.resampling import Resampling

LABELS = {"model": "m", "case": "c", "task": "t", "split": "in-domain"}


@pytest.mark.parametrize(
    ("answers", "winner"),
    [([2, 5, 5], 1), ([3, 1, 2], 0), ([-1, -1, 4], 2), ([-1, -1, -1], 0), ([1, 2, 2, 1], 0)],
)
def test_vote(answers, winner):
    assert vote(np.array(answers)) == winner


def test_most_agreed_is_the_run_nearest_to_the_mean():
    assert most_agreed(np.array([[1.0, 0], [0.9, 0.1], [0, 1.0]])) == 1


def readouts() -> pd.DataFrame:
    """One case, three seeds, two steps: seeds 1 and 2 end right, seed 0 wrong. Another case."""
    rows = []
    for seed, answers in enumerate(([1, 1, 1], [0, 1, 0], [0, 0, 0])):
        for step, answer in enumerate(answers):
            rows.append(
                LABELS
                | {"seed": seed, "step": step, "answer": answer, "correct": answer == 0}
                | {"score": float(answer == 0), "evidence": np.eye(2)[answer]}
            )
    return pd.DataFrame([*rows, *(row | {"case": "not of the table"} for row in rows)])


def runs() -> pd.DataFrame:
    """Of one step by every seed, of which the first two end right; a loop; an ensemble."""
    kinds = [
        *((SINGLE, f"{SINGLE}, 1 step", seed, seed == 2, 1) for seed in range(3)),
        (LOOP, "2 passes at sigma 0.7", 0, 0, 4),
        (ENSEMBLE, "ensemble", 0, 1, 4),
    ]
    return pd.DataFrame(
        LABELS
        | {"seed": seed, "kind": kind, "method": method, "answer": int(answer), "nfe": nfe}
        | {"correct": float(answer == 0), "score": 0.5, "dose": 0.1 if kind == ENSEMBLE else np.nan}
        for kind, method, seed, answer, nfe in kinds
    )


def test_methods_choose_among_runs_of_the_same_cases():
    table = methods(readouts(), runs(), [0, 1, 2], [0.5, 1.0]).set_index("method")
    assert set(table["case"]) == {"c"}
    right = table["correct"].to_dict()
    assert right[SINGLE] == 0
    assert right["best of 3 by chance"] == pytest.approx(2 / 3)
    assert np.isnan(table["answer"]["best of 3 by chance"])
    assert right["majority of 3"] == right["oracle of 3"] == 1
    assert right[f"{SINGLE}, 1 step"] == 1
    assert right["majority of 3, 1 step"] == 1
    assert right["best of 3 by chance, 1 step"] == pytest.approx(2 / 3)
    # after one step 0, 0 beats 1; after two steps 1, 1 beats 0 and the first of them goes on
    assert right["vote after step 1"] == 1
    assert right["vote after step 2"] == 0
    assert table["nfe"].to_dict() == {
        SINGLE: 2,
        f"{SINGLE}, 1 step": 1,
        "2 passes at sigma 0.7": 4,
        "ensemble": 4,
        **dict.fromkeys(["best of 3 by chance", "majority of 3", "oracle of 3"], 6),
        **{f"{name} of 3, 1 step": 3 for name in ("majority", "oracle")},
        "best of 3 by chance, 1 step": 3,
        **{"vote after step 1": 4, "most agreed after step 1": 4},
        **{"vote after step 2": 6, "most agreed after step 2": 6},
    }


def test_stored_runs_cost_twice_as_much_with_guidance():
    found = [
        methods(readouts(), runs(), [0, 1, 2], [0.5], passes).set_index("method")["nfe"]
        for passes in (1, 2)
    ]
    for method in (SINGLE, "majority of 3", "vote after step 1"):
        assert found[1][method] == 2 * found[0][method]


def test_methods_want_every_seed():
    with pytest.raises(UserError, match="2 of 3 seeds"):
        methods(readouts().query("seed < 2"), runs(), [0, 1, 2], [0.5])


def test_one_seed_leaves_nothing_to_choose_among():
    found = methods(readouts(), runs().query("seed == 0"), [0], [0.5])
    assert set(found["method"]) == {
        SINGLE,
        f"{SINGLE}, 1 step",
        "2 passes at sigma 0.7",
        "ensemble",
    }


def table_of(values: dict[str, np.ndarray], nfe: dict[str, int], kinds: dict | None = None):
    return pd.DataFrame(
        {"method": method, "kind": (kinds or {}).get(method, SINGLE), "case": f"c{case}"}
        | {"task": f"t{case % 4}", "correct": value, "answer": value, "nfe": nfe[method]}
        | {"dose": np.nan}
        for method, found in values.items()
        for case, value in enumerate(found)
    )


def test_a_method_is_set_against_the_single_run_of_its_price():
    nfe = {SINGLE: 50, f"{SINGLE}, 8 steps": 8, f"{SINGLE}, 24 steps": 24, "loop": 24}
    nfe |= {"majority": 12, "ensemble": 52, "votes": 150, "cheap": 4, "truth": 0}
    kinds = {"loop": LOOP, "majority": CEILING, "ensemble": ENSEMBLE, "votes": CEILING}
    kinds |= {"cheap": CEILING, "truth": REFERENCE}
    rows = table_of(dict.fromkeys(nfe, np.zeros(1)), nfe, kinds)
    assert {method: control_of(rows, method) for method in nfe} == {
        SINGLE: None,
        f"{SINGLE}, 8 steps": SINGLE,
        f"{SINGLE}, 24 steps": SINGLE,
        "loop": f"{SINGLE}, 24 steps",
        "majority": f"{SINGLE}, 8 steps",
        "ensemble": SINGLE,
        "votes": SINGLE,
        "cheap": None,
        "truth": None,
    }


def test_compare_finds_a_gain_that_is_there_and_none_that_is_not():
    rng = np.random.default_rng(0)
    single = (rng.random(200) < 0.5).astype(float)
    better, same = np.maximum(single, rng.random(200) < 0.3), rng.permutation(single)
    rows = table_of(
        {SINGLE: single, "better": better, "same": same},
        {SINGLE: 10, "better": 20, "same": 20},
        {"better": LOOP, "same": LOOP},
    )
    table = compare(rows, resampling=Resampling(300, 0)).set_index("method")
    found = table.loc["better"]
    assert found["mean"] == pytest.approx(better.mean()) and found["n"] == 200
    assert found["difference"] == pytest.approx((better - single).mean())
    assert 0 < found["difference_low"] < found["difference"] < found["difference_high"]
    assert found["p"] < 0.01 and found["against"] == SINGLE
    assert found["changed"] == (better != single).sum()
    assert table["difference"]["same"] == pytest.approx(0)
    assert table["difference_low"]["same"] < 0 < table["difference_high"]["same"]
    assert table["p"]["same"] > 0.05
    assert np.isnan(table["difference"][SINGLE])


def test_no_change_says_how_many_there_could_be():
    rows = table_of(
        {SINGLE: np.ones(8), "ensemble": np.ones(8)},
        {SINGLE: 4, "ensemble": 6},
        {"ensemble": ENSEMBLE},
    )
    found = compare(rows, resampling=Resampling(100, 0)).set_index("method").loc["ensemble"]
    assert (found["difference"], found["changed"], found["p"]) == (0, 0, 1)
    assert found["difference_low"] < 0 < found["difference_high"]
    # Wilson's upper end at k = 0 in closed form
    assert found["changed_high"] == pytest.approx(1.959964**2 / (8 + 1.959964**2), rel=1e-5)


def test_chains_beyond_the_reach_are_longer_than_what_half_answer_at_once():
    """Right at step 0 up to three hops; what is lit, or no chain, is left out."""
    rows = [
        {"case": f"{task}/{need}", "task": task, "seed": seed, "step": step}
        | {"need": 0 if task == "chain_lit" else need, "correct": need <= 3 or step > 0}
        for task in ("chain", "chain_back", "chain_lit", "maze")
        for need in range(1, 7)
        for seed in range(2)
        for step in range(3)
    ]
    looks = pd.DataFrame(rows)
    chains = ("chain", "chain_back")
    assert beyond_reach(looks) == {f"{task}/{need}" for task in chains for need in (4, 5, 6)}
    assert beyond_reach(looks[looks["task"] == "maze"]) == set()
