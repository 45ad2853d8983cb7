"""What holding a cheap decoder against the codec costs: no forward pass, but decodes."""

from __future__ import annotations

from collections.abc import Iterator

from chain_of_steps.costs import Group, Line
from chain_of_steps.decoding import Read, compared_by_codec

Settings = Read


def lines(settings: Read, groups: list[Group]) -> Iterator[Line]:
    total = sum(group.cases for group in groups)
    for name in settings.models:
        decodes = compared_by_codec(settings, name, total)
        yield Line("compare-reading", name, 1, total, 0, decodes)
