"""Outcomes of the ensemble, case by case."""

import pandas as pd

from chain_of_steps.experiments.ensemble.comparison import SINGLE
from chain_of_steps.experiments.ensemble.outcomes import ensemble_outcomes


def test_a_method_has_its_score_and_whether_it_changed_anything():
    rows = [
        {"model": "m", "case": case, "task": "maze", "split": "in-domain", "method": method}
        | {"answer": 0, "correct": 1.0, "score": score, "nfe": 50}
        for case, single, other in (("a", 0.5, 0.5), ("b", 0.5, 1.0))
        for method, score in ((SINGLE, single), ("ensemble", other))
    ]
    rows[-1]["dose"] = 0.01
    rows.append({**rows[-1], "case": "c"})  # without a single run to compare with
    cases = pd.DataFrame({"case": ["a", "b", "c"], "solutions": 1, "need": 2})
    table = ensemble_outcomes(pd.DataFrame(rows), cases)
    found = table[table["condition"] == "ensemble"].set_index(["outcome", "case"])["value"]
    assert found["score"].to_dict() == {"a": 0.5, "b": 1.0, "c": 1.0}
    assert found["changed"].to_dict() == {"a": 0.0, "b": 1.0}
    assert found["dose"].to_dict() == {"b": 0.01, "c": 0.01}
    single = table[(table["condition"] == SINGLE) & (table["outcome"] == "changed")]
    assert (single["value"] == 0).all()
