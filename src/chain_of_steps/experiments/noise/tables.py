"""What noise at a step and at a frame does: tables with intervals.

Intervals are 95 % bootstrap intervals that resample cases, within each task where it has at least
five of them. The drop of a run is the score of its clean run minus its own. Where only some steps
are disturbed, each stands in means over steps for all the steps nearest to it, so that a mean does
not hang on which were taken. Sensitivity of injection step k is what noise at step k does to the
end of a run, in four measures:

    tiles_dissimilarity   1 - CKA between the last clean estimates of the perturbed and the clean
                          run, on the positions where the candidates of the puzzle differ
    dissimilarity         the same on the whole latent, most of which is given
    relative_l2           the relative L2 distance of the whole latent
    answer_changed        share of runs whose final answer is another one (none is one, too)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from chain_of_steps.experiments.noise.propagation import ESTIMATE, MEASURED
from chain_of_steps.statistics.clusters import cluster_sums, codes, strata_of
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling, percentile_interval

RUN = ["model", "task", "case", "seed"]
FLOW = ["model", "part", "kind", "mode", "site", "injected", "step", "sigma"]
OTHERS = ("other seed", "other case")  # 0 and 1 of a normalised difference
IDEAL = "ideal"  # the part of what an exact posterior does under the same noise
MEASURES = {
    "tiles_dissimilarity": "1 − CKA where candidates differ",
    "dissimilarity": "1 − CKA",
    "relative_l2": "relative L2",
    "answer_changed": "changed answers",
}
RATES = ("correct", "answer_changed")
VALUES = (
    *("score", "correct", "drop", "answer_changed"),
    *("injected_l2", "injected_l2_sigma", "dose"),
)


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
    (VALUES), n, mean, low, high. The references (truth, jump, other, static) are kinds of part
    "reference".
    """
    values = list(VALUES)
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

    Columns: model, part, kind (step, other seed, other case, repeat), mode, site, injected, step,
    sigma, quantity (MEASURED, normalised), n, mean, low, high.
    """
    tables = [means(flows, FLOW, MEASURED, resampling), normalised(flows, resampling)]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def normalised(flows: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """How far noise at a step takes an estimate from another seed (0) to another case (1).

    (d - seed) / (case - seed) of mean 1 - CKA where candidates differ, each over the runs that have
    all three at the observed step; columns as in `cka_table`. Below 0: less than another seed.
    """
    value, keys = "tiles_dissimilarity", [*RUN, "step"]
    rows = flows[(flows["kind"] == "step") & (flows["site"] == ESTIMATE)]
    for kind in OTHERS:
        rows = rows.join(flows[flows["kind"] == kind].set_index(keys)[value].rename(kind), on=keys)
    rows = rows.dropna(subset=[value, *OTHERS]).reset_index(drop=True)
    columns = [*FLOW, "quantity", "n", "mean", "low", "high"]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    rows = rows.assign(gone=rows[value] - rows[OTHERS[0]], way=rows[OTHERS[1]] - rows[OTHERS[0]])
    rows["stratum"] = strata_of(rows, FLOW)
    tables = []
    for key, mine in rows.groupby(FLOW, sort=True):
        found = _ratio(mine, "gone", "way", resampling)
        tables.append(dict(zip(FLOW, key, strict=True)) | {"quantity": "normalised"} | found)
    return pd.DataFrame(tables)[columns]


def _ratio(rows: pd.DataFrame, over: str, under: str, resampling: Resampling) -> dict[str, float]:
    """The ratio of two means, with an interval over cases resampled within the stratum."""
    clusters, strata = codes(rows["case"], len(rows)), codes(rows["stratum"], len(rows))
    above, _, stratum_of = cluster_sums(rows[over].to_numpy(float), clusters, strata)
    below, _, _ = cluster_sums(rows[under].to_numpy(float), clusters, strata)
    found = {"n": len(rows), "mean": above.sum() / below.sum()}
    if np.bincount(stratum_of).max() < 2:
        return found | {"low": np.nan, "high": np.nan}
    total, base = resampling.sums(stratum_of, above, below)
    low, high = percentile_interval(total / base)
    return found | {"low": low, "high": high}


def effects(rows: pd.DataFrame, flows: pd.DataFrame) -> pd.DataFrame:
    """One row for each run and injection step: run columns, mode, step, sigma, MEASURES."""
    last = flows["step"].max()
    ends = flows[
        (flows["kind"] == "step") & (flows["site"] == ESTIMATE) & (flows["step"] == last)
    ].rename(columns={"injected": "index"})
    steps = rows[(rows["kind"] == "step") & (rows["part"] != IDEAL)]
    steps = with_drop(steps).astype({"index": float})
    keys, own = [*RUN, "mode", "index"], [m for m in MEASURES if m in MEASURED]
    joined = steps.merge(ends[[*keys, *own]], on=keys)
    joined = joined.rename(columns={"index": "step"}).astype({"step": int})
    return joined[[*RUN, "mode", "step", "sigma", *MEASURES]]


def sensitivity_table(found: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Means of `effects`: model, mode, step, sigma, quantity (MEASURES), n, mean, low, high."""
    return means(found, ["model", "mode", "step", "sigma"], MEASURES, resampling)


def peaks(found: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """The injection step of greatest mean effect, and the interval of that step over resamples.

    Columns: model, mode, quantity, n (runs), step, low, high, sigma. Cases are resampled as for
    every interval; low and high are the 2.5 and 97.5 % quantiles of the resamples' peaks, and half
    way on to the next disturbed step, as the peak may lie between them. Of equal means the earliest
    step counts; without any effect there is no row.
    """
    sigmas = found.groupby("step")["sigma"].first()
    tables = []
    for (model, mode), rows in found.groupby(["model", "mode"]):
        for measure in MEASURES:
            known = rows.dropna(subset=measure)
            values = known.pivot_table(index=["task", "case"], columns="step", values=measure)
            values = values.dropna()
            if values.empty or not values.mean().max() > 0:
                continue
            step = int(values.mean().idxmax())
            low, high = _peak_interval(values, resampling)
            tables.append(
                {
                    **{"model": model, "mode": mode, "quantity": measure},
                    **{"n": len(known[["case", "seed"]].drop_duplicates())},
                    **{"step": step, "low": low, "high": high, "sigma": sigmas[step]},
                }
            )
    return pd.DataFrame(tables)


def _peak_interval(values: pd.DataFrame, resampling: Resampling) -> tuple[float, float]:
    """values: a row a case, a column a step."""
    strata = codes(strata_of(values.index.to_frame(index=False), []), len(values))
    (total,) = resampling.sums(strata, values.to_numpy())
    steps = values.columns.to_numpy()[total.argmax(axis=1)]
    low, high = percentile_interval(steps, observed=True)
    known = values.columns.to_numpy(float)
    before, after = known[known < low], known[known > high]
    return (
        float((before.max() + low) / 2) if len(before) else low,
        float((after.min() + high) / 2) if len(after) else high,
    )


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


def every_frame(rows: pd.DataFrame, mode: str) -> pd.DataFrame:
    """The rows of noise at a frame that cover the most frames: all cases, or the controls alone."""
    mine = rows[(rows["kind"] == "frame") & (rows["mode"] == mode) & (rows["part"] != IDEAL)]
    frames = mine.groupby("part")["index"].nunique()
    parts = [part for part in ("sweep", "controls") if part in frames]
    return mine[mine["part"] == max(parts, key=frames.get)] if parts else mine


def with_drop(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(
        drop=rows["clean_score"] - rows["score"],
        answer_changed=~rows["answer_same_as_clean"].astype(bool),
    )
