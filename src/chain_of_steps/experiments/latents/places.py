"""What the latents' figures take of a study that has it, and where it lies."""

from __future__ import annotations

from typing import Any

from chain_of_steps.stage import File


def noise_is_filmed(study: Any) -> bool:
    """Whether a study writes runs under noise as videos."""
    films = {"videos", "vbvr"} & set(study.experiments)
    return bool(films) and "noise" in study.vbvr.conditions


def is_scored(study: Any) -> bool:
    """Whether videos of a study are scored."""
    return "vbvr" in study.experiments


FLOWS = File("videos/{model}/noise-{shard}.flow.parquet", when=noise_is_filmed)
SCORES = File("tables/vbvr_scores.csv", when=is_scored)
