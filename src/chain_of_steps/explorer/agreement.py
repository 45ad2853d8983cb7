"""How well labels given by hand agree: annotators with each other, and with what was measured.

A label file is what the explorer exports: one row a label, with the run it is about, a behaviour
(or none), whether the run succeeds (yes, no or empty), a range of steps and the annotator.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from chain_of_steps.artifacts import read_table
from chain_of_steps.errors import UserError
from chain_of_steps.measures import NO_ANSWER, OPEN
from chain_of_steps.statistics.resampling import Resampling, percentile_interval

BEHAVIOURS = (
    "Multi-Path",
    "Superposition",
    "Memory",
    "Self-correction",
    "Perception Before Action",
    "Unknown",
)
RUN = ["model", "case", "seed", "intervention"]
COLUMNS = (*RUN, "label", "success", "first_step", "last_step", "annotator")
MEASURED = "measured"  # the annotator's name of our own measures


def cohen_kappa(confusion: np.ndarray) -> np.ndarray:
    """Cohen's kappa (1960) of confusion counts (..., L, L): 1 agree, 0 as by chance.

    nan where both raters only ever use one and the same label, as nothing can be said then.
    """
    confusion = np.asarray(confusion, dtype=float)
    total = confusion.sum((-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.trace(confusion, axis1=-2, axis2=-1) / total
        chance = (confusion.sum(-1) * confusion.sum(-2)).sum(-1) / total**2
        return np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)


def read_labels(paths: Sequence[Path]) -> pd.DataFrame:
    """The labels of all files, one table. Raises UserError naming file and field at fault.

    Annotators without a name are called after their file; one name in two files is one annotator.
    """
    tables = []
    for path in paths:
        table = read_table(path, list(COLUMNS))
        known = {"label": {*BEHAVIOURS, ""}, "success": {"yes", "no", ""}}
        for field, allowed in known.items():
            table[field] = table[field].astype(object).fillna("")
            wrong = table[~table[field].isin(allowed)]
            if len(wrong):
                raise UserError(
                    f"{path}, line {wrong.index[0] + 2}: {field} is {wrong[field].iloc[0]!r}, write"
                    f" one of {', '.join(sorted(filter(None, allowed)))}, or nothing."
                )
        for field in ("seed", "first_step", "last_step"):
            table[field] = pd.to_numeric(table[field], errors="coerce")
            if table[field].isna().any():
                line = table.index[table[field].isna()][0] + 2
                raise UserError(f"{path}, line {line}: {field} is no number: write one.")
        names = table["annotator"].astype("str").where(table["annotator"].notna(), path.stem)
        tables.append(table.assign(annotator=names))
    labels = pd.concat(tables, ignore_index=True).drop_duplicates()
    if (labels["annotator"] == MEASURED).any():
        raise UserError(f"an annotator is called {MEASURED}: write another name.")
    return labels


def measured(
    readouts: pd.DataFrame,
    memory: pd.DataFrame | None = None,
    perception: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What is measured of clean runs: one row a run, a truth value for each measure.

    success: the result is right. Self-correction: some look shows a wrong answer, and the result
    is right. Multi-Path: some look holds an effective number of candidates of `OPEN` or more.
    memory and perception are the tables memory_runs and perception_runs of the behaviours; runs
    that they do not hold have no value (nan). Memory: the result shows the hidden object's shape,
    and at least half of what is drawn on its tile. Perception Before Action: motion is reached at a
    later look than the target is localised; no value where one of the two is absent at the end.
    """
    last = readouts["step"] == readouts["step"].max()
    wrong = ~readouts["correct"] & (readouts["answer"] != NO_ANSWER)
    facts = readouts.assign(
        success=readouts["correct"] & last, wrong=wrong, several=readouts["n_candidates"] >= OPEN
    )
    key = ["model", "case", "seed"]
    runs = facts.groupby(key)[["success", "wrong", "several"]].any()
    runs["Self-correction"] = runs["success"] & runs["wrong"]
    runs = runs.rename(columns={"several": "Multi-Path"}).drop(columns="wrong")
    if memory is not None:
        end = memory[(memory["condition"] == "clean") & (memory["step"] == memory["step"].max())]
        kept = (end["identity"] == 0) & (end["position"] <= 0.5)
        runs = runs.join(end.assign(**{"Memory": kept}).set_index(key)["Memory"])
    if perception is not None:
        from chain_of_steps.experiments.behaviours.perception import onsets

        seen = onsets(perception[perception["condition"] == "clean"]).dropna(subset="lag")
        name = "Perception Before Action"
        runs = runs.join(seen.assign(**{name: seen["lag"] > 0}).set_index(key)[name])
    return runs.reset_index().assign(intervention="clean", annotator=MEASURED)


