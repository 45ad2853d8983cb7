"""Tables with intervals by case of what latents show without a reader."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.experiments.latents.commitment import ALL, MEASURED, summarise_by_frame
from chain_of_steps.experiments.latents.inside import ENERGY, GUIDANCE
from chain_of_steps.experiments.layers.energy import shown_steps
from chain_of_steps.experiments.noise.propagation import ESTIMATE
from chain_of_steps.experiments.noise.tables import FLOW, OTHERS, means
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.resampling import Resampling

SPREAD = ("dissimilarity", "relative_l2")


def summarise_latents(
    rows: pd.DataFrame, guidance: pd.DataFrame, resampling: Resampling
) -> pd.DataFrame:
    """latents.csv: MEASURED of all models and, with guidance, gap; see `summarise_by_frame`."""
    tables = [
        summarise_by_frame(rows, MEASURED, resampling=resampling),
        summarise_by_frame(guidance, GUIDANCE, resampling=resampling),
    ]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def summarise_energy(rows: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """latents_energy.csv: ENERGY by layer, over all splits, as `summarise_by_frame` has it.

    Each latent frame by itself is at the `shown_steps`, those after the first (ALL) at every step.
    """
    shown = rows["step"].isin(shown_steps(int(rows["step"].max()) + 1))
    both = [rows[shown], rows[~shown & (rows["frame"] > 0)]]
    found = [
        summarise_by_frame(some.assign(split="all"), ENERGY, ["layer"], resampling=resampling)
        for some in both
    ]
    found[1] = found[1][found[1]["frame"] == ALL]
    found = [table for table in found if len(table)]
    return pd.concat(found, ignore_index=True).drop(columns="split")


def summarise_flow(rows: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """latents_flow.csv: how far noise at a step takes later estimates, as `noise.tables` has it.

    rows: as `perturb_shard` gives them; none where the study has none. Of clean estimates alone:
    noise at a step, and what two seeds or two cases differ by. Columns: FLOW, quantity (SPREAD), n,
    mean, low, high.
    """
    if len(rows):
        rows = rows[rows["kind"].isin(["step", *OTHERS]) & (rows["site"] == ESTIMATE)]
    if rows.empty:
        return pd.DataFrame(columns=[*FLOW, "quantity", "n", "mean", "low", "high"])
    return means(rows, FLOW, SPREAD, resampling)


def summarise_scores(rows: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """latents_scores.csv: the score of clean estimates by step, and of the result.

    rows: of `vbvr.scores.score_videos`; none where nothing is scored. Columns: model, split, step,
    sigma (both empty for the result), n (samples that have a score), mean, low, high; intervals
    resample tasks, as those of Table 2. No rows without scores of clean estimates.
    """
    by = ["model", "split", "step", "sigma"]
    if rows.empty or not (rows["condition"] == "steps").any():
        return pd.DataFrame(columns=[*by, "n", "mean", "low", "high"])
    rows = rows[rows["condition"].isin(["clean", "steps"])].dropna(subset="score")
    rows = rows[rows["model"].isin(rows.loc[rows["condition"] == "steps", "model"])]
    found = group_mean_ci(rows, by, "score", "task", resampling=resampling)
    return found.astype({"step": "Int64"})
