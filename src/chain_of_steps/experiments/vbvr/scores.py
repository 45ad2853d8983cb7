"""References and summaries of VBVR-Bench scores.

References need no model: truth, the ground truth itself; static, its first frame held; jump, its
first frame and then the final frame at once; other, the ground truth of the next case of the same
task (of any task where it is the only one). All are scored like a model's videos.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from chain_of_steps.cases.folders import Case
from chain_of_steps.cases.references import REFERENCES
from chain_of_steps.cases.videos import SINGLE, VideoFolder
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr.scorer import Score, Scorer
from chain_of_steps.progress import progress
from chain_of_steps.statistics.means import mean_ci
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.tests import paired_difference
from chain_of_steps.video import read_image, read_mp4

RUN = ["model", "label", "condition", "kind", "mode", "index", "step", "sigma"]
SCORED = (
    *("score", "reason", "scorer", "details", "head"),
    *("pro", "pro_reason", "pro_scorer", "pro_details"),
)
FULL = ("reference", "clean", "steps", "ensemble")  # conditions that every case must have


def write_references(cases: Sequence[Case], others: Sequence[Case], videos: VideoFolder) -> None:
    """Videos of the four references of `cases`; others: all cases that `other` is taken from."""
    names = [case.name for case in others]
    for case in progress(cases, desc="references", unit="cases"):
        at = names.index(case.name)
        following = [*others[at + 1 :], *others[:at]]
        other = next((c for c in following if c.task == case.task), next(iter(following), case))
        truth = read_mp4(case.folder / "ground_truth.mp4")
        first, final = (read_image(case.folder / f"{n}_frame.png") for n in ("first", "final"))
        length = len(truth)
        looks = {
            "truth": truth,
            "static": np.stack([first] * length),
            "jump": np.stack([first] + [final] * (length - 1)),
            "other": read_mp4(other.folder / "ground_truth.mp4"),
        }
        for kind in REFERENCES:
            labels = {"model": "none", "condition": "reference", "label": kind, "kind": kind}
            videos.write(f"references/{kind}", case, looks[kind], **labels)


def score_videos(
    scorer: Scorer,
    index: pd.DataFrame,
    folder: Path,
    cases: Sequence[Case],
    pro: Scorer | None = None,
) -> pd.DataFrame:
    """The index with the columns of SCORED.

    score, pro: task_specific in [0, 1] by VBVR-Bench and, if asked for, by VBVR-Pro-Bench; nan
    where there is none, for which there is a reason. head: what EvalKit's HEAD counts for score.
    details: what a scorer says beside its number, as JSON. scorer: its name and version. Raises
    UserError when a case is not the bench's.
    """
    by_name = {case.name: case for case in cases}
    found = []
    for row in progress(index.itertuples(), total=len(index), desc="score", unit="videos"):
        case = by_name[row.case]
        if case.facts.get("source") != "vbvr-bench":
            raise UserError(f"{case.name} is no case of VBVR-Bench: score puzzles with `cos read`.")
        given = (folder / row.file, case.folder, case.task)
        one = scorer.score(*given, frames=row.frames)
        cells = [one.value, one.reason, scorer.name, _json(one), one.head]
        if pro is not None:
            other = pro.score(*given, frames=row.frames)
            cells += [other.value, other.reason, pro.name, _json(other)]
        found.append(cells + [None] * (len(SCORED) - len(cells)))
    table = pd.DataFrame(found, columns=list(SCORED), index=index.index)
    return index.join(table.astype(dict.fromkeys(("score", "head", "pro"), float)))


def _json(score: Score) -> str | None:
    return json.dumps(score.details) if score.details else None


def check_counts(scores: pd.DataFrame, cases: pd.DataFrame) -> None:
    """Raises UserError where a case has no row or two: nothing may drop out of a mean unseen."""
    wanted = set(cases["case"])
    for (model, label, seed), rows in scores.groupby(["model", "label", "seed"], dropna=False):
        who = f"{label} of {model}" + ("" if pd.isna(seed) else f", seed {seed}")
        twice = rows["case"][rows["case"].duplicated()]
        if len(twice):
            raise UserError(f"{who} has {twice.iloc[0]} twice: score each video once.")
        missing = wanted - set(rows["case"])
        if missing and rows["condition"].iloc[0] in FULL:
            raise UserError(
                f"{who} has {len(rows)} of {len(wanted)} videos, {min(missing)} is missing: sample "
                "and score it first."
            )
        strange = set(rows["case"]) - wanted
        if strange:
            raise UserError(f"{who} has {min(strange)}, which is no case: make the cases again.")


def summarise_scores(
    scores: pd.DataFrame, cases: pd.DataFrame, *, resampling: Resampling
) -> pd.DataFrame:
    """Plain means over samples, with 95 % intervals that resample tasks, long form.

    scores: rows of `score_videos` of all runs. cases: the index of the cases. Columns: those of a
    run, part (all, split, family), split, family, videos, missing (videos without a score), n,
    mean, low, high (of the others), and the paired difference from the single run of the same
    case and seed: pairs, difference, difference_low, difference_high, p. Published are `all` over
    500 samples and the two splits over 250 each. head, pro: means of what EvalKit's HEAD counts,
    and of the scores by VBVR-Pro-Bench, pro_n of them. scorer, pro_scorer: whose rules these are.
    """
    check_counts(scores, cases)
    scores = scores.merge(cases[["case", "family"]], on="case", validate="many_to_one")
    scorers = {
        name: "; ".join(sorted(scores[name].dropna().unique())) for name in ("scorer", "pro_scorer")
    }
    rows = []
    for key, run in scores.groupby(RUN, sort=False, dropna=False):
        labels = dict(zip(RUN, key, strict=True))
        for part, group in parts(run):
            known = group.dropna(subset="score")
            entry = {**labels, **part, "videos": len(group), "missing": len(group) - len(known)}
            entry |= {"head": known["head"].mean(), "pro": group["pro"].mean()}
            entry |= {"pro_n": group["pro"].count(), **scorers}
            found = mean_ci(known["score"], clusters=known["task"], resampling=resampling)
            rows.append({**entry, **vars(found), **against_single(known, scores, resampling)})
    return pd.DataFrame(rows).astype({"index": "Int64", "step": "Int64"})


def parts(run: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """All rows, those of each split, and of each family in a split."""
    yield {"part": "all", "split": "", "family": ""}, run
    for split, rows in run.groupby("split"):
        yield {"part": "split", "split": split, "family": ""}, rows
        for family, few in rows.groupby("family"):
            yield {"part": "family", "split": split, "family": family}, few


def against_single(
    run: pd.DataFrame, scores: pd.DataFrame, resampling: Resampling
) -> dict[str, float]:
    """The difference of a run from the single runs of its model, over pairs that both score."""
    names = ("pairs", "difference", "difference_low", "difference_high", "p")
    if run.empty or run["condition"].iloc[0] in ("clean", "reference"):
        return dict.fromkeys(names, np.nan)
    single = scores[(scores["condition"] == "clean") & scores["model"].isin(run["model"])]
    pair = ["case", "task", "seed"]
    both = run.merge(single.dropna(subset="score"), on=pair, suffixes=("", "_single"))
    if both.empty:
        return dict.fromkeys(names, np.nan)
    wide = pd.concat(
        [
            both[[*pair, "score"]].assign(run="this"),
            both[[*pair]].assign(score=both["score_single"], run=SINGLE),
        ]
    )
    found = paired_difference(
        wide,
        "score",
        condition="run",
        treatment="this",
        control=SINGLE,
        pair=pair,
        cluster="task",
        resampling=resampling,
        n_perm=2000,
    )
    return dict(zip(names, vars(found).values(), strict=True))
