"""The stage that keeps what the layers came to, run by run."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.places import CASES
from chain_of_steps.settings.base import View
from chain_of_steps.stage import File, Stage

STAGE = Stage(
    name="layer-outcomes",
    text="Energy contrasts and swaps, run by run, as the claims are judged on them.",
    settings=View,
    takes={
        "cases": CASES,
        "energy": File("tables/token_energy_runs.parquet"),
        "swaps": File("tables/layer_swap_runs.parquet"),
    },
    makes={"out": File("tables/layer_outcomes.parquet")},
)


def run(settings: View, *, cases: Path, energy: Path, swaps: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.layers.outcomes import layer_outcomes

    index = read_table(cases / INDEX)
    write_table(out, layer_outcomes(read_table(energy), read_table(swaps), index))
