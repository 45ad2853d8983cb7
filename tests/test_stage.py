"""A change of the configuration changes the stages that declare its section, and no others."""

import copy
from collections.abc import Iterator
from functools import cache

import pytest
from pydantic import ValidationError
from repository import ROOT

from chain_of_steps.files import digest_json
from chain_of_steps.stage import Stage, stages
from chain_of_steps.study.config import load_config, schema

WHOLE = "content"  # the one section of a view of everything


@cache
def resolved() -> dict:
    return load_config([ROOT / "config.yaml"]).resolved()


def leaves(value, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all fields; a list is one field."""
    if not isinstance(value, dict):
        yield path
    else:
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))


def words(part) -> Iterator[str]:
    """Every word that some field takes."""
    if isinstance(part, dict):
        yield from filter(lambda word: isinstance(word, str), part.get("enum", []))
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from words(inner)


WORDS = sorted(set(words(schema())))


def other_values(value) -> Iterator:
    """Values that a field might take instead; most are refused by most fields."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value + 16, value // 2, value * 0.9)
    elif isinstance(value, list):
        yield from (value[:-1], [*value, 7], [*value[:1], 0.9], *([*value, word] for word in WORDS))
        yield [*value, *value]
    elif isinstance(value, str):
        yield from ("other/place", *WORDS)
    elif value is None:
        yield from (3, 96, 0.3, "other", "float8", [1], ["other"], {"path": "other"})


def sections(stage: Stage) -> set[str]:
    fields = stage.settings.model_fields
    return set(resolved()) if WHOLE in fields else set(fields)


def digests(config: dict) -> dict[tuple[str, str | None], str]:
    """(stage, model that it is told) -> digest of its settings, as its rule takes it."""
    return {
        (stage.name, model): digest_json(stage.view(config, model).model_dump(by_alias=True))
        for stage in stages()
        for model in (resolved()["models"] if "model" in stage.asks else [None])
    }


def changed_at(path: tuple[str, ...]) -> set[tuple[str, str | None]]:
    """The stages whose digest another value of a field changes."""
    before = digests(resolved())
    config = copy.deepcopy(resolved())
    *above, name = path
    place = config
    for one in above:
        place = place[one]
    if path == ("cases", "source"):
        place["path"] = "my/cases"  # as any other source needs it
    if path == ("sampler", "levels"):
        place |= {"schedule": "list", "steps": 1}  # as a list of one needs it
    for value in other_values(was := place[name]):
        place[name] = value
        if value == was:
            continue
        try:
            after = digests(config)
        except ValidationError:
            continue
        return {one for one in before if before[one] != after[one]}
    raise AssertionError(f"no other value of {'.'.join(path)} is taken: name one in other_values")


@pytest.mark.parametrize("path", list(leaves(resolved())), ids=".".join)
def test_a_field_changes_the_digest_of_those_that_declare_its_section(path):
    section, main = path[0], next(iter(resolved()["models"]))
    expected = {
        (stage.name, model)
        for stage in stages()
        if section in sections(stage)
        for model in (resolved()["models"] if "model" in stage.asks else [None])
        # of the models a stage that is told one sees that and the main one
        if section != "models" or model is None or path[1] in (main, model)
    }
    assert changed_at(path) == expected
    assert expected
