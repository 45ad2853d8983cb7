"""What videos scored by VBVR-Bench came to, run by run, as claims are judged on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from chain_of_steps.experiments.noise.tables import run_means, weighed
from chain_of_steps.outcomes import OF_A_CASE, RUN, joined, outcome

CLEAN, ESTIMATE, TUNED, BASE = "clean", "clean estimate", "tuned", "base"
SCORE = "score"


def vbvr_outcomes(
    scores: pd.DataFrame, cases: pd.DataFrame, bases: Mapping[str, str], n_steps: int
) -> pd.DataFrame:
    """Rows as `outcomes` has them: score, the task_specific one in [0, 1], by condition.

        clean                 a run's video
        clean estimate        its clean estimate at a step
        <method>              averaged by a method of the ensemble, such as ensemble
        step, <mode>          under noise at a step, one by one; and the mean over the disturbed
                              steps, each standing for those nearest to it, but for step 0, where
                              noise is another seed
        <kind>, <mode>        under noise of another kind, the mean over what is disturbed
        tuned, base           of a case: what a model that was tuned from another one scores, and
                              what that other one does

    scores: as `score_videos` gives them, of all runs; a video without a score has no row.
    cases: their index. bases: model -> the model that it was tuned from.
    """
    runs = scores[scores["condition"] != "reference"].reset_index(drop=True)
    runs = runs.astype({"seed": int})
    parts = dict(iter(runs.groupby("condition")))
    none = runs.iloc[:0]
    clean, steps = parts.get("clean", none), parts.get("steps", none)
    tables = [
        outcome(clean, SCORE, clean[SCORE], condition=CLEAN),
        outcome(steps, SCORE, steps[SCORE], condition=ESTIMATE, step=steps["step"].astype(float)),
        *_averaged(parts.get("ensemble", none)),
        *_disturbed(parts.get("noise", none), n_steps),
        *_tuned(clean, bases),
    ]
    index = cases if "solutions" in cases else cases.assign(solutions=1)
    return joined(tables, index)


def _averaged(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for method, mine in rows.groupby("label"):
        yield outcome(mine, SCORE, mine[SCORE], condition=method)


def _disturbed(rows: pd.DataFrame, n_steps: int) -> Iterator[pd.DataFrame]:
    at_step = rows["kind"] == "step"
    rows = rows[~at_step | (rows["index"] > 0)].dropna(subset=SCORE)
    for (kind, mode), mine in rows.groupby(["kind", "mode"]):
        condition = f"{kind}, {mode}"
        means = run_means(weighed(mine, n_steps), RUN, [SCORE]).reset_index()
        yield outcome(means, SCORE, means[SCORE], condition=condition)
        if kind == "step":
            at = mine["index"].astype(float)
            yield outcome(mine, SCORE, mine[SCORE], condition=condition, step=at)


def _tuned(clean: pd.DataFrame, bases: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    """A model and its base may have runs of other seeds: cases are compared, not runs."""
    for model, base in bases.items():
        for condition, name in ((TUNED, model), (BASE, base)):
            mine = clean[clean["model"] == name]
            found = mine.groupby(["case", "task", "split"], as_index=False)[SCORE].mean()
            found = found.assign(model=model, seed=OF_A_CASE)
            yield outcome(found, SCORE, found[SCORE], condition=condition)
