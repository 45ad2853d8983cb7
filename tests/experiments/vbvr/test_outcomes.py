"""Scores as claims read them: made-up scores, their means taken by hand, and the verdicts."""

import math

import numpy as np
import pandas as pd
import pytest
from repository import ROOT

from chain_of_steps.artifacts import write_table
from chain_of_steps.cli import main
from chain_of_steps.experiments.vbvr.outcomes import vbvr_outcomes
from chain_of_steps.outcomes import COLUMNS
from chain_of_steps.statistics.verdicts import FAILS, HOLDS, UNMEASURED

CASES = pd.DataFrame(
    [
        {"case": f"{split}/{task}/{n:05d}", "task": task, "split": split, "family": "Perception"}
        for split, task in (("in-domain", "a"), ("out-of-domain", "b"))
        for n in range(40)
    ]
)
NONE = {"kind": None, "mode": None, "index": math.nan, "step": math.nan, "sigma": math.nan}
NEW = ("noise-at-step-destroys-vbvr", "ensemble-gains-vbvr", "table1-scores")


def rows(model: str, condition: str, label: str, score, seed: float = 1, **labels) -> pd.DataFrame:
    """Scores of one run of all cases; score: a number for all, or one for each."""
    named = {"model": model, "condition": condition, "label": label, "seed": seed}
    return CASES[["case", "task", "split"]].assign(**NONE | named | labels, score=score)


def noise(score, at: int, kind: str = "step", mode: str = "replace", **more) -> pd.DataFrame:
    where = {"kind": kind, "mode": mode, "index": at}
    return rows("tuned", "noise", f"noise, {kind} {at}, {mode}", score, **where, **more)


def taken(found: pd.DataFrame, case: str, condition: str, **labels) -> list[float]:
    mine = found[(found["case"] == case) & (found["condition"] == condition)]
    for name, wanted in labels.items():
        mine = mine[mine[name].isna() if wanted is None else mine[name] == wanted]
    return mine["value"].tolist()


def test_each_condition_has_its_own_scores():
    spread = np.linspace(0.1, 0.9, len(CASES))
    missing = spread.copy()
    missing[2] = math.nan
    scores = pd.concat(
        [
            rows("tuned", "clean", "single run", spread),
            rows("tuned", "clean", "single run", missing, seed=2),
            rows("base", "clean", "single run", spread / 2, seed=7),
            rows("tuned", "steps", "step 4", spread / 4, step=4),
            rows("tuned", "ensemble", "ensemble", spread / 3, kind="ensemble"),
            rows("tuned", "ensemble", "ensemble, late layers", 0.5, kind="ensemble, late layers"),
            # step 0 is another seed; 2 of 10 is nearest to 0..3, and half way to 6; 6 to the rest
            *(noise(score, at) for at, score in ((0, 1.0), (2, 0.5), (6, 0.1))),
            noise(0.7, 3, "frame"),
            noise(0.9, 5, "frame"),
            rows("none", "reference", "truth", 1.0, seed=math.nan, kind="truth"),
        ]
    )
    found = vbvr_outcomes(scores, CASES, {"tuned": "base"}, 10)
    assert tuple(found.columns) == COLUMNS
    assert set(found["model"]) == {"tuned", "base"}
    third, value = CASES["case"][2], spread[2]
    assert taken(found, third, "clean", model="tuned", seed=1) == [value]
    assert taken(found, third, "clean", model="tuned", seed=2) == []  # no score is no 0
    assert taken(found, third, "clean estimate", step=4) == [value / 4]
    assert taken(found, third, "ensemble") == [value / 3]
    assert taken(found, third, "ensemble, late layers") == [0.5]
    assert taken(found, third, "step, replace", step=6) == [0.1]
    assert taken(found, third, "step, replace", step=0) == []
    assert taken(found, third, "step, replace", step=None) == pytest.approx(
        [0.45 * 0.5 + 0.55 * 0.1]
    )
    assert taken(found, third, "frame, replace") == pytest.approx([0.8])
    assert taken(found, third, "tuned", model="tuned") == [value]
    assert taken(found, third, "base", model="tuned") == [value / 2]
    assert taken(found, CASES["case"][3], "tuned") == [spread[3]]
    assert not {"tuned", "base"} & set(found.loc[found["model"] == "base", "condition"])


