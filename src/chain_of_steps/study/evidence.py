"""What the outcomes of runs say on a claim: a number with its interval, tests, and its room.

The case is the unit: the runs of a case are averaged over seeds, steps and training seeds, and
cases are drawn within their task; `statistics.cases` has the rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from scipy.stats import norm

from chain_of_steps.errors import UserError
from chain_of_steps.outcomes import LABELS, RUN
from chain_of_steps.statistics.cases import (
    CaseSample,
    case_means,
    detectable,
    interval,
    p_at,
    slope,
)
from chain_of_steps.statistics.resampling import STANDARD, Resampling
from chain_of_steps.statistics.tests import minimal_detectable_difference
from chain_of_steps.statistics.verdicts import Finding
from chain_of_steps.study.claims import ROOM, Claim
from chain_of_steps.tasks.reader import ACCEPT

PLACES = {"first": 0.0, "middle": 0.5, "last": 1.0}
OF_CASES = ("task", "split", "solutions", "need")  # labels of a case, which room is looked up by
_SHOWN = 12  # values that an error lists
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Group:
    """A model of the matrix.

    models: its training seeds, of which some were looked at when it was `chosen`. parameters: of
    its transformers, None if not known.
    """

    name: str
    models: tuple[str, ...]
    parameters: int | None = None
    chosen: frozenset[str] = frozenset()

    def counted(self, claim: Claim) -> tuple[str, ...]:
        """The training seeds that count for a claim."""
        return tuple(m for m in self.models if not (claim.held_out and m in self.chosen))


@dataclass(frozen=True)
class Measured:
    """A number over cases.

    by_model: mean over cases of each training seed. p(bound): two-sided, of the number being at a
    bound. detectable: smallest effect that is found with probability 0.8. nan where nothing can be
    told.
    """

    runs: int
    cases: int
    value: float
    low: float = math.nan
    high: float = math.nan
    detectable: float = math.nan
    by_model: Mapping[str, float] = field(default_factory=dict)
    p: Callable[[float], float] = lambda bound: math.nan

    @property
    def finding(self) -> Finding:
        return Finding(self.value, self.low, self.high, self.p)


@dataclass(frozen=True)
class Room:
    """Share of runs right at the end minus at step 0, and how many runs could have changed.

    could_change: runs that are not right at step 0, of `runs`.
    """

    measured: Measured
    could_change: int
    runs: int

    @property
    def shown(self) -> bool:
        """Whether later steps certainly put some runs right."""
        return self.measured.low > 0

    def __str__(self) -> str:
        one = self.measured
        return (
            f"room {one.value:.3g} [{one.low:.3g} to {one.high:.3g}], "
            f"{self.could_change} of {self.runs} runs could change"
        )


def select(claim: Claim, table: pd.DataFrame, rows: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a table of outcomes that a claim asks for; none where they may be absent.

    Raises UserError naming the claim for an unknown column or value, and for labels (outcome,
    condition, step, layer, threshold) that are left open and would be averaged over.
    """
    from pandas.api.types import is_numeric_dtype

    def wrong(text: str) -> UserError:
        return UserError(f"claim {claim.id}: {text}")

    for name in rows:
        if name not in table:
            known = ", ".join(table.columns)
            raise wrong(f"{claim.table} has no column {name}: write one of {known}.")
    here, placed = table, {}
    for name, wanted in rows.items():
        if isinstance(wanted, str) and wanted in PLACES and is_numeric_dtype(table[name]):
            placed[name] = PLACES[wanted]
            continue
        column = here[name]
        left = here[_matches(column, wanted)]
        if left.empty and not here.empty and claim.absent is None and name not in OF_CASES:
            others = ", ".join(str(other) for other in column.drop_duplicates().iloc[:_SHOWN])
            raise wrong(
                f"{claim.table} has no row with {name}: {wanted} among those that the fields "
                f"before it leave; write one of {others}."
            )
        here = left
    for name, place in placed.items():
        values = sorted(here[name].dropna().unique())
        # the upper one of two middles: block 20 of 0 to 39, step 25 of 0 to 49
        index = min(int(place * len(values)), len(values) - 1)
        here = here[here[name] == values[index]] if values else here.iloc[:0]
    for name in LABELS:
        found = here[name].drop_duplicates()
        if name not in rows and len(found) > 1:
            some = ", ".join(map(str, found.iloc[:_SHOWN]))
            raise wrong(f"rows of {claim.table} with different {name} match ({some}): name it.")
    return here


