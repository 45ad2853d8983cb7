"""What noise at a step and at a frame does: tables with intervals, verdicts, sentences.

Intervals are 95 % bootstrap intervals that resample cases, within each task where it has at least
five of them. The drop of a run is the score of its clean run minus its own. Where only some steps
are disturbed, each stands in means over steps for all the steps nearest to it, so that a mean does
not hang on which were taken. Sensitivity of injection step k is what noise at step k does to the
end of a run, in three measures:

    dissimilarity   1 - CKA between the last clean estimates of the perturbed and the clean run
    relative_l2     their relative L2 distance
    answer_changed  share of runs whose final answer is another one (none is one, too)

The paper's published findings are that noise at a step lowers the score more than noise at a
frame, that early injections are hardly repaired, and that sensitivity peaks at steps 20 to 30 of
50. Each is tested here as a claim, with a verdict for every control.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from chain_of_steps.experiments.noise.propagation import ESTIMATE
from chain_of_steps.statistics.clusters import codes, strata_of
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling, percentile_interval
from chain_of_steps.statistics.tests import paired_difference
from chain_of_steps.statistics.text import interval_text, p_text, with_interval
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED, Region, judge

PAPER_PEAK = (0.4, 0.6)  # published, share of the run; a reference, no result of ours
RUN = ["model", "task", "case", "seed"]
MEASURES = {
    "dissimilarity": "1 − CKA",
    "relative_l2": "relative L2",
    "answer_changed": "changed answers",
}
RATES = ("correct", "answer_changed")
AS_IN_PAPER = "as in the paper"
READ = "only frames that are read"


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
    rows = _weighed(_with_drop(rows), n_steps)
    kind = ["model", "part", "kind", "mode"]
    pooled = _run_means(rows, [*RUN, "part", "kind", "mode"], values)
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
    steps = _with_drop(rows[rows["kind"] == "step"]).astype({"index": float})
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


def verdict_table(
    rows: pd.DataFrame, found: pd.DataFrame, n_steps: int, resampling: Resampling
) -> pd.DataFrame:
    """The paper's findings, each under every control, with a verdict.

    Columns: model, claim, control, n (pairs of runs), mean, low, high, p, verdict. Claims:

        step_worse_than_frame    drop at steps minus drop at frames
        frame_worse_than_tokens  drop at frames minus drop at as many scattered cells
        early_worse_than_late    dissimilarity after injections in the first third of the run
                                 minus that in the last third, by mode
        peak_in_the_middle       step of greatest sensitivity (mean, low, high are steps), by
                                 mode and measure; published: between 40 and 60 % of the run

    verdict: see `statistics.verdicts`; the bound is 0 (for the peak: the band).
    """
    tables = []
    for model, mine in rows.groupby("model"):
        for claim, control, left, right in _comparisons(_weighed(_with_drop(mine), n_steps)):
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
                | _difference(early, late, "dissimilarity", resampling)
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
    steps, frames = (sweep[sweep["kind"] == kind] for kind in ("step", "frame"))
    claim = "step_worse_than_frame"
    yield claim, AS_IN_PAPER, steps, frames
    yield claim, READ, steps, frames[frames["frame_is_read"].astype(bool)]
    if not len(controls):
        return

    def of(kind: str, mode: str) -> pd.DataFrame:
        return controls[(controls["kind"] == kind) & (controls["mode"] == mode)]

    few = frames[frames["case"].isin(controls["case"])]
    yield claim, f"{AS_IN_PAPER}, cases of the controls", steps, few
    yield claim, "last step left clean", steps, of("frame_last_clean", main)
    yield claim, "equal count, random tokens", steps, of("tokens_step", main)
    for mode in dict.fromkeys(rows["mode"].dropna()):
        if len(of("frame_energy", mode)):
            at_steps = steps if mode == main else of("step", mode)
            yield claim, f"equal energy, mode {mode}", at_steps, of("frame_energy", mode)
    for mode in dict.fromkeys(controls.loc[controls["kind"] == "step", "mode"]):
        yield claim, f"mode {mode}", of("step", mode), of("frame", mode)
    yield "frame_worse_than_tokens", "equal count", few, of("tokens_frame", main)


def _difference(
    left: pd.DataFrame, right: pd.DataFrame, value: str, resampling: Resampling
) -> dict[str, object]:
    """Paired difference of the runs' means of `value`, over the runs that both sides have."""
    sides = {
        name: _run_means(rows, RUN, [value])[value]
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


def steps_stood_for(disturbed: Sequence[int], n_steps: int) -> np.ndarray:
    """How many of the n_steps steps are nearest to each disturbed one; ties are split in two."""
    away = np.abs(np.arange(n_steps)[:, None] - np.asarray(disturbed))
    nearest = away == away.min(axis=1, keepdims=True)
    return (nearest / nearest.sum(axis=1, keepdims=True)).sum(axis=0)


def _weighed(rows: pd.DataFrame, n_steps: int) -> pd.DataFrame:
    """With the column weight: the steps that a row of noise at a step stands for, else 1."""
    at_step = rows["kind"] == "step"
    steps = sorted(rows.loc[at_step, "index"].unique())
    weights = dict(zip(steps, steps_stood_for(steps, n_steps), strict=True)) if steps else {}
    return rows.assign(weight=rows["index"].map(weights).where(at_step, 1.0).astype(float))


def _run_means(rows: pd.DataFrame, by: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """Means of `values` by the column weight, one row a group of `by`, which are its index."""
    products = rows[[*by]].join(rows[values].astype(float).mul(rows["weight"], axis=0))
    grouped = products.groupby([*by], dropna=False)[[*values]]
    total = rows.groupby([*by], dropna=False)["weight"].sum()
    return grouped.sum(min_count=1).div(total, axis=0)


def _with_drop(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(
        drop=rows["clean_score"] - rows["score"],
        answer_changed=~rows["answer_same_as_clean"].astype(bool),
    )


# Sentences: every word that could be false comes from a table.


def main_sentences(noise: pd.DataFrame, verdicts: pd.DataFrame, model: str) -> list[str]:
    """What Figure 3b shows, from `noise_table` and `verdict_table`."""
    pooled = noise[noise["index"].isna() & (noise["part"] == "sweep") & (noise["model"] == model)]
    at = {(row.kind, row.quantity): row for row in pooled.itertuples()}
    clean, step, frame = at["clean", "score"], at["step", "drop"], at["frame", "drop"]
    found = _claim(verdicts, model, "step_worse_than_frame", AS_IN_PAPER)
    order = {
        HOLDS: "Noise at a step does more harm than noise at a frame, as in the paper",
        REVERSED: "Noise at a frame does more harm than noise at a step, unlike in the paper",
        UNDECIDED: "Which of the two does more harm is undecided",
    }[found.verdict]
    texts = [
        f"Clean runs score {_shown(clean, 2)}; noise at a step lowers that by"
        f" {_shown(step, 2)} on average over the steps, noise at a frame by"
        f" {_shown(frame, 2)} over the frames.",
        f"{order} (difference {_shown(found, 2)}, {p_text(found.p)}, n = {found.n}).",
    ]
    read = _claim(verdicts, model, "step_worse_than_frame", READ)
    if read is not None:
        order = {
            HOLDS: "noise at a step does more harm",
            REVERSED: "noise at a step does less harm",
            UNDECIDED: "the order is undecided",
        }[read.verdict]
        texts.append(
            f"Against those frames alone that the reader looks at, {order} (difference"
            f" {_shown(read, 2)}, {p_text(read.p)})."
        )
    return texts


def sensitivity_sentences(
    verdicts: pd.DataFrame, sensitivity: pd.DataFrame, model: str, mode: str, n_steps: int
) -> list[str]:
    """Where the sensitivity of one mode peaks, and whether early injections outlast late ones."""
    sigmas = sensitivity.groupby("step")["sigma"].first()
    texts = []
    for measure in (MEASURES["dissimilarity"], MEASURES["answer_changed"]):
        peak = _claim(verdicts, model, "peak_in_the_middle", f"mode {mode}, {measure}")
        if peak is None:
            continue
        place = {HOLDS: "inside", REVERSED: "outside", UNDECIDED: "not clearly inside"}
        last = ", the last one disturbed" if peak.mean == sigmas.index.max() else ""
        band = " to ".join(f"{share:.0%}" for share in PAPER_PEAK)
        texts.append(
            f"Sensitivity by {measure} peaks at step {peak.mean:.0f} of {n_steps}{last}"
            f" (σ {sigmas[int(peak.mean)]:.2f}; interval of the peak:"
            f" {interval_text(peak.low, peak.high, '.0f')}), {place[peak.verdict]} the published"
            f" band ({band} of the run)."
        )
    late = _claim(verdicts, model, "early_worse_than_late", f"mode {mode}")
    if late is not None:
        order = {
            HOLDS: "Injections in the first third of the steps leave more behind than those in"
            " the last third",
            REVERSED: "Injections in the last third of the steps leave more behind than those in"
            " the first third",
            UNDECIDED: "Whether early or late injections leave more behind is undecided",
        }[late.verdict]
        texts.append(f"{order} (1 − CKA at the end, early minus late: {_shown(late, 3)}).")
    return texts


def control_sentences(verdicts: pd.DataFrame, model: str) -> list[str]:
    """Which conclusion survives which control."""
    texts = []
    mine = verdicts[verdicts["model"] == model]
    for claim, text in (
        ("step_worse_than_frame", "Noise at a step does more harm than noise at a frame"),
        ("frame_worse_than_tokens", "A whole frame does more harm than as many scattered tokens"),
        ("early_worse_than_late", "Early injections leave more behind than late ones"),
        ("peak_in_the_middle", "Sensitivity peaks between 40 and 60 % of the run"),
    ):
        rows = mine[mine["claim"] == claim]
        parts = [
            f"{word}: {'; '.join(_control(row) for row in chosen.itertuples())}"
            for verdict, word in (
                (HOLDS, "holds"),
                (REVERSED, "does not hold"),
                (UNDECIDED, "undecided"),
            )
            if len(chosen := rows[rows["verdict"] == verdict])
        ]
        if parts:
            texts.append(f"{text} — {'. '.join(parts)}.")
    return texts


def _claim(verdicts: pd.DataFrame, model: str, claim: str, control: str):
    """The row of one claim, or None."""
    rows = verdicts[
        (verdicts["model"] == model)
        & (verdicts["claim"] == claim)
        & (verdicts["control"] == control)
    ]
    return next(rows.itertuples(), None)


def _control(row) -> str:
    digits = 0 if row.claim == "peak_in_the_middle" else 2
    return f"{row.control} ({_shown(row, digits)}, n = {row.n})"


def _shown(row, digits: int) -> str:
    return with_interval(row.mean, row.low, row.high, f".{digits}f")
