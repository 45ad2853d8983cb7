"""What noise at a step and at a frame does: tables with intervals.

Intervals are 95 % bootstrap intervals that resample cases, within each task where it has at least
five of them. The drop of a run is the score of its clean run minus its own. Where only some steps
are disturbed, each stands in means over steps for all the steps nearest to it, so that a mean does
not hang on which were taken. Sensitivity of injection step k is what noise at step k does to the
end of a run, in three measures:

    dissimilarity   1 - CKA between the last clean estimates of the perturbed and the clean run
    relative_l2     their relative L2 distance
    answer_changed  share of runs whose final answer is another one (none is one, too)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from chain_of_steps.experiments.noise.propagation import ESTIMATE
from chain_of_steps.statistics.clusters import codes, strata_of
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling, percentile_interval

RUN = ["model", "task", "case", "seed"]
MEASURES = {
    "dissimilarity": "1 − CKA",
    "relative_l2": "relative L2",
    "answer_changed": "changed answers",
}
RATES = ("correct", "answer_changed")


def means(
    rows: pd.DataFrame, by: Sequence[str], values: Sequence[str], resampling: Resampling
) -> pd.DataFrame:
    """Columns of `by`, quantity, n, mean, low, high; one row a group and value column."""
    rows = rows.assign(stratum=strata_of(rows, by))
    tables = []
    for value in values:
        present = rows.dropna(subset=[value]).astype({value: float})
        interval = mean_or_rate_ci if value in RATES else group_mean_ci
        found = interval(present, by, value, "case", "stratum", resampling=resampling)
        tables.append(found.assign(quantity=value))
    return pd.concat(tables, ignore_index=True)[[*by, "quantity", "n", "mean", "low", "high"]]


def noise_table(
    rows: pd.DataFrame, references: pd.DataFrame, n_steps: int, resampling: Resampling
) -> pd.DataFrame:
    """Means of every condition; without index: of each run's mean over the indices of a kind.

    rows: as `perturb_shard` gives them. Columns: model, part, kind, mode, index, sigma, quantity
    (score, correct, drop, answer_changed, injected_l2, injected_l2_sigma), n, mean, low, high.
    The references (truth, jump, other, static) are kinds of part "reference".
    """
    values = ["score", "correct", "drop", "answer_changed", "injected_l2", "injected_l2_sigma"]
    rows = weighed(with_drop(rows), n_steps)
    kind = ["model", "part", "kind", "mode"]
    pooled = run_means(rows, [*RUN, "part", "kind", "mode"], values)
    read = references.assign(model="none", part="reference")
    tables = [
        means(rows.dropna(subset="index"), [*kind, "index", "sigma"], values, resampling),
        means(pooled.reset_index(), kind, values, resampling),
        means(read, ["model", "part", "kind"], ["score", "correct"], resampling),
    ]
    columns = [*kind, "index", "sigma", "quantity", "n", "mean", "low", "high"]
    return pd.concat(tables, ignore_index=True)[columns]


def cka_table(flows: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Means of each comparison along the steps.

    Columns: model, part, kind (step, other seed, repeat), mode, site, injected, step, sigma,
    quantity (dissimilarity, relative_l2), n, mean, low, high.
    """
    by = ["model", "part", "kind", "mode", "site", "injected", "step", "sigma"]
    return means(flows, by, ["dissimilarity", "relative_l2"], resampling)


def effects(rows: pd.DataFrame, flows: pd.DataFrame) -> pd.DataFrame:
    """One row for each run and injection step: run columns, mode, step, sigma, MEASURES."""
    last = flows["step"].max()
    ends = flows[
        (flows["kind"] == "step") & (flows["site"] == ESTIMATE) & (flows["step"] == last)
    ].rename(columns={"injected": "index"})
    steps = with_drop(rows[rows["kind"] == "step"]).astype({"index": float})
    keys = [*RUN, "mode", "index"]
    joined = steps.merge(ends[[*keys, "dissimilarity", "relative_l2"]], on=keys)
    joined = joined.rename(columns={"index": "step"}).astype({"step": int})
    return joined[[*RUN, "mode", "step", "sigma", *MEASURES]]


def sensitivity_table(found: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Means of `effects`: model, mode, step, sigma, quantity (MEASURES), n, mean, low, high."""
    return means(found, ["model", "mode", "step", "sigma"], MEASURES, resampling)


def peaks(found: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """The injection step of greatest mean effect, and the interval of that step over resamples.

    Columns: model, mode, quantity, n (runs), step, low, high, sigma. Cases are resampled as for
    every interval; low and high are steps, the 2.5 and 97.5 % quantiles of the resamples' peaks. Of
    equal means the earliest step counts; without any effect there is no row.
    """
    sigmas = found.groupby("step")["sigma"].first()
    tables = []
    for (model, mode), rows in found.groupby(["model", "mode"]):
        for measure in MEASURES:
            values = rows.pivot_table(index=["task", "case"], columns="step", values=measure)
            if not values.mean().max() > 0:
                continue
            step = int(values.mean().idxmax())
            low, high = _peak_interval(values, resampling)
            tables.append(
                {
                    **{"model": model, "mode": mode, "quantity": measure},
                    **{"n": rows[["case", "seed"]].drop_duplicates().shape[0]},
                    **{"step": step, "low": low, "high": high, "sigma": sigmas[step]},
                }
            )
    return pd.DataFrame(tables)


def _peak_interval(values: pd.DataFrame, resampling: Resampling) -> tuple[int, int]:
    """values: a row a case, a column a step."""
    strata = codes(strata_of(values.index.to_frame(index=False), []), len(values))
    (total,) = resampling.sums(strata, values.to_numpy())
    steps = values.columns.to_numpy()[total.argmax(axis=1)]
    low, high = percentile_interval(steps, observed=True)
    return int(low), int(high)


def steps_stood_for(disturbed: Sequence[int], n_steps: int) -> np.ndarray:
    """How many of the n_steps steps are nearest to each disturbed one; ties are split in two."""
    away = np.abs(np.arange(n_steps)[:, None] - np.asarray(disturbed))
    nearest = away == away.min(axis=1, keepdims=True)
    return (nearest / nearest.sum(axis=1, keepdims=True)).sum(axis=0)


def weighed(rows: pd.DataFrame, n_steps: int) -> pd.DataFrame:
    """With the column weight: the steps that a row of noise at a step stands for, else 1."""
    at_step = rows["kind"] == "step"
    steps = sorted(rows.loc[at_step, "index"].unique())
    weights = dict(zip(steps, steps_stood_for(steps, n_steps), strict=True)) if steps else {}
    return rows.assign(weight=rows["index"].map(weights).where(at_step, 1.0).astype(float))


def run_means(rows: pd.DataFrame, by: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """Means of `values` by the column weight, one row a group of `by`, which are its index."""
    products = rows[[*by]].join(rows[values].astype(float).mul(rows["weight"], axis=0))
    grouped = products.groupby([*by], dropna=False)[[*values]]
    total = rows.groupby([*by], dropna=False)["weight"].sum()
    return grouped.sum(min_count=1).div(total, axis=0)


def with_drop(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(
        drop=rows["clean_score"] - rows["score"],
        answer_changed=~rows["answer_same_as_clean"].astype(bool),
    )
