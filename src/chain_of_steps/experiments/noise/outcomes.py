"""What noise came to, run by run, as claims are judged on it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from chain_of_steps.experiments.noise.tables import (
    IDEAL,
    OTHERS,
    effects,
    every_frame,
    run_means,
    weighed,
    with_drop,
)
from chain_of_steps.outcomes import RUN, joined, outcome

CLEAN = "clean"
THIRDS = ("first third", "last third")
VALUES = ["score", "drop", "answer_changed", "dose"]
PEAKS = {"tiles_dissimilarity": "peak_step", "dissimilarity": "whole peak_step"}


def noise_outcomes(
    rows: pd.DataFrame, flows: pd.DataFrame, cases: pd.DataFrame, n_steps: int
) -> pd.DataFrame:
    """Rows as `outcomes` has them, of all models.

    rows, flows: as `perturb_shard` gives them. cases: their index. Conditions are "clean", and
    "<kind>, <mode>", "<kind> that is read, <mode>"; of the sweep where it has them, else of the
    controls: "frame, ..." is of all latent frames, so of the controls where all cases have some.

        score, drop, answer_changed    mean over the steps or frames that are disturbed, each
                                       standing for those nearest to it; and of steps one by one
        dose                           root of the summed squares of all changes, each relative to
                                       the latent in which it was made; of steps one by one
        tiles_dissimilarity            1 - CKA at the end where candidates differ, by disturbed
                                       step, and the means over the first and the last third
                                       ("<mode>, first third"); "other seed" is what two clean runs
                                       of a case differ by, "other case" those of two cases
        dissimilarity                  the same of the whole latent
        peak_step, whole peak_step     the disturbed step of the greatest of either in a run

    What the exact posterior comes to under the same noise has condition "ideal, ..." (see `ideal`).
    """
    rows = weighed(with_drop(rows), n_steps)
    tables = [*_disturbed(rows), *_spread(effects(rows, flows), n_steps)]
    for kind in OTHERS:
        floor = flows[(flows["kind"] == kind) & (flows["step"] == flows["step"].max())]
        for name in PEAKS:
            tables.append(outcome(floor, name, floor[name], condition=kind))
    return joined(tables, cases)


def _disturbed(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    clean = rows[(rows["kind"] == CLEAN) & (rows["part"] == "sweep")]
    yield outcome(clean, "score", clean["score"], condition=CLEAN)
    ideal = rows["part"] == IDEAL
    for words, some in (("", rows[~ideal]), ("ideal, ", rows[ideal])):
        for (kind, mode), mine in some[some["kind"] != CLEAN].groupby(["kind", "mode"]):
            swept = mine[mine["part"] != "controls"]
            mine = swept if len(swept) else mine
            parts = {f"{kind}, {mode}": mine}
            if kind == "frame":
                parts[f"{kind} that is read, {mode}"] = mine[mine["frame_is_read"].astype(bool)]
                if not words:
                    parts[f"{kind}, {mode}"] = every_frame(rows, mode)
            for condition, part in parts.items():
                if not len(part):
                    continue
                means = run_means(part, RUN, VALUES).reset_index()
                for name in VALUES:
                    yield outcome(means, name, means[name], condition=words + condition)
            if kind == "step":
                at = mine["index"].astype(float)
                for name in VALUES:
                    labels = {"condition": f"{words}{kind}, {mode}", "step": at}
                    yield outcome(mine, name, mine[name].astype(float), **labels)


def _spread(found: pd.DataFrame, n_steps: int) -> Iterator[pd.DataFrame]:
    if not len(found):
        return
    found = found.assign(split=found["case"].str.split("/").str[0])
    for mode, mine in found.groupby("mode"):
        early, late = mine["step"] < n_steps / 3, mine["step"] >= 2 * n_steps / 3
        for measure, named in PEAKS.items():
            labels = {"condition": f"step, {mode}", "step": mine["step"]}
            yield outcome(mine, measure, mine[measure], **labels)
            for words, chosen in zip(THIRDS, (early, late), strict=True):
                runs = mine[chosen].groupby(list(RUN), as_index=False)[measure].mean()
                yield outcome(runs, measure, runs[measure], condition=f"{mode}, {words}")
            known = mine.dropna(subset=measure)
            peak = known.loc[known.groupby(list(RUN))[measure].idxmax()]
            peak = peak[peak[measure] > 0]
            yield outcome(peak, named, peak["step"], condition=mode)
