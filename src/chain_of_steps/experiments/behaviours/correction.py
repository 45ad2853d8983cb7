"""Self-correction and its opposite, from the answers read along the steps (paper, section 4.2).

A look at a run (the clean estimate of a step, or the result) is in one state:

    right   it reads as a right answer
    wrong   it reads as a wrong answer
    open    no answer can be read: several candidates half-drawn, or an incomplete one

wrong -> right is a correction and right -> wrong a corruption, also with open looks between them;
open -> right is a completion and right -> open a loss. A look is partial where it is not right but
its score is above 0. Whether later steps mend more than they spoil is a question about both
directions at once, and about cases, not flips: runs of one case share their picture.

Puzzles with several right answers are kept apart: there the early blend of answers is what the
posterior mean shows (see `posterior`), and its completion is no second thought.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from chain_of_steps.experiments.behaviours.summaries import ALL, MEAN, means
from chain_of_steps.measures import NO_ANSWER, commitment_step, with_solution_kind
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.tests import mcnemar, sign_flip_p

STATES = ("right", "wrong", "open")
CHANGES = ("corrections", "corruptions", "completions", "losses")
MARKS = (0.0, 0.1, 0.2, 0.4)  # shares of the steps after which a state is held against the end
KIND = "kind"  # puzzles with one and with several right answers, in and out of domain, apart
POOLINGS = {  # column part -> columns that are not pooled
    "all": (),
    "task": ("task",),
    "split": ("split",),
    "task_split": ("task", "split"),
    "seed": ("seed",),
    "solutions": ("solutions",),
    KIND: ("solutions", "split"),
}
BY_STEP = ("all", "split", "solutions", KIND)  # poolings with everything by step
STATES_BY_STEP = "task_split"  # and one with STATES alone
EARLY = 0.1  # share of the steps that counts as the first few
COMMITMENT = ("commitment", "commitment_share")
OUTCOMES = ("improved", "worsened", "committed_early")
LABELS = ["task", "split", "seed", "solutions"]
RUN = ["model", "case", *LABELS]


def states(readouts: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """The readouts in order of run and step, with more columns.

    solutions (one, several), state, final (state of the result), partial, candidates (effective
    number, nan where nothing is readable), entropy (its logarithm).
    """
    rows = with_solution_kind(readouts, cases)
    rows = rows.sort_values([*RUN, "step"], kind="stable").reset_index(drop=True)
    answered = rows["answer"] != NO_ANSWER
    rows["state"] = np.where(rows["correct"], "right", np.where(answered, "wrong", "open"))
    rows["final"] = rows.groupby(RUN, sort=False)["state"].transform("last")
    rows["partial"] = ((rows["score"] > 0) & ~rows["correct"].astype(bool)).astype(float)
    number = rows["n_candidates"].to_numpy(float)
    return rows.assign(candidates=number, entropy=np.log(number))


def by_look(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns that average to shares and conditional shares; nan where the condition fails."""
    found = {name: (rows["state"] == name).astype(float) for name in STATES}
    ends_right = (rows["final"] == "right").astype(float)
    for name in STATES:
        found[f"final_right_if_{name}"] = ends_right.where(rows["state"] == name)
    found["final_right_if_partial"] = ends_right.where(rows["partial"] > 0)
    return rows.assign(**found)


def settled(state: np.ndarray) -> np.ndarray:
    """States (R, S) with each open look replaced by the last look before it that was not."""
    looks = np.where(state == "open", -1, np.arange(state.shape[1]))
    latest = np.maximum.accumulate(looks, axis=1)
    kept = np.take_along_axis(state, np.maximum(latest, 0), axis=1)
    return np.where(latest < 0, "open", kept)


def changes(state: np.ndarray) -> dict[str, np.ndarray]:
    """Event of CHANGES -> how often it happens in each run (R,) of states (R, S)."""

    def count(states: np.ndarray, before: str, after: str) -> np.ndarray:
        return ((states[:, :-1] == before) & (states[:, 1:] == after)).sum(1)

    firm = settled(state)
    return {
        "corrections": count(firm, "wrong", "right"),
        "corruptions": count(firm, "right", "wrong"),
        "completions": count(state, "open", "right"),
        "losses": count(state, "right", "open"),
    }