def _matches(column: pd.Series, wanted: Any) -> pd.Series:
    if isinstance(wanted, Mapping):
        low, high = wanted.get("above", -math.inf), wanted.get("below", math.inf)
        return column.gt(low) & column.lt(high)
    if isinstance(wanted, list):
        return column.isin(wanted)
    if wanted is None:
        return column.isna() | column.eq("")
    return column == wanted


def rows_of(
    claim: Claim, threshold: float | None = None, changed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The fields that pick a claim's rows, some of them changed."""
    rows = {**claim.rows, **(changed or {})}
    if claim.threshold is not None and "threshold" not in rows:
        rows["threshold"] = claim.threshold["at"] if threshold is None else threshold
    return rows


def values_of(
    claim: Claim,
    table: pd.DataFrame,
    threshold: float | None = None,
    changed: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """One row a run: columns of a run, need, value; with `against` the difference run by run."""
    keys = [*RUN, "need"]
    rows = rows_of(claim, threshold, changed)
    sides = [select(claim, table, rows)]
    if claim.against:
        sides.append(select(claim, table, {**rows, **claim.against}))
    means = [side.groupby(keys, dropna=False)["value"].mean() for side in sides]
    if len(means) == 2:
        shared = means[0].index.intersection(means[1].index)
        means[0] = means[0].loc[shared] - means[1].loc[shared]
    return means[0].rename("value").reset_index()


def measure(
    claim: Claim,
    table: pd.DataFrame,
    group: Group,
    n_steps: int,
    *,
    threshold: float | None = None,
    changed: Mapping[str, Any] | None = None,
    limits: tuple[float, float] | None = None,
    resampling: Resampling = STANDARD,
) -> Measured | None:
    """What a claim's rows say of a model; None where there are none.

    threshold, changed: what differs from the claim. limits: of the measure, if not the claim's.
    Raises UserError where a value lies outside of the limits.
    """
    mine = table[table["model"].isin(group.counted(claim))]
    if mine.empty:
        return None
    runs = values_of(claim, mine, threshold, changed)
    if runs.empty:
        return None
    found = case_means(runs, "value", ["task", "case", "need"])
    limits = claim.limits(n_steps) if limits is None else limits
    by_model = case_means(runs, "value", ["model", "case"]).groupby("model")["value"].mean()
    facts: dict[str, Any] = {"runs": len(runs), "cases": len(found), "by_model": by_model.to_dict()}
    if claim.trend is not None:
        sample = CaseSample.of(found["value"], found["task"])
        value, low, high, p = slope(sample, found[claim.trend].astype(float))
        error = (high - low) / (2 * norm.ppf(0.975))
        return Measured(
            value=value,
            low=low,
            high=high,
            detectable=minimal_detectable_difference(error, 1),
            p=lambda bound: p if bound == 0 else float(2 * norm.sf(abs(value - bound) / error)),
            **facts,
        )
    for value in (found["value"].min(), found["value"].max()):
        if not limits[0] - _ROUNDING <= value <= limits[1] + _ROUNDING:
            raise UserError(f"claim {claim.id}: a value is {value:g}: write a range it can lie in.")
    sample = CaseSample.of(found["value"].clip(*limits), found["task"], limits)
    low, high = interval(sample, resampling=resampling)
    return Measured(
        value=sample.mean,
        low=low,
        high=high,
        detectable=detectable(sample, resampling),
        p=lambda bound: p_at(sample, bound, seed=resampling.seed),
        **facts,
    )


def room_of(
    claim: Claim, decision: pd.DataFrame | None, group: Group, resampling: Resampling = STANDARD
) -> Room | None:
    """The room of a model on the cases of a claim; None where it is not known.

    decision: the outcomes of the clean runs.
    """
    if decision is None or decision.empty:
        return None
    cases = {name: wanted for name, wanted in claim.rows.items() if name in OF_CASES}
    last = decision["step"].max()
    asked = claim.model_copy(
        update={
            "rows": {
                "outcome": "right",
                "condition": "accepted",
                "threshold": ACCEPT,
                **cases,
                "step": float(last),
            },
            "against": {"step": 0.0},
            "trend": None,
            "threshold": None,
            "absent": "no runs",
            "table": ROOM,
        }
    )
    found = measure(asked, decision, group, 1, limits=(-1, 1), resampling=resampling)
    if found is None:
        return None
    mine = decision[decision["model"].isin(group.counted(claim))]
    first = select(asked, mine, {**asked.rows, "step": 0.0})
    return Room(found, int((first["value"] == 0).sum()), len(first))
