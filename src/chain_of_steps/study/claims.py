"""The paper against ours: a verdict for every claim of the paper (arXiv 2603.16870).

A file of claims (workflow/paper/expected.yaml) holds what the paper says, its published value,
and which row of which table tests it, as data. The test says where the number must lie; a claim

    holds            where the whole 95 % interval lies there
    does not hold    where the whole of it lies beyond the bound, on the other side
    cannot be tested with this model    elsewhere: undecided by the interval, or no measurement

and the reason says which; `statistics.verdicts` has the rules. A test that could only come out one
way is refused. Cheap to import.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    WithJsonSchema,
    with_config,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from chain_of_steps.errors import UserError
from chain_of_steps.files import read_yaml
from chain_of_steps.settings.base import Section
from chain_of_steps.settings.sentences import explain, schema_of
from chain_of_steps.statistics import verdicts
from chain_of_steps.statistics.text import NO_SPREAD, interval_text, p_text
from chain_of_steps.statistics.verdicts import LEVEL, Region

if TYPE_CHECKING:
    import pandas as pd

HOLDS, FAILS, UNTESTED = "holds", "does not hold", "cannot be tested with this model"
VERDICTS = (HOLDS, FAILS, UNTESTED)
_VERDICTS = {verdicts.HOLDS: HOLDS, verdicts.REVERSED: FAILS, verdicts.UNDECIDED: UNTESTED}
COLUMNS = (
    *("id", "claim", "where", "figure", "published", "published_words", "measure"),
    *("ours", "ci_low", "ci_high", "n", "model", "test", "verdict", "reason"),
)
_USUAL = {"value": "mean", "low": "low", "high": "high", "n": "n"}  # columns of most tables
_PLACES = {"first": 0.0, "middle": 0.5, "last": 1.0}
_SHOWN = 12  # values that an error lists
_ROUNDING = 1e-9


def _of_type(*types: type) -> AfterValidator:
    """A value of one of these types as it is: 2 stays 2, and nan is no number."""

    def check(value: Any) -> Any:
        finite = type(value) is not float or math.isfinite(value)
        if type(value) not in types or not finite:
            raise PydanticCustomError("value_type", "of another type")
        return value

    return AfterValidator(check)


Number = Annotated[Any, _of_type(int, float), WithJsonSchema({"type": "number"})]
Cell = Annotated[
    Any,
    _of_type(str, int, float, bool, NoneType),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
]
Text = Annotated[str, Field(min_length=1)]


@with_config(Section.model_config)
class Published(TypedDict):
    """What the paper says: its number, or null, and what it says about it in words."""

    value: Number | None
    words: Text


@with_config(Section.model_config)
class Columns(TypedDict, total=False):
    value: str
    low: str
    high: str
    n: str
    p: str


@with_config(Section.model_config)
class Test(TypedDict, total=False):
    above: Number
    below: Number
    within: Annotated[list[Number], Field(min_length=2, max_length=2)]


def _with_usual_columns(given: Any) -> Any:
    return {**_USUAL, **given} if isinstance(given, Mapping) else given


def _one_bound(test: Test) -> Test:
    if len(test) != 1:
        kind, limit = ("too_long", "max_length") if test else ("too_short", "min_length")
        raise PydanticCustomError(kind, "not one bound", {limit: 1})
    return test


class Claim(Section):
    """One claim of workflow/paper/expected.yaml."""

    id: str = Field(pattern="^[a-z0-9-]+$", description="Short name of the claim.")
    claim: Text = Field(description="What the paper says, in our words.")
    where: Text = Field(description="Section, figure or table of the paper.")
    published: Published = Field(
        description="The paper's number, or null, and what the paper says about it in words."
    )
    untestable: Text | None = Field(
        None,
        description="Why no table of any study here tests it; instead of the fields below.",
    )
    experiment: str | None = Field(
        None, description="The experiment of a study that makes the table."
    )
    figure: str | None = Field(
        None, pattern="^[a-z0-9_]+$", description="The figure or table of ours that shows it."
    )
    measure: Text | None = Field(None, description="What is measured, with its unit.")
    table: str | None = Field(
        None, pattern="^[a-z_]+[.](csv|parquet)$", description="File in figures/tables."
    )
    rows: dict[str, Cell] = Field(
        {},
        description=(
            "Column and value for each column that picks the one row; null is an empty cell; "
            "first, middle and last are places among the values of a column of numbers. The main "
            "model's rows are taken."
        ),
    )
    columns: Annotated[Columns, BeforeValidator(_with_usual_columns)] = Field(
        _USUAL,
        description=(
            "Names of the columns with the value, its interval, and n; p, if there is one, is a "
            "two-sided test against 0 and must be below 0.05 too."
        ),
    )
    test: Annotated[Test, AfterValidator(_one_bound)] = Field(
        {}, description="Where the whole 95 % interval must lie for the claim to hold."
    )
    range: Annotated[list[Number | None], Field(min_length=2, max_length=2)] = Field(
        [None, None],
        description="Smallest and largest value that the measure can take; null is no limit.",
    )
    scale: Literal["steps"] | None = Field(
        None, description="What the numbers of test and range are shares of."
    )
    absent: Text | None = Field(
        None,
        description="Why a study may have no such row; without it a missing row is an error.",
    )


@dataclass(frozen=True)
class Found:
    """What a table says: value, its 95 % interval, n, and p of a test against 0 (nan: none)."""

    value: float
    low: float
    high: float
    n: float
    p: float = math.nan


def load_claims(path: Path, known: Sequence[str] | None = None) -> list[Claim]:
    """The claims of a file, in its order. Raises UserError naming the first bad claim.

    known: the experiments that a claim may name; None takes any.
    """
    content = read_yaml(path, "a file of claims")
    if not isinstance(content, list) or not content:
        raise UserError(f"{path} holds no claims: write a list of them.")
    claims: list[Claim] = []
    for number, entry in enumerate(content, start=1):
        name = entry.get("id") if isinstance(entry, Mapping) else None
        try:
            claim = _read(entry)
            _check(claim, known)
            if claim.id in {other.id for other in claims}:
                raise UserError("there is one of this name before: write another id.")
        except UserError as error:
            raise UserError(f"{path}: claim {name or number}: {error}") from None
        claims.append(claim)
    return claims


def _read(entry: Any) -> Claim:
    try:
        return Claim.model_validate(entry)
    except ValidationError as error:
        raise UserError(explain(error, _schema())) from None


@cache
def _schema() -> dict[str, Any]:
    return schema_of(Claim)


def _check(claim: Claim, known: Sequence[str] | None) -> None:
    """What no field can say by itself; above all that the test can come out either way."""
    needed = ("experiment", "measure", "table", "test")
    given = [name for name in needed if getattr(claim, name)]
    if claim.untestable:
        if given:
            raise UserError(f"it is untestable, but has field {given[0]}: leave out one of them.")
        return
    missing = [name for name in needed if name not in given]
    if missing:
        raise UserError(f"field {missing[0]} is missing: write it, or why it is untestable.")
    if known is not None and claim.experiment not in known:
        raise UserError(f"experiment is {claim.experiment!r}: write one of {', '.join(known)}.")
    if "p" in claim.columns and set(claim.test.values()) != {0}:
        raise UserError("columns.p is a test against 0: write above: 0 or below: 0, or no p.")
    region, (least, most) = _region(claim), _limits(claim)
    reached = region.start < most and region.end > least and region.start <= region.end
    missed = region.start > least or region.end < most
    if not (reached and missed):
        raise UserError(
            f"a value in its range {list(claim.range)} is always or never {criterion(claim)}: "
            "write a test that can come out either way."
        )


def _region(claim: Claim, n_steps: int = 1) -> Region:
    """Where the test wants the number; shares of the steps are turned into steps."""
    start, end = claim.test.get("within", (-math.inf, math.inf))
    start, end = claim.test.get("above", start), claim.test.get("below", end)
    return Region(start * _unit(claim, n_steps), end * _unit(claim, n_steps))


def _limits(claim: Claim, n_steps: int = 1) -> tuple[float, float]:
    """The smallest and the largest value that the measure can take."""
    least, most = claim.range
    least = -math.inf if least is None else least * _unit(claim, n_steps)
    return least, math.inf if most is None else most * _unit(claim, n_steps)


def _unit(claim: Claim, n_steps: int) -> int:
    return n_steps if claim.scale == "steps" else 1


def criterion(claim: Claim, n_steps: int = 1) -> str:
    """The test in words."""
    region = _region(claim, n_steps)
    if region.is_band:
        return f"from {region.start:g} to {region.end:g}"
    return f"above {region.start:g}" if "above" in claim.test else f"below {region.end:g}"


def tables_of(claims: Sequence[Claim], experiments: Sequence[str]) -> list[str]:
    """Names of the tables that the claims on some experiments read, sorted."""
    return sorted({claim.table for claim in claims if claim.experiment in experiments})


def find(claim: Claim, table: pd.DataFrame, model: str) -> Found | None:
    """What the one row that a claim picks says, or None where it may be absent and is.

    The rows of `model` are taken, where the table has such a column. Raises UserError naming the
    claim for an unknown column, no row, several rows, or words in place of numbers.
    """
    from pandas.api.types import is_numeric_dtype

    def wrong(text: str) -> UserError:
        return UserError(f"claim {claim.id}: {text}")

    for name in (*claim.rows, *claim.columns.values()):
        if name not in table:
            known = ", ".join(table.columns)
            raise wrong(f"{claim.table} has no column {name}: write one of {known}.")
    wanted = ({"model": model} if "model" in table else {}) | dict(claim.rows)
    places = {
        name: _PLACES[value]
        for name, value in wanted.items()
        if value in _PLACES and is_numeric_dtype(table[name])
    }
    here = table
    for name, value in wanted.items():
        if name in places:
            continue
        column = here[name]
        left = here[column.isna() if value is None else column == value]
        if left.empty and claim.absent is None:
            others = ", ".join(str(other) for other in column.drop_duplicates().iloc[:_SHOWN])
            asked = ", ".join(f"{n}: {v}" for n, v in wanted.items() if n != name)
            raise wrong(
                f"{claim.table} has no row with {name}: {value} among those with {asked}; "
                f"write one of {others}."
            )
        here = left
    for name, place in places.items():
        values = sorted(here[name].dropna().unique())
        # the upper one of two middles: block 20 of 0 to 39, step 25 of 0 to 49
        index = min(int(place * len(values)), len(values) - 1)
        here = here[here[name] == values[index]] if values else here.iloc[:0]
    if here.empty:
        return None
    if len(here) > 1:
        raise wrong(f"{len(here)} rows of {claim.table} match: name more of its columns in rows.")
    row = here.iloc[0]
    try:
        numbers = {name: float(row[column]) for name, column in claim.columns.items()}
    except (TypeError, ValueError):
        raise wrong(f"{claim.table} has words where numbers are asked for.") from None
    return Found(**numbers)


def judge(claim: Claim, found: Found | None, n_steps: int) -> tuple[str, str]:
    """Verdict and reason. Raises UserError for a value outside the claim's range."""
    if claim.untestable is not None:
        return UNTESTED, claim.untestable
    if found is None:
        return UNTESTED, f"no measurement: {claim.absent}"
    least, most = _limits(claim, n_steps)
    if found.value < least - _ROUNDING or found.value > most + _ROUNDING:
        raise UserError(
            f"claim {claim.id}: its value is {found.value:g}: write a range it can lie in."
        )
    if math.isnan(found.value) or math.isnan(found.low):
        return UNTESTED, "undecided: no interval, as there are too few cases"
    region, wanted = _region(claim, n_steps), criterion(claim, n_steps)
    verdict = verdicts.judge(found.low, found.high, region, found.p)
    return _VERDICTS[verdict], _reason(verdict, found, region, wanted)


