"""What the numbers say about the paper's claims on behaviours, either way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from chain_of_steps.experiments.behaviours.correction import EARLY, KIND
from chain_of_steps.experiments.behaviours.memory import ERRORS
from chain_of_steps.experiments.behaviours.summaries import ALL
from chain_of_steps.statistics.text import with_interval
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED, Region, judge

COLUMNS = (
    *("model", "claim", "control", "n", "cases", "mean", "low", "high", "p"),
    *("against", "verdict"),
)
Row = dict[str, object]


def judge_row(rows: pd.DataFrame, claim: str, control: str, against: float = 0.0) -> Row | None:
    """The one row of `rows` as a claim that its mean is above `against`; None without a row.

    Its p, where it has one, is that of the mean being 0, and so counts for `against` 0 only.
    """
    if not len(rows):
        return None
    row = rows.iloc[0].to_dict()
    p = row["p"] if against == 0 else float("nan")
    verdict = judge(row["low"], row["high"], Region(start=against), p)
    known = {name: row[name] for name in ("model", "n", "cases", "mean", "low", "high")}
    more = {"claim": claim, "control": control, "p": p, "against": against, "verdict": verdict}
    return known | more


def verdict_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row for each model, claim and control; `tables` are the summaries by name.

    Columns: model, claim, control, n, cases, mean, low, high, p, against, verdict (see
    `statistics.verdicts`).

        memory_beats_forgetting     final error of a forgetting control minus that of the same runs
        memory_held_in_latent       position error without the object at all minus that with the
                                    object until some step > 1/2 (1: held in the latent)
        memory_survives_noise       share of the runs right without noise that stay right > 1/2
        corrections_exceed_corruptions  gains minus losses a run
        most_committed_early        share of runs that commit within EARLY of the steps > 1/2
        wrong_becomes_right, open_becomes_right
                                    share of those at EARLY of the steps that end right > 1/2
        perception_before_action    lag of motion behind localisation, as such and beyond the null
        holds_more_than_posterior   candidates shown beyond the posterior mean's
        commits_after_ideal         commitment step minus the ideal denoiser's
    """
    rows = [
        *_memory(tables["memory"], tables["memory_noise"]),
        *_correction(tables["correction"], tables["correction_tests"]),
        *_perception(tables["perception"]),
        *_posterior(tables["posterior"]),
    ]
    return pd.DataFrame([row for row in rows if row is not None], columns=list(COLUMNS))


def _memory(memory: pd.DataFrame, noise: pd.DataFrame) -> Iterator[Row | None]:
    whole = memory[(memory["task"] == ALL) & (memory["split"] == ALL)]
    control = whole[whole["part"] == "control"]
    for condition in ("absent", "changed"):
        for quantity in ERRORS:
            rows = control[(control["condition"] == condition) & (control["quantity"] == quantity)]
            yield judge_row(rows, "memory_beats_forgetting", f"{quantity}, {condition}")
    held = whole[(whole["part"] == "held") & (whole["quantity"] == "position")]
    for step, rows in held.groupby("step"):
        yield judge_row(rows, "memory_held_in_latent", f"withheld from step {int(step)}", 0.5)
    pooled = noise[(noise["task"] == "memory") & noise["index"].isna()].assign(p=float("nan"))
    for kind, read, control in (
        ("step", "", "at a step"),
        ("frame", "False", "at a frame that is not read"),
        ("frame", "True", "at a frame that is read"),
    ):
        known = pooled["read"].fillna("").astype(str) == read
        rows = pooled[(pooled["kind"] == kind) & known]
        yield judge_row(rows, "memory_survives_noise", control, 0.5)


def _correction(correction: pd.DataFrame, tests: pd.DataFrame) -> Iterator[Row | None]:
    """By kind and split of puzzle: pooled, gains of some and losses of others cancel out."""
    tests = tests[tests["span"] == "run"].rename(columns={"net": "mean"})
    for number, row in tests[tests["part"] == KIND].iterrows():
        control = f"{row['change']}, from step {int(row['step'])}, {_named(row)}"
        yield judge_row(tests.loc[[number]], "corrections_exceed_corruptions", control)
    kinds = correction[correction["part"] == KIND]
    mark = round(EARLY * kinds["step"].max()) if len(kinds) else 0
    for _, rows in kinds.groupby(["model", "solutions", "split"]):
        where = _named(rows.iloc[0])
        early = rows[rows["quantity"] == "committed_early"]
        yield judge_row(early.assign(p=float("nan")), "most_committed_early", where, 0.5)
        for state in ("wrong", "open"):
            named = rows["quantity"] == f"final_right_if_{state}"
            then = rows[named & (rows["step"] == mark)].assign(p=float("nan"))
            control = f"{state} at step {mark}, {where}"
            yield judge_row(then, f"{state}_becomes_right", control, 0.5)


