"""What the latents' figures take of a study: how many cases, and what it may lack."""

from __future__ import annotations

from typing import Any

from chain_of_steps.stage import File

INSIDE = ("guidance", "energy", "settled")  # tables of what is seen inside the steps
# looked at inside every step, which costs a clean run's NFE for each
CASES = 4
# their clean estimates that are drawn, as shares of the run; more moves at first
SHOWN = (0.0, 0.06, 0.2, 0.5)


def noise_is_filmed(study: Any) -> bool:
    """Whether a study writes runs under noise as videos."""
    films = {"videos", "vbvr"} & set(study.experiments)
    return bool(films) and "noise" in study.vbvr.conditions


def is_scored(study: Any) -> bool:
    """Whether videos of a study are scored."""
    return "vbvr" in study.experiments


FLOWS = File("videos/{model}/noise-{shard}.flow.parquet", when=noise_is_filmed)
SCORES = File("tables/vbvr_scores.csv", when=is_scored)
