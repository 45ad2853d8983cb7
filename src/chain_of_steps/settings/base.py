"""What every section of the configuration has in common. Cheap to import."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

T = TypeVar("T")

NAME = "^[A-Za-z0-9][A-Za-z0-9._-]*$"  # of studies and models, which name folders
RESOLVED = "resolved"  # true in a file that the workflow wrote: checked, with all defaults
REFUSAL = "refusal"  # type of an error that is a whole sentence already


class Section(BaseModel):
    """A section: unknown fields, numbers as text, 3.0 for 3, nan and inf are all refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class View(BaseModel):
    """Some sections of a resolved configuration; the others are left out."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class Everything(View):
    """The whole of a resolved configuration, for what is about the study itself."""

    content: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, resolved: dict[str, Any]) -> dict[str, Any]:
        return {"content": resolved}


def refusal(sentence: str) -> PydanticCustomError:
    """The error of a check that no range of a field can say; the sentence reaches the user."""
    return PydanticCustomError(REFUSAL, "{sentence}", {"sentence": sentence})


def _distinct(values: list[Any]) -> list[Any]:
    if len({repr(value) for value in values}) < len(values):
        raise PydanticCustomError("not_distinct", "write each of them once")
    return values


MOST_SEED = 2**63 - 1  # of torch

# A list in which nothing stands twice, a number that counts from 0, and one that can seed.
Distinct = Annotated[
    list[T], AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True})
]
Index = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED)]
