"""What the captions say of noise: every word that could be false comes from a table."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.experiments.noise.tables import MEASURES
from chain_of_steps.experiments.noise.verdicts import AS_IN_PAPER, PAPER_PEAK, READ
from chain_of_steps.statistics.text import interval_text, p_text, with_interval
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED


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
        outcomes = [
            f"{word}: {'; '.join(_control(row) for row in chosen.itertuples())}"
            for verdict, word in (
                (HOLDS, "holds"),
                (REVERSED, "does not hold"),
                (UNDECIDED, "undecided"),
            )
            if len(chosen := rows[rows["verdict"] == verdict])
        ]
        if outcomes:
            texts.append(f"{text} — {'. '.join(outcomes)}.")
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