def by_run(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a run: flips, CHANGES (counts), COMMITMENT, OUTCOMES.

    improved: not right at step 0 but at the end; worsened: the reverse. A run that ends without an
    answer never commits: its commitment counts as the last step, and it has not committed early,
    which is up to EARLY of the steps.
    """
    looks = rows["step"].nunique()
    runs = rows[RUN].iloc[::looks].reset_index(drop=True)
    answers = rows["answer"].to_numpy(int).reshape(-1, looks)
    state = rows["state"].to_numpy(str).reshape(-1, looks)
    step = commitment_step(answers)
    never = np.isnan(step)
    committed = np.where(never, looks - 1, step)
    first, last = state[:, 0] == "right", state[:, -1] == "right"
    return runs.assign(
        **changes(state),
        flips=(answers[:, 1:] != answers[:, :-1]).sum(1),
        improved=~first & last,
        worsened=first & ~last,
        commitment=committed,
        commitment_share=committed / (looks - 1),
        committed_early=~never & (step <= round(EARLY * (looks - 1))),
    )


def correction_table(
    readouts: pd.DataFrame, cases: pd.DataFrame, *, resampling: Resampling
) -> pd.DataFrame:
    """Means with 95 % intervals by case, of all models.

    Columns: model, part, task, split, seed, solutions (all where pooled), quantity, step, sigma
    (empty for quantities of a whole run), n, cases, mean, low, high. Per step: STATES, partial,
    candidates, entropy (nats), final_right_if_<state or partial>; per run: see `by_run`.
    """
    rows = by_look(states(readouts, cases))
    runs = by_run(rows)
    shares = [*STATES, "partial", *(name for name in rows if name.startswith("final_right_if_"))]
    options = {"resampling": resampling}
    tables = []
    for pooling in POOLINGS:
        here, of_runs = _labelled(rows, pooling), _labelled(runs, pooling)
        group = ["model", *LABELS]
        steps = [*group, "step", "sigma"]
        found = [
            means(of_runs, group, OUTCOMES, rate=True, **options),
            means(of_runs, group, ["flips", *CHANGES, *COMMITMENT], **options),
        ]
        if pooling in BY_STEP:
            found.append(means(here, steps, shares, rate=True, **options))
            found.append(means(here, steps, ["candidates", "entropy"], **options))
        if pooling == STATES_BY_STEP:
            found.append(means(here, steps, STATES, rate=True, **options))
        tables += [table.assign(part=pooling) for table in found]
    table = pd.concat(tables, ignore_index=True)
    return table[["model", "part", *LABELS, "quantity", "step", "sigma", *MEAN[:5]]]


def correction_tests(
    readouts: pd.DataFrame, cases: pd.DataFrame, *, resampling: Resampling
) -> pd.DataFrame:
    """Gains against losses, of all models.

    Columns: model, part, task, split, seed, solutions, change, span, step, n (runs), cases,
    gained, lost, share (gained among both), share_low, share_high (Wilson), mcnemar_p, net, low,
    high, p.

    change: strict is wrong -> right against right -> wrong; wide is not right -> right against
    right -> not right. span: run holds the state at `step` against the end; steps counts every
    change between neighbouring looks (step empty). McNemar takes flips as independent; net, the
    mean of gained - lost over runs, has an interval by case and p by sign flips of whole cases.
    """
    rows = states(readouts, cases)
    last = rows["step"].max()
    marks = sorted({round(share * last) for share in MARKS})
    found = []
    for pooling in POOLINGS:
        rows_of = _labelled(rows, pooling).groupby(["model", *LABELS], sort=True)
        for key, mine in rows_of:
            labels = {"part": pooling, **dict(zip(["model", *LABELS], key, strict=True))}
            looks = mine["step"].nunique()
            state = mine["state"].to_numpy(str).reshape(-1, looks)
            of_cases = mine["case"].to_numpy()[::looks]
            spans = [("run", k, state[:, [k, -1]]) for k in marks]
            for span, step, seen in [*spans, ("steps", np.nan, state)]:
                for change, (gained, lost) in gains(seen).items():
                    where = {"change": change, "span": span, "step": step}
                    tested = _tested(gained, lost, of_cases, resampling)
                    found.append(labels | where | tested)
    return pd.DataFrame(found)[["model", "part", *LABELS, *_TESTED]]


_TESTED = (
    *("change", "span", "step", "n", "cases", "gained", "lost"),
    *("share", "share_low", "share_high", "mcnemar_p", "net", "low", "high", "p"),
)


def _labelled(rows: pd.DataFrame, pooling: str) -> pd.DataFrame:
    """The rows with LABELS pooled but for those of POOLINGS; the order of rows stays."""
    kept = POOLINGS[pooling]
    return rows.assign(**{n: rows[n].astype(str) if n in kept else ALL for n in LABELS})


def gains(state: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Change (strict, wide) -> how often each run (R,) of states (R, S) gains and loses."""
    found, right = changes(state), state == "right"
    return {
        "strict": (found["corrections"], found["corruptions"]),
        "wide": (
            (~right[:, :-1] & right[:, 1:]).sum(1),
            (right[:, :-1] & ~right[:, 1:]).sum(1),
        ),
    }


def _tested(
    gained: np.ndarray, lost: np.ndarray, cases: Sequence[str], resampling: Resampling
) -> dict[str, float]:
    flips = mcnemar(int(gained.sum()), int(lost.sum()))
    change = pd.DataFrame({"group": 0, "net": gained - lost, "case": cases})
    options = {"signed": True, "resampling": resampling}
    net = mean_or_rate_ci(change, ["group"], "net", "case", **options).iloc[0]
    return {
        **{"n": len(change), "cases": len(set(cases)), "gained": flips.corrections},
        **{"lost": flips.corruptions, "share": flips.share, "share_low": flips.low},
        **{"share_high": flips.high, "mcnemar_p": flips.p, "net": net["mean"]},
        **{"low": net["low"], "high": net["high"]},
        "p": sign_flip_p(gained - lost, cases, seed=resampling.seed),
    }