def _named(row: pd.Series) -> str:
    return f"{row['split']}, {_kind(row['solutions'])}"


def _perception(perception: pd.DataFrame) -> Iterator[Row | None]:
    whole = perception[perception["split"] == ALL]
    for quantity in ("lag_mean", "lag_median"):
        for condition, control in (("clean", "all runs"), ("difference", "beyond the null")):
            rows = whole[(whole["quantity"] == quantity) & (whole["condition"] == condition)]
            yield judge_row(rows, "perception_before_action", f"{quantity}, {control}")


def _posterior(posterior: pd.DataFrame) -> Iterator[Row | None]:
    rule = posterior[(posterior["prior"] == "rule") & posterior["step"].isna()]
    names = {"own": "holds_more_than_posterior", "commitment_lag": "commits_after_ideal"}
    for quantity, claim in names.items():
        for (task, kind, split), rows in rule[rule["quantity"] == quantity].groupby(
            ["task", "solutions", "split"]
        ):
            yield judge_row(rows, claim, f"{task}, {_kind(kind)}, {_kind(split)}")


def _kind(label: str) -> str:
    """A label of solutions or split in words."""
    words = {"one": "one right answer", "several": "several right answers", ALL: "all cases"}
    return words.get(label, label)


def dispute(verdicts: pd.DataFrame, tests: pd.DataFrame, model: str) -> str:
    """What one model's numbers say in the dispute over self-correction, in and out of domain.

    The paper holds that later steps correct; others that answers are fixed within few steps and
    wrong ones are not rescued. verdicts, tests: see `verdict_table` and `correction_tests`.
    """
    rows = tests[(tests["model"] == model) & (tests["part"] == KIND)]
    rows = rows[(rows["solutions"] == "one") & (rows["span"] == "run") & (rows["step"] == 0)]
    if not len(rows):
        return "No puzzle has one right answer, so nothing is said on self-correction."
    verdict_of = verdicts[verdicts["model"] == model].set_index(["claim", "control"])["verdict"]
    sides = (
        f"{split.capitalize()}, {_side(verdict_of, mine.set_index('change'), split)}"
        for split, mine in rows.groupby("split")
    )
    return f"From step 0 to the end, on puzzles with one right answer: {' '.join(sides)}"


def _side(verdict_of: pd.Series, rows: pd.DataFrame, split: str) -> str:
    found, sides, where = [], {}, f"{split}, {_kind('one')}"
    for change, gains, losses in (
        ("strict", "corrections of a wrong answer", "corruptions"),
        ("wide", "runs that become right", "runs that cease to be"),
    ):
        row = rows.loc[change]
        claim = ("corrections_exceed_corruptions", f"{change}, from step 0, {where}")
        sides[change] = verdict_of.get(claim, UNDECIDED)
        words = {HOLDS: "outnumber", REVERSED: "are outnumbered by"}
        found.append(
            f"{gains} ({int(row['gained'])}) {words.get(sides[change], 'do not outnumber')}"
            f" {losses} ({int(row['lost'])}; net a run"
            f" {with_interval(row['net'], row['low'], row['high'], '.3f')})"
        )
    early = verdict_of.get(("most_committed_early", where), UNDECIDED)
    if sides["strict"] == HOLDS:
        side = "This sides with self-correction."
    elif early == HOLDS and sides["wide"] == HOLDS:
        side = (
            "Answers that can be read are fixed within the first steps; what later steps mend is"
            " answers that could not yet be read."
        )
    elif early == HOLDS:
        side = "This sides with those who find answers fixed within the first steps."
    else:
        side = "This decides for neither side."
    return f"{'; '.join(found)}. {side}"
