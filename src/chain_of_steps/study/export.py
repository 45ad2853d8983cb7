"""The verdicts in an open form that others can collect: docs/verdicts.md says what is in it.

One entry a claim and model, each with the scale that it was found at, so that entries of several
studies and tools can stand in one list. workflow/schemas/verdicts.schema.json describes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from chain_of_steps.files import digest_file
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.verdicts import VERDICTS
from chain_of_steps.study.claims import PAPER
from chain_of_steps.study.evidence import Group

FORM = "claims-and-verdicts/1"
TOOL = "chain_of_steps"
_NUMBERS = {"estimate": "ours", "p": "p", "detectable_effect": "detectable"}


def verdicts_file(
    table: pd.DataFrame,
    groups: Sequence[Group],
    *,
    study: str,
    experiments: Sequence[str],
    n_steps: int,
    resampling: Resampling,
    expected: Path,
    tables: Sequence[Path],
) -> dict[str, Any]:
    """JSON-able. table: as `verdicts.judge_claims` gives it; the others: what it was made of."""
    about = metadata(TOOL)
    return {
        "form": FORM,
        "tool": {"name": TOOL, "version": about["Version"], "licence": about["License-Expression"]},
        "paper": f"arXiv:{PAPER}",
        "study": study,
        "outcomes": list(VERDICTS),
        "digests": {
            "expected.yaml": digest_file(expected),
            **{path.name: digest_file(path) for path in tables},
        },
        "models": [
            {
                "name": group.name,
                "training_seeds": list(group.models),
                "chosen_by": sorted(group.chosen),
                "parameters": group.parameters,
            }
            for group in groups
        ],
        "experiments": list(experiments),
        "steps": n_steps,
        "resampling": {"resamples": resampling.n_boot, "seed": resampling.seed},
        "verdicts": [_entry(row, n_steps) for row in table.to_dict("records")],
    }


def _entry(row: Mapping[str, Any], n_steps: int) -> dict[str, Any]:
    said = {name: _known(row[name]) for name in row}
    interval = [said["ci_low"], said["ci_high"]]
    return {
        "id": said["id"],
        "claim": said["claim"],
        "where": said["where"],
        "published": {"value": said["published"], "words": said["published_words"]},
        "model": said["model"],
        "primary": bool(said["primary"]),
        "same_as": said["same_as"],
        "outcome": said["verdict"],
        "reason": said["reason"],
        "measure": said["measure"],
        "test": said["test"],
        "smallest_effect_of_interest": said["sesoi"],
        "interval": None if None in interval else interval,
        **{name: said[column] for name, column in _NUMBERS.items()},
        "scale": {
            "parameters": said["parameters"],
            "training_seeds": said["training_seeds"],
            "cases": said["cases"],
            "runs": said["n"],
            "steps": n_steps,
        },
    }


def _known(value: Any) -> Any:
    """A cell as JSON has it; null for what is missing."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if hasattr(value, "item") else value
