"""The claims of the paper (arXiv 2603.16870), as data: what each says, and what tests it.

A file of claims (workflow/paper/expected.yaml) holds what the paper says, its published value,
which rows of which table are measured, and where the number must lie. `study.evidence` measures,
`study.verdicts` judges. What is refused when the file is read: a test that could only come out one
way, a claim without a range or a smallest effect of interest, and more than `PRIMARY` primary
endpoints. Cheap to import.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
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
from chain_of_steps.statistics.verdicts import Region

PAPER = "2603.16870"  # on arXiv
PRIMARY = 8  # endpoints at most; the p of all are corrected together (Holm)
ROOM = "decision_outcomes.parquet"  # says which runs had room, for claims about steps
ROOM_OF = "decision"


def _of_type(*types: type) -> AfterValidator:
    """A value of one of these types as it is: 2 stays 2, and nan is no number."""

    def check(value: Any) -> Any:
        finite = type(value) is not float or math.isfinite(value)
        if type(value) not in types or not finite:
            raise PydanticCustomError("value_type", "of another type")
        return value

    return AfterValidator(check)


Number = Annotated[Any, _of_type(int, float), WithJsonSchema({"type": "number"})]
Text = Annotated[str, Field(min_length=1)]


def _wanted(value: Any) -> Any:
    """A cell, a list of cells, or {above: number, below: number}."""
    if isinstance(value, dict):
        good = bool(value) and value.keys() <= {"above", "below"}
        good = good and all(type(bound) in (int, float) for bound in value.values())
    else:
        cells = value if isinstance(value, list) and value else [value]
        good = all(type(cell) in (str, int, float, bool, NoneType) for cell in cells)
    if not good:
        raise PydanticCustomError("value_type", "of another type")
    return value


Rows = dict[
    str,
    Annotated[
        Any,
        AfterValidator(_wanted),
        WithJsonSchema({"type": ["string", "number", "boolean", "null", "array", "object"]}),
    ],
]


@with_config(Section.model_config)
class Published(TypedDict):
    """What the paper says: its number, or null, and what it says about it in words."""

    value: Number | None
    words: Text


@with_config(Section.model_config)
class Test(TypedDict, total=False):
    above: Number
    below: Number
    within: Annotated[list[Number], Field(min_length=2, max_length=2)]


@with_config(Section.model_config)
class Threshold(TypedDict):
    """What a reading hangs on: its name, the value that is used, and others that are tried."""

    name: Text
    at: Number
    over: list[Number]


@with_config(Section.model_config)
class Beside(TypedDict):
    """The same quantity elsewhere: in which words, and what is changed in rows."""

    words: Text
    rows: Rows


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
    about: Literal["steps"] | None = Field(
        None,
        description=(
            "steps: it is about what later steps do, so a model whose runs have no room to change "
            "decides nothing."
        ),
    )
    primary: bool = Field(
        False,
        description=(
            "Whether it is a primary endpoint: declared before the run, at most eight, their p "
            "corrected together. The others are descriptive."
        ),
    )
    held_out: bool = Field(
        False,
        description=(
            "Whether training seeds that a model was chosen by (models.<name>.chosen) are left out "
            "and the others alone count, for a quantity that it may have been chosen by."
        ),
    )
    same_as: str | None = Field(
        None, description="The claim before it that reads the same number, and counts for both."
    )
    measure: Text | None = Field(None, description="What is measured, with its unit.")
    table: str | None = Field(
        None,
        pattern="^[a-z_]+_outcomes[.](csv|parquet)$",
        description="File in figures/tables, of the columns of `chain_of_steps.outcomes`.",
    )
    rows: Rows = Field(
        {},
        description=(
            "Column and value, list of values or {above, below} for the rows that are measured; "
            "null is an empty cell; first, middle and last are places among the values of a column "
            "of numbers. Rows of one case are averaged, and so are its training seeds."
        ),
    )
    against: Rows = Field(
        {},
        description=(
            "What is changed in rows for the other side of a difference, run by run; a run that "
            "lacks one side does not count."
        ),
    )
    trend: Literal["need"] | None = Field(
        None, description="The slope of the case means on this column, within tasks, is measured."
    )
    threshold: Threshold | None = Field(
        None, description="The threshold of the reading, and others over which the verdict is told."
    )
    test: Annotated[Test, AfterValidator(_one_bound)] = Field(
        {}, description="Where the whole 95 % interval must lie for the claim to hold."
    )
    bounds: list[Number] = Field(
        [], description="Other bounds of an above or below test, over which the verdict is told."
    )
    sesoi: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description=(
            "Smallest effect of interest: how far beyond the bound the number is at all worth a "
            "claim. Short of it as a whole, the claim does not hold."
        ),
    )
    range: Annotated[list[Number | None], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="Smallest and largest value that the measure can take; null is no limit.",
    )
    scale: Literal["steps"] | None = Field(
        None, description="What the numbers of test, bounds, sesoi and range are shares of."
    )
    dose: Beside | None = Field(
        None, description="How much an intervention changes: in words, and what is changed in rows."
    )
    baseline: Beside | None = Field(
        None,
        description=(
            "The same quantity where there is no effect, such as the final video or another seed."
        ),
    )
    otherwise: Text | None = Field(
        None, description="What it would take to come out otherwise; of every primary endpoint."
    )
    absent: Text | None = Field(
        None,
        description="Why a study may have no such row; without it a missing row is an error.",
    )

    def region(self, n_steps: int = 1, bound: float | None = None) -> Region:
        """Where the test wants the number; shares of the steps are turned into steps."""
        unit = self.unit(n_steps)
        start, end = self.test.get("within", (-math.inf, math.inf))
        start, end = self.test.get("above", start), self.test.get("below", end)
        if bound is not None:
            start, end = (bound, end) if "above" in self.test else (start, bound)
        return Region(start * unit, end * unit)

    def limits(self, n_steps: int = 1) -> tuple[float, float]:
        """The smallest and the largest value that the measure can take."""
        unit, (least, most) = self.unit(n_steps), self.range or (None, None)
        least = -math.inf if least is None else least * unit
        return least, math.inf if most is None else most * unit

    def effect(self, n_steps: int = 1) -> float:
        """Smallest effect of interest."""
        return (self.sesoi or 0.0) * self.unit(n_steps)

    def unit(self, n_steps: int) -> int:
        return n_steps if self.scale == "steps" else 1

    def criterion(self, n_steps: int = 1) -> str:
        """The test in words."""
        region = self.region(n_steps)
        if region.is_band:
            return f"from {region.start:g} to {region.end:g}"
        return f"above {region.start:g}" if "above" in self.test else f"below {region.end:g}"


def load_claims(path: Path, known: Sequence[str] | None = None) -> list[Claim]:
    """The claims of a file, in its order. Raises UserError naming the first bad claim.

    known: the experiments that a claim may name, but for one whose table may be absent; None takes
    any.
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
            earlier = {other.id: other for other in claims}
            if claim.id in earlier:
                raise UserError("there is one of this name before: write another id.")
            if claim.same_as is not None and claim.same_as not in earlier:
                raise UserError(f"same_as is {claim.same_as!r}: write the id of a claim before it.")
            if claim.primary and sum(other.primary for other in claims) >= PRIMARY:
                raise UserError(f"it is one primary endpoint too many: write at most {PRIMARY}.")
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
    needed = ("experiment", "measure", "table", "rows", "test", "range", "sesoi")
    given = [name for name in needed if getattr(claim, name)]
    if claim.untestable:
        if given:
            raise UserError(f"it is untestable, but has field {given[0]}: leave out one of them.")
        return
    missing = [name for name in needed if name not in given]
    if missing:
        raise UserError(f"field {missing[0]} is missing: write it, or why it is untestable.")
    if known is not None and claim.experiment not in known and claim.absent is None:
        raise UserError(f"experiment is {claim.experiment!r}: write one of {', '.join(known)}.")
    if claim.primary and claim.otherwise is None:
        raise UserError("it is primary: write in field otherwise what would turn it.")
    if claim.primary and claim.same_as is not None:
        raise UserError("it is primary and the same as another: leave out one of them.")
    if claim.bounds and "within" in claim.test:
        raise UserError("bounds are of an above or below test: leave them out.")
    if claim.threshold is not None and "threshold" in claim.rows:
        raise UserError("threshold is a field of its own: leave it out of rows.")
    for bound in (None, *claim.bounds):
        _can_come_out_either_way(claim, bound)


def _can_come_out_either_way(claim: Claim, bound: float | None) -> None:
    region, (least, most) = claim.region(bound=bound), claim.limits()
    enough = region if region.is_band else region.by(claim.effect())
    reached = enough.start < most and enough.end > least and enough.start <= enough.end
    missed = region.start > least or region.end < most
    if region.is_band:  # outside by the smallest effect of interest
        wide = region.by(claim.effect())
        missed = wide.start > least or wide.end < most
    if not (reached and missed):
        named = claim.criterion() if bound is None else f"beyond {bound:g}"
        raise UserError(
            f"a value in its range {list(claim.range or [])} is always or never {named} by the "
            f"smallest effect of interest {claim.sesoi:g}: write a test that can come out either "
            "way."
        )


def tables_of(claims: Sequence[Claim], experiments: Sequence[str]) -> list[str]:
    """Names of the tables that the claims on some experiments read, sorted; room is among them."""
    found = {claim.table for claim in claims if claim.experiment in experiments and claim.table}
    if found and ROOM_OF in experiments:
        found.add(ROOM)
    return sorted(found)
