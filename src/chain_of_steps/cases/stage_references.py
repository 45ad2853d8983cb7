"""The stage that reads videos whose answer is known."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES, REFERENCES
from chain_of_steps.settings.base import View
from chain_of_steps.stage import Stage

STAGE = Stage(
    name="references",
    text="Read the ground truth, a still, a cut and another case's video as a model's are read.",
    settings=View,
    takes={"cases": CASES},
    makes={"out": REFERENCES},
)


def run(settings: View, *, cases: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.cases.references import read_references

    names = read_table(cases / INDEX, columns=["case"])["case"].tolist()
    write_table(out, read_references(load_cases(cases, names)))