def judgements(labels: pd.DataFrame) -> pd.DataFrame:
    """Long form: annotator, the run, label ("success" or a behaviour), value (bool).

    Who labels a run at all says of each behaviour whether it is there; success only where given.
    """
    given = labels.assign(value=True)[["annotator", *RUN, "label", "value"]]
    table = given.pivot_table(
        index=["annotator", *RUN], columns="label", values="value", aggfunc="any", fill_value=False
    ).reindex(columns=list(BEHAVIOURS), fill_value=False)
    behaviours = table.reset_index().melt(["annotator", *RUN], var_name="label")
    judged = labels[labels["success"] != ""].drop_duplicates(["annotator", *RUN, "success"])
    twice = judged.duplicated(["annotator", *RUN])
    if twice.any():
        run = judged[twice].iloc[0]
        raise UserError(
            f"{run['annotator']} says both yes and no of the success of {run['case']}, seed "
            f"{run['seed']}: keep one of them."
        )
    success = judged[["annotator", *RUN]].assign(label="success", value=judged["success"] == "yes")
    return pd.concat([success, behaviours], ignore_index=True).astype({"value": bool})


def agreement(
    labels: pd.DataFrame, measures: pd.DataFrame | None = None, *, resampling: Resampling
) -> pd.DataFrame:
    """One row for each pair of annotators and label that both judged, `measured` being the last.

    Columns: first, second, label, n (runs both judged), first_yes, second_yes (how many of them
    have it), observed (share of equal judgements), kappa, low, high (95 % bootstrap over cases),
    overlap (of the step ranges where both see it: shared steps over all steps, mean).
    """
    judged = judgements(labels)
    raters = sorted(judged["annotator"].unique())
    if measures is not None:
        long = measures.melt(["annotator", *RUN], var_name="label").dropna(subset="value")
        judged = pd.concat([judged, long.astype({"value": bool})], ignore_index=True)
        raters.append(MEASURED)
    if len(raters) < 2:
        raise UserError(
            f"only {', '.join(raters)} labelled: give a second annotator's file, or --readouts."
        )
    rows = []
    for first, second in itertools.combinations(raters, 2):
        pair = judged[judged["annotator"] == first].merge(
            judged[judged["annotator"] == second], on=[*RUN, "label"], suffixes=("_a", "_b")
        )
        for label in ("success", *BEHAVIOURS):
            both = pair[pair["label"] == label]
            if both.empty:
                continue
            per_case = _confusions(both)
            low, high = _interval(per_case, resampling)
            rows.append(
                {
                    "first": first,
                    "second": second,
                    "label": label,
                    "n": len(both),
                    "first_yes": int(both["value_a"].sum()),
                    "second_yes": int(both["value_b"].sum()),
                    "observed": (both["value_a"] == both["value_b"]).mean(),
                    "kappa": float(cohen_kappa(per_case.sum(0))),
                    "low": low,
                    "high": high,
                    "overlap": _overlap(labels, first, second, label),
                }
            )
    if not rows:
        raise UserError(f"no run was judged twice among {', '.join(raters)}: label the same runs.")
    return pd.DataFrame(rows)


def _confusions(both: pd.DataFrame) -> np.ndarray:
    """Counts (cases, 2, 2): first annotator by second."""
    codes, names = pd.factorize(both["case"])
    counts = np.zeros((len(names), 2, 2))
    places = (codes, both["value_a"].astype(int), both["value_b"].astype(int))
    np.add.at(counts, places, 1)
    return counts


def _interval(per_case: np.ndarray, resampling: Resampling) -> tuple[float, float]:
    """Percentile interval of kappa over resampled cases; nan where resamples leave it open."""
    if len(per_case) < 2:
        return float("nan"), float("nan")
    (counts,) = resampling.sums(np.zeros(len(per_case), int), per_case)
    kappas = cohen_kappa(counts)
    kappas = kappas[~np.isnan(kappas)]
    if not len(kappas):
        return float("nan"), float("nan")
    return percentile_interval(kappas)


def _overlap(labels: pd.DataFrame, first: str, second: str, label: str) -> float:
    """Mean, over runs where both see the behaviour, of shared steps over all steps they name."""
    seen = []
    for annotator in (first, second):
        mine = labels[(labels["annotator"] == annotator) & (labels["label"] == label)]
        seen.append({key: _steps(rows) for key, rows in mine.groupby(RUN)})
    shares = [
        len(seen[0][run] & seen[1][run]) / len(seen[0][run] | seen[1][run])
        for run in seen[0].keys() & seen[1].keys()
    ]
    return float(np.mean(shares)) if shares else float("nan")


def _steps(rows: pd.DataFrame) -> set[int]:
    ranges = zip(rows["first_step"], rows["last_step"], strict=True)
    return {step for first, last in ranges for step in range(int(first), int(last) + 1)}
