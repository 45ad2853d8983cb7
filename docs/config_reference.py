"""Writes config-reference.md beside this file, and the schema for editors: `make docs`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from chain_of_steps.study.config import schema

PAGE = Path(__file__).with_name("config-reference.md")
SCHEMA = Path(__file__).parents[1] / "workflow/schemas/config.schema.json"
HEAD = """\
# Configuration reference

Generated from the classes of the sections, which
[study/config.py](../src/chain_of_steps/study/config.py) puts together, by `make docs`; edit those,
not this page. A study is a YAML file with some of these fields, laid over
[config.yaml](../config.yaml) with `--configfile`: map by map, while lists and values are
replaced. Fields without a default must be there. A misspelt field or a value out of range stops the
run before anything is computed, and the message names the field; an editor that reads
[config.schema.json](../workflow/schemas/config.schema.json) says so while one types.
"""


def page() -> str:
    single, parts = [], []
    for name, part in schema()["properties"].items():
        rows = list(fields(name, part))
        if len(rows) == 1:
            single += rows
        else:
            parts += [f"## {name}\n", f"{text(part)}\n", table(rows)]
    return "\n".join([HEAD, "## Single fields\n", table(single), *parts])


def exported() -> str:
    """The schema as editors read it."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | schema(), indent=1, ensure_ascii=False) + "\n"


def table(rows: list[tuple[str, ...]]) -> str:
    lines = [("field", "meaning", "values", "default"), ("---",) * 4, *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines
    )


def fields(path: str, part: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(path, meaning, values, default) of a field that holds a value, or of those inside it."""
    inner = [(f"{path}.{name}", field) for name, field in part.get("properties", {}).items()]
    for key, mark in (("items", "[]"), ("additionalProperties", ".<name>")):
        if isinstance(part.get(key), dict) and "properties" in part[key]:
            inner.append((f"{path}{mark}", part[key]))
    if not inner:
        default = f"`{plain(part['default'])}`" if "default" in part else ""
        yield f"`{path}`", text(part), values(part), default
    for name, field in inner:
        yield from fields(name, field)


def text(part: dict[str, Any]) -> str:
    return " ".join(part.get("description", "").split()).replace("<", "&lt;")


def values(part: dict[str, Any]) -> str:
    """The kind and range of a value in words, such as `integer, 1 or more`."""
    if "enum" in part:
        return "one of " + ", ".join(f"`{plain(value)}`" for value in part["enum"])
    kinds = part.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    words = [" or ".join({"array": "list", "object": "map"}.get(kind, kind) for kind in kinds)]
    for key, phrase in (
        ("minimum", "{} or more"),
        ("exclusiveMinimum", "above {}"),
        ("maximum", "at most {}"),
        ("exclusiveMaximum", "below {}"),
        ("minItems", "at least {} of them"),
        ("maxItems", "at most {} of them"),
        ("pattern", "matching `{}`"),
    ):
        if key in part:
            words.append(phrase.format(part[key]))
    for key in ("items", "additionalProperties"):
        if isinstance(part.get(key), dict):
            words.append(f"each {values(part[key])}")
    return ", ".join(word for word in words if word)


def plain(value: Any) -> str:
    """A value as one writes it in YAML."""
    return (
        yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMA.write_text(exported(), encoding="utf-8")
