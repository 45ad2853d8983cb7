"""What noise came to, run by run, as claims are judged on it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from chain_of_steps.experiments.noise.propagation import ESTIMATE
from chain_of_steps.experiments.noise.tables import effects, run_means, weighed, with_drop
from chain_of_steps.outcomes import RUN, joined, outcome

CLEAN = "clean"
THIRDS = ("first third", "last third")


def noise_outcomes(
    rows: pd.DataFrame, flows: pd.DataFrame, cases: pd.DataFrame, n_steps: int
) -> pd.DataFrame:
    """Rows as `outcomes` has them, of all models.

    rows, flows: as `perturb_shard` gives them. cases: their index. Conditions are "clean", and
    "<kind>, <mode>", "<kind> that is read, <mode>"; of the sweep where it has them, else of the
    controls.

        score, drop, answer_changed    mean over the steps or frames that are disturbed, each
                                       standing for those nearest to it; and of steps one by one
        dose                           root of the summed squares of all changes, each in units of
                                       the sigma at which it was made
        dissimilarity                  1 - CKA at the end, by disturbed step, and the means over
                                       the first and the last third ("<mode>, first third"); "other
                                       seed" is what two clean runs of a case differ by
        peak_step                      the disturbed step of greatest dissimilarity in a run
    """
    rows = weighed(with_drop(rows), n_steps)
    tables = [*_disturbed(rows), *_spread(effects(rows, flows), n_steps)]
    floor = flows[(flows["kind"] == "other seed") & (flows["site"] == ESTIMATE)]
    floor = floor[floor["step"] == floor["step"].max()]
    tables.append(outcome(floor, "dissimilarity", floor["dissimilarity"], condition="other seed"))
    return joined(tables, cases)


def _disturbed(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    values = ["score", "drop", "answer_changed", "injected_l2_sigma"]
    clean = rows[(rows["kind"] == CLEAN) & (rows["part"] == "sweep")]
    yield outcome(clean, "score", clean["score"], condition=CLEAN)
    for (kind, mode), mine in rows[rows["kind"] != CLEAN].groupby(["kind", "mode"]):
        swept = mine[mine["part"] == "sweep"]
        mine = swept if len(swept) else mine
        parts = {f"{kind}, {mode}": mine}
        if kind == "frame":
            parts[f"{kind} that is read, {mode}"] = mine[mine["frame_is_read"].astype(bool)]
        for condition, part in parts.items():
            if not len(part):
                continue
            means = run_means(part, RUN, values).reset_index()
            for name in values:
                named = "dose" if name == "injected_l2_sigma" else name
                yield outcome(means, named, means[name], condition=condition)
        if kind == "step":
            for name in values[:3]:
                labels = {"condition": f"{kind}, {mode}", "step": mine["index"].astype(float)}
                yield outcome(mine, name, mine[name].astype(float), **labels)


def _spread(found: pd.DataFrame, n_steps: int) -> Iterator[pd.DataFrame]:
    if not len(found):
        return
    found = found.assign(split=found["case"].str.split("/").str[0])
    for mode, mine in found.groupby("mode"):
        labels = {"condition": f"step, {mode}", "step": mine["step"]}
        yield outcome(mine, "dissimilarity", mine["dissimilarity"], **labels)
        early, late = mine["step"] < n_steps / 3, mine["step"] >= 2 * n_steps / 3
        for words, chosen in zip(THIRDS, (early, late), strict=True):
            runs = mine[chosen].groupby(list(RUN), as_index=False)["dissimilarity"].mean()
            labels = {"condition": f"{mode}, {words}"}
            yield outcome(runs, "dissimilarity", runs["dissimilarity"], **labels)
        peak = mine.loc[mine.groupby(list(RUN))["dissimilarity"].idxmax()]
        peak = peak[peak["dissimilarity"] > 0]
        yield outcome(peak, "peak_step", peak["step"], condition=mode)
