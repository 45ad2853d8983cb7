"""The experiments that a study can make, one row each. Cheap to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Experiment:
    """A word of the field `experiments`. forks: it forks or changes runs in between."""

    name: str
    title: str
    needs_puzzles: bool = False
    forks: bool = False


EXPERIMENTS = (
    Experiment("decision", "Figures 1, 2, S1", needs_puzzles=True),
    Experiment("noise", "Figure 3", needs_puzzles=True, forks=True),
    Experiment("behaviours", "Figures 4, 5, S3, S4", needs_puzzles=True, forks=True),
    Experiment("layers", "Figure 6", needs_puzzles=True, forks=True),
    Experiment("ensemble", "Table 1", needs_puzzles=True, forks=True),
    Experiment("videos", "every case and condition"),
    Experiment("vbvr", "their scores by VBVR-Bench"),
)