def claims(folder, scores: pd.DataFrame, *, models: str) -> pd.DataFrame:
    """The claims page of a study of these scores: verdicts by claim and model."""
    tables = folder / "tables"
    tables.mkdir()
    bases = {"tuned": "base"} if "base:" in models else {}
    write_table(tables / "vbvr_outcomes.parquet", vbvr_outcomes(scores, CASES, bases, 10))
    config = folder / "c.yaml"
    config.write_text(
        "study: s\nexperiments: [vbvr]\nsampler: {steps: 10}\nseeds: [1]\n"
        "vbvr: {conditions: [clean, steps, noise, ensemble]}\nensemble: {k: 1}\n"
        "cases: {source: vbvr-bench, path: data, tasks: null}\nstatistics: {resamples: 200}\n"
        f"video: {{frames: null}}\nmodels: {models}\n"
    )
    given = ("--config", config, "--tables", tables, "--out", folder / "claims.csv")
    expected = ROOT / "workflow/paper/expected.yaml"
    assert main(["claims", *map(str, given), "--expected", str(expected)]) == 0
    return pd.read_csv(folder / "claims.csv").set_index(["id", "model"])


BOTH = "{tuned: {path: a, base: base}, base: {path: b}}"


def study(noisy: float, gain: float, base: float) -> pd.DataFrame:
    """Scores of single runs near 0.6, what noise leaves, what the ensemble gains, and a base."""
    rng = np.random.default_rng(0)
    clean, off, away = rng.uniform(
        [[0.5], [-0.04], [-0.04]], [[0.7], [0.04], [0.04]], (3, len(CASES))
    )
    return pd.concat(
        [
            rows("tuned", "clean", "single run", clean),
            rows("base", "clean", "single run", clean - base + off - off.mean()),
            rows("tuned", "steps", "step 0", 0.2, step=0),
            rows("tuned", "ensemble", "ensemble", clean + gain + away - away.mean()),
            *(noise(noisy + rng.uniform(-0.02, 0.02, len(CASES)), at) for at in (0, 3, 6)),
        ]
    )


@pytest.mark.parametrize(
    ("scores", "word"), [((0.1, 0.06, 0.3), HOLDS), ((0.55, -0.05, -0.05), FAILS)]
)
def test_a_study_of_the_bench_tests_three_claims(tmp_path, scores, word):
    found = claims(tmp_path, study(*scores), models=BOTH)
    for name in NEW:
        assert found.loc[(name, "tuned"), "verdict"] == word
        assert found.loc[(name, "base"), "verdict"] == UNMEASURED
    assert found.loc[(NEW[1], "tuned"), "ours"] == pytest.approx(scores[1])
    assert found.loc[(NEW[2], "tuned"), "ours"] == pytest.approx(scores[2])
    assert found.loc[(NEW[0], "tuned"), "baseline"] == pytest.approx(0.6, abs=0.05)


def test_what_is_not_in_the_study_is_said(tmp_path):
    scores = study(0.1, 0.1, 0.3)
    scores = scores[(scores["condition"] == "clean") & (scores["model"] == "tuned")]
    found = claims(tmp_path, scores, models="{tuned: {path: a}}")
    reasons = {name: found.loc[(name, "tuned")] for name in NEW}
    assert {row["verdict"] for row in reasons.values()} == {UNMEASURED}
    assert reasons[NEW[0]]["reason"] == "no video of this model under noise is scored"
    assert reasons[NEW[1]]["reason"] == "no video of this model's ensemble is scored"
    assert reasons[NEW[2]]["reason"] == "the study has no base of this model"


def test_every_case_is_of_one_kind():
    """Bench cases have no solutions that could be counted, and no need."""
    found = vbvr_outcomes(rows("m", "clean", "single run", 0.5), CASES, {}, 10)
    assert set(found["solutions"]) == {"one"} and found["need"].isna().all()
