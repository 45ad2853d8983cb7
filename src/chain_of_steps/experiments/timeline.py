"""The decision timeline: when does the clean estimate read as the final answer?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from chain_of_steps.measures import NO_ANSWER, commitment_step
from chain_of_steps.stats import group_mean_ci

RUN = ["model", "case", "seed"]


def with_solution_kind(readouts: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Adds the column `solutions`: a puzzle has `one` right answer or `several`.

    A blend of equally good answers is what any mean-square denoiser shows; wrong answers that
    fade on a puzzle with one are not. So the two are never averaged together.
    """
    several = set(cases.loc[cases["solutions"] > 1, "case"])
    kind = np.where(readouts["case"].isin(several), "several", "one")
    return readouts.assign(solutions=kind)


def commitment(readouts: pd.DataFrame) -> pd.DataFrame:
    """One row a run: its columns, the commitment step (nan: no final answer), final `correct`."""
    ordered = readouts.sort_values([*RUN, "step"])
    looks = ordered["step"].nunique()
    runs = ordered.iloc[looks - 1 :: looks].drop(columns=["step", "sigma", "answer", "evidence"])
    answers = ordered["answer"].to_numpy().reshape(-1, looks)
    return runs.assign(commitment=commitment_step(answers), answered=answers[:, -1] != NO_ANSWER)


def timeline(
    readouts: pd.DataFrame, cases: pd.DataFrame, *, n_boot: int, seed: int
) -> pd.DataFrame:
    """Means with 95 % bootstrap intervals, clustered by case, long form.

    Columns: model, task, solutions, quantity, step, sigma, n, mean, low, high. Quantities per
    step: `agrees` (the clean estimate reads as the final answer, among runs that end with one),
    `correct`, `candidates` (effective number), `solution` (evidence for a right answer). And once
    for each group: `commitment` (step; step and sigma are empty).
    """
    readouts = with_solution_kind(readouts, cases)
    last = readouts["step"].max()
    final = readouts.loc[readouts["step"] == last, [*RUN, "answer"]]
    merged = readouts.merge(final.rename(columns={"answer": "final"}), on=RUN)
    merged["agrees"] = (merged["answer"] == merged["final"]).astype(float)
    merged["correct"] = merged["correct"].astype(float)
    merged = merged.rename(columns={"n_candidates": "candidates"})
    group = ["model", "task", "solutions"]
    options = {"cluster": "case", "n_boot": n_boot, "seed": seed}
    tables = []
    for quantity in ("agrees", "correct", "candidates", "solution"):
        rows = merged[merged["final"] != NO_ANSWER] if quantity == "agrees" else merged
        table = group_mean_ci(rows, [*group, "step", "sigma"], quantity, **options)
        tables.append(table.assign(quantity=quantity))
    committed = commitment(readouts).dropna(subset="commitment")
    tables.append(
        group_mean_ci(committed, group, "commitment", **options).assign(quantity="commitment")
    )
    joined = pd.concat(tables, ignore_index=True)
    return joined[[*group, "quantity", "step", "sigma", "n", "mean", "low", "high"]]
