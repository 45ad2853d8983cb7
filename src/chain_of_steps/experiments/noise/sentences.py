"""What the captions say of noise: every word that could be false comes from a table."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.experiments.noise.tables import IDEAL, MEASURES
from chain_of_steps.experiments.noise.verdicts import ALL_FRAMES, PAPER_PEAK, READ
from chain_of_steps.statistics.text import interval_text, p_text, with_interval
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED


def main_sentences(noise: pd.DataFrame, verdicts: pd.DataFrame, model: str) -> list[str]:
    """What Figure 3b shows, from `noise_table` and `verdict_table`: what is read comes first."""
    pooled = noise[noise["index"].isna() & (noise["model"] == model)]
    sweep = pooled[pooled["part"] == "sweep"]
    at = {(row.kind, row.quantity): row for row in sweep.itertuples()}
    clean, step, dose = at["clean", "score"], at["step", "drop"], at["step", "dose"]
    # over all frames, so of the controls where all cases have some of them
    frames = pooled[(pooled["kind"] == "frame") & (pooled["mode"] == step.mode)]
    frames = frames[frames["quantity"].isin(["drop", "dose"])].set_index(["part", "quantity"])
    part = "controls" if ("controls", "drop") in frames.index else "sweep"
    frame, weight = frames.loc[(part, "drop")], frames.loc[(part, "dose")]
    found = _claim(verdicts, model, "step_worse_than_frame", ALL_FRAMES)
    read = _claim(verdicts, model, "step_worse_than_frame", READ)
    texts = [
        f"Clean runs score {_shown(clean, 2)}; noise at a step lowers that by"
        f" {_shown(step, 2)} on average over the steps (dose |Δx|/|x| {dose.mean:.2f}), noise at a"
        f" frame by {_shown(frame, 2)} over the frames (dose {weight['mean']:.2f}, all steps"
        f" together; n = {int(frame['n'])})."
    ]
    if read is not None:
        order = {
            HOLDS: "noise at a step does more harm",
            REVERSED: "noise at a step does less harm",
            UNDECIDED: "the order is undecided",
        }[read.verdict]
        texts.append(
            f"Against those frames alone that the reader looks at, {order} (difference"
            f" {_shown(read, 2)}, {p_text(read.p)}, n = {read.n})."
        )
    order = {
        HOLDS: "noise at a step does more harm",
        REVERSED: "noise at a step does less harm, unlike in the paper",
        UNDECIDED: "the order is undecided",
    }[found.verdict]
    texts.append(
        f"Against all frames together, most of which are never read, {order} (difference"
        f" {_shown(found, 2)}, {p_text(found.p)}, n = {found.n})."
    )
    return texts


def ideal_sentence(noise: pd.DataFrame, model: str) -> str:
    """What an exact posterior loses under the same noise, from `noise_table`."""
    text = (
        "An exact denoiser loses nothing: where one answer is right it ends on it whatever is"
        " disturbed, so the loss to compare with is 0 at every step and frame"
    )
    mine = noise[(noise["part"] == IDEAL) & (noise["model"] == model) & noise["index"].notna()]
    at = mine[mine["kind"] == "step"].pivot(index="index", columns="quantity", values="mean")
    if at.empty:
        return f"{text}."
    n, worst = int(mine["n"].max()), mine.loc[mine["quantity"] == "drop", "mean"].max()
    changed = at["answer_changed"]
    return (
        f"{text}; where several are right (n = {n}) its score drops by at most {worst:.2f}, and it"
        f" ends on another right answer in {changed.iloc[0]:.2f} of runs after noise at step"
        f" {int(changed.index[0])} and {changed.iloc[-1]:.2f} at step {int(changed.index[-1])}."
    )


def sensitivity_sentences(
    verdicts: pd.DataFrame, sensitivity: pd.DataFrame, model: str, mode: str, n_steps: int
) -> list[str]:
    """Where the sensitivity of one mode peaks, and whether early injections outlast late ones."""
    sigmas = sensitivity.groupby("step")["sigma"].first()
    texts = []
    for measure in (MEASURES["tiles_dissimilarity"], MEASURES["answer_changed"]):
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
        texts.append(
            f"{order} (1 − CKA at the end where candidates differ, early minus late:"
            f" {_shown(late, 3)})."
        )
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
    mean = row["mean"] if isinstance(row, pd.Series) else row.mean  # a Series has a mean of its own
    return with_interval(mean, row.low, row.high, f".{digits}f")
