"""The paper's findings on noise, each tested as a claim under every control.

They are that noise at a step lowers the score more than noise at a frame, that early injections are
hardly repaired, and that sensitivity peaks at steps 20 to 30 of 50.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from chain_of_steps.experiments.noise.tables import (
    MEASURES,
    RUN,
    every_frame,
    peaks,
    run_means,
    weighed,
    with_drop,
)
from chain_of_steps.statistics.clusters import strata_of
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.tests import paired_difference
from chain_of_steps.statistics.verdicts import Region, judge

PAPER_PEAK = (0.4, 0.6)  # published, share of the run; for comparison
ALL_FRAMES = "all frames together"
READ = "only frames that are read"


def verdict_table(
    rows: pd.DataFrame, found: pd.DataFrame, n_steps: int, resampling: Resampling
) -> pd.DataFrame:
    """The paper's findings, each under every control, with a verdict.

    Columns: model, claim, control, n (pairs of runs), mean, low, high, p, verdict. Claims:

        step_worse_than_frame    drop at steps minus drop at frames
        frame_worse_than_tokens  drop at frames minus drop at as many scattered cells
        early_worse_than_late    tiles_dissimilarity after injections in the first third of the
                                 run minus that in the last third, by mode
        peak_in_the_middle       step of greatest sensitivity (mean, low, high are steps), by
                                 mode and measure; published: between 40 and 60 % of the run

    verdict: see `statistics.verdicts`; the bound is 0 (for the peak: the band).
    """
    tables = []
    for model, mine in rows.groupby("model"):
        for claim, control, left, right in _comparisons(weighed(with_drop(mine), n_steps)):
            tables.append(
                {"model": model, "claim": claim, "control": control}
                | _difference(left, right, "drop", resampling)
            )
    for (model, mode), mine in found.groupby(["model", "mode"]):
        mine = mine.assign(weight=1.0)
        early, late = (mine[mine["step"] < n_steps / 3], mine[mine["step"] >= 2 * n_steps / 3])
        if len(early) and len(late):
            tables.append(
                {"model": model, "claim": "early_worse_than_late", "control": f"mode {mode}"}
                | _difference(early, late, "tiles_dissimilarity", resampling)
            )
    for peak in peaks(found, resampling).itertuples():
        band = Region(*(share * n_steps for share in PAPER_PEAK))
        tables.append(
            {
                "model": peak.model,
                "claim": "peak_in_the_middle",
                "control": f"mode {peak.mode}, {MEASURES[peak.quantity]}",
                **{"n": peak.n, "mean": peak.step, "low": peak.low, "high": peak.high},
                "verdict": judge(peak.low, peak.high, band),
            }
        )
    columns = ["model", "claim", "control", "n", "mean", "low", "high", "p", "verdict"]
    table = pd.DataFrame(tables, columns=columns)
    return table[table["n"] > 0].reset_index(drop=True)  # what was not run is not judged


def _comparisons(
    rows: pd.DataFrame,
) -> Iterator[tuple[str, str, pd.DataFrame, pd.DataFrame]]:
    """Claim, control, and the two sets of rows whose drops are compared."""
    sweep, controls = rows[rows["part"] == "sweep"], rows[rows["part"] == "controls"]
    main = sweep.loc[sweep["kind"] == "step", "mode"].iloc[0]
    steps, frames = sweep[sweep["kind"] == "step"], every_frame(rows, main)
    claim, n_frames = "step_worse_than_frame", frames["index"].nunique()
    swept = sweep[sweep["kind"] == "frame"]
    yield claim, ALL_FRAMES, steps, frames
    yield claim, READ, steps, swept[swept["frame_is_read"].astype(bool)]
    if not len(controls):
        return

    def of(kind: str, mode: str) -> pd.DataFrame:
        return controls[(controls["kind"] == kind) & (controls["mode"] == mode)]

    def against(words: str, at_steps: pd.DataFrame, at_frames: pd.DataFrame):
        if at_frames["index"].nunique() < n_frames:  # some frames, so those that matter
            at_frames = at_frames[at_frames["frame_is_read"].astype(bool)]
            words = f"{words}, {READ}"
        return claim, words, at_steps, at_frames

    few = frames[frames["case"].isin(controls["case"])]
    if len(few) < len(frames):
        yield claim, f"{ALL_FRAMES}, cases of the controls", steps, few
    yield against("last step left clean", steps, of("frame_last_clean", main))
    yield claim, "equal count, random tokens", steps, of("tokens_step", main)
    for mode in dict.fromkeys(rows["mode"].dropna()):
        if len(of("frame_energy", mode)):
            at_steps = steps if mode == main else of("step", mode)
            yield against(f"equal energy, mode {mode}", at_steps, of("frame_energy", mode))
    for mode in dict.fromkeys(controls.loc[controls["kind"] == "step", "mode"]):
        yield against(f"mode {mode}", of("step", mode), of("frame", mode))
    yield "frame_worse_than_tokens", "equal count", few, of("tokens_frame", main)


def _difference(
    left: pd.DataFrame, right: pd.DataFrame, value: str, resampling: Resampling
) -> dict[str, object]:
    """Paired difference of the runs' means of `value`, over the runs that both sides have."""
    sides = {
        name: run_means(rows.dropna(subset=[value]), RUN, [value])[value]
        for name, rows in {"a": left, "b": right}.items()
    }
    common = sides["a"].index.intersection(sides["b"].index)
    frame = pd.concat(
        [side.loc[common].reset_index().assign(side=name) for name, side in sides.items()]
    )
    frame["stratum"] = strata_of(frame, ["side"])
    found = paired_difference(
        frame,
        value,
        condition="side",
        treatment="a",
        control="b",
        pair=[*RUN, "stratum"],
        cluster="case",
        strata="stratum",
        resampling=resampling,
    )
    return {**vars(found), "verdict": judge(found.low, found.high, p=found.p)}