def _reason(verdict: str, found: Found, region: Region, wanted: str) -> str:
    """Why the verdict on a number with an interval is what it is."""
    inside = region.holds(found.low, found.high)
    outside = region.excludes(found.low, found.high)
    equal = found.low == found.high
    width = f" ({NO_SPREAD}: every resample gives the same)" if equal else ""
    if verdict == verdicts.HOLDS:
        return f"the whole interval is {wanted}{width}"
    if verdict == verdicts.REVERSED:
        return f"no part of the interval is {wanted}{width}"
    if found.p >= LEVEL and (inside or outside):
        return f"undecided: the paired test does not tell it from 0 ({p_text(found.p)})"
    if equal or found.high == region.start or found.low == region.end:
        return f"undecided: no part of the interval is {wanted}, but it ends at the bound{width}"
    return f"undecided: only a part of the interval is {wanted}"


def judge_claims(
    claims: Sequence[Claim], tables: Mapping[str, pd.DataFrame], model: str, n_steps: int
) -> pd.DataFrame:
    """One row a claim: COLUMNS. tables: by file name; model: the main one; n_steps: its sampler's.

    `published` is the paper's number, `ours` the table's; both may be nan, and so may n.
    """
    import pandas as pd

    rows = []
    for claim in claims:
        found = None if claim.untestable else find(claim, tables[claim.table], model)
        verdict, reason = judge(claim, found, n_steps)
        row = {name: getattr(claim, name) for name in ("id", "claim", "where", "figure", "measure")}
        row |= {"published": claim.published["value"], "model": model}
        row |= {"published_words": claim.published["words"]}
        if found is not None:
            row |= {"ours": found.value, "ci_low": found.low, "ci_high": found.high, "n": found.n}
        row["test"] = None if claim.untestable else criterion(claim, n_steps)
        rows.append({**row, "verdict": verdict, "reason": reason})
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = dict.fromkeys(("published", "ours", "ci_low", "ci_high"), float)
    return table.astype({**numbers, "n": "Int64"})


