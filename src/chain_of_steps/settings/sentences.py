"""What is wrong with a section, in one sentence: from an error of pydantic and its JSON schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from chain_of_steps.errors import suggestion
from chain_of_steps.settings.base import REFUSAL


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a class as one would write it by hand.

    References are resolved, `null` becomes one of the types, titles that repeat names are left out.
    A section is described by the docstring of its class, but not an entry of a list or a map.
    """
    whole = model.model_json_schema()
    title = whole.pop("description", "").rstrip(".")
    return {"title": title, **_flat(whole, whole.get("$defs", {}))}


def _flat(part: dict[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    part = {name: value for name, value in part.items() if name not in ("$defs", "title")}
    if "$ref" in part:
        part = defs[part.pop("$ref").rpartition("/")[2]] | part
        return _flat(part, defs)
    if "anyOf" in part:  # a field that can be null: no other union stands in a section
        inner = _flat(part.pop("anyOf")[0], defs)
        part = {**inner, "type": [inner["type"], "null"], **part}
        if "enum" in part:
            part["enum"] = [*part["enum"], None]
    if "const" in part:
        part["enum"] = [part.pop("const")]
    if "patternProperties" in part:
        ((pattern, values),) = part.pop("patternProperties").items()
        part |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
    for name in ("items", "additionalProperties"):
        if isinstance(part.get(name), dict):
            part[name] = _flat(part[name], defs)
            part[name].pop("description", None)
    if "properties" in part:
        fields = part["properties"].items()
        part["properties"] = {name: _flat(field, defs) for name, field in fields}
    if "description" in part:
        part["description"] = " ".join(part["description"].split())
    return part


def explain(errors: ValidationError, whole: Mapping[str, Any]) -> str:
    """The first of the outermost errors as one sentence: the field, what is wrong, what to write.

    whole: the schema of the class, as `schema_of` writes it.
    """
    return _sentence(min(errors.errors(), key=_depth), whole)


def _depth(error: ErrorDetails) -> int:
    """Fields around the place where something is wrong: of a missing field, its parents."""
    inner = error["type"] in ("missing", "extra_forbidden") or error["loc"][-1:] == ("[key]",)
    late = error["type"] == REFUSAL  # these compare fields, which must be right by themselves
    return len(error["loc"]) - inner + 1000 * late


def _sentence(error: ErrorDetails, whole: Mapping[str, Any]) -> str:
    fault, path, value = error["type"], error["loc"], error["input"]
    details = {name: _number(detail) for name, detail in error.get("ctx", {}).items()}
    field = ".".join(map(str, path))
    if fault == REFUSAL:
        return details["sentence"]
    if fault == "extra_forbidden":
        known = list(_field(whole, path[:-1])["properties"])
        return f"unknown field {field}: " + suggestion(
            path[-1], known, f"known are {', '.join(known)}."
        )
    if fault == "missing":
        return f"field {field} is missing: write it."
    if path[-1:] == ("[key]",):  # what is wrong is the name of a field
        field, part = ".".join(map(str, path[:-2])), {}
    else:
        part = _field(whole, path)
    field = field or "the configuration"
    if fault in ("literal_error", "enum"):
        options = [str(option) for option in part["enum"] if option is not None]
        otherwise = f"write one of {', '.join(options)}."
        return f"{field} is {value!r}: {suggestion(value, options, otherwise)}"
    if fault.endswith("_type") or fault == "finite_number":
        types = part["type"]
        wanted = f"a value of type {types if isinstance(types, str) else ' or '.join(types)}"
    else:
        wanted = {
            "greater_than_equal": "{ge} or more",
            "less_than_equal": "{le} or less",
            "greater_than": "a number above {gt}",
            "less_than": "a number below {lt}",
            "too_short": "at least {min_length} of them",
            "too_long": "at most {max_length} of them",
            "not_distinct": "each of them once",
            "string_too_short": "a text that is not empty",
            "string_pattern_mismatch": "letters, digits, dots, dashes and underscores only",
        }.get(fault, f"another value ({error['msg']})")
        wanted = wanted.format(**details)
    about = part.get("description", "").split(". ")[0].rstrip(".")
    return f"{field} is {value!r}: write {wanted}{f' ({about})' if about else ''}."


def _number(value: Any) -> Any:
    """A limit with all its digits, and without a point where it is whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _field(part: Mapping[str, Any], path: Sequence[int | str]) -> Mapping[str, Any]:
    """The schema of the field at a path."""
    for name in path:
        inner = part["items"] if isinstance(name, int) else part.get("properties", {}).get(name)
        part = part["additionalProperties"] if inner is None else inner
    return part