def summary(table: pd.DataFrame, left_out: Sequence[str]) -> str:
    """What came out, in one paragraph: it also says how to read the verdicts."""
    model = table["model"].iloc[0]
    counts = table["verdict"].value_counts()
    hold, fail, rest = (int(counts.get(verdict, 0)) for verdict in VERDICTS)
    undecided = int(table["reason"].str.startswith("undecided").sum())
    text = (
        f"Claims of arXiv 2603.16870 against the {model} model (its own results; published values "
        f"are the paper's, on its own models and puzzles). Of {len(table)} claims {hold} hold, "
        f"{fail} do not, and {rest} cannot be tested with this model, {undecided} of them because "
        "their interval or paired test leaves it undecided. A claim holds where the whole 95 % "
        "interval of what is measured lies where its test says, and does not hold where the whole "
        "of it lies beyond the bound, on the other side; one that ends at the bound decides "
        f"nothing. Where there is a paired test, p must be below {LEVEL}, too."
    )
    if left_out:
        text += f" Not part of this study: {', '.join(left_out)}."
    return text


def page(table: pd.DataFrame, text: str) -> str:
    """The table as Markdown, under a paragraph."""
    head = ["claim", "published", "measured here", "ours", "95 % interval", "n", "test", "verdict"]
    lines = [[*head, "why"], ["---"] * (len(head) + 1)]
    for row in table.itertuples():
        shown = f"[{row.figure}]({row.figure}.md)" if isinstance(row.figure, str) else ""
        measured = ", ".join(part for part in (_cell(row.measure), shown) if part)
        interval = "" if math.isnan(row.ours) else interval_text(row.ci_low, row.ci_high, ".3g")
        cells = [f"{_cell(row.claim)} ({_cell(row.where)})", _cell(row.published_words), measured]
        cells += ["" if math.isnan(row.ours) else f"{row.ours:.3g}", interval]
        cells += [_cell(row.n), _cell(row.test), f"**{row.verdict}**", _cell(row.reason)]
        lines.append(cells)
    rows = ["| " + " | ".join(cells) + " |" for cells in lines]
    return "\n".join(["# The paper against ours", "", text, "", *rows, ""])


def _cell(value: Any) -> str:
    """Text of a cell; nothing for what is missing."""
    import pandas as pd

    return "" if pd.isna(value) else str(value).replace("|", "\\|")
