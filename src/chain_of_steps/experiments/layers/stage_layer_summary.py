"""The stage that sums a layer analysis up."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Stage

ANALYSES = ("token_energy", "layer_swap", "layer_patching", "layer_ablation")
STAGE = Stage(
    name="layer-summary",
    text="Means with intervals of a layer analysis.",
    settings=WithStatistics,
    takes={"table": File("tables/{analysis}_runs.parquet")},
    makes={"out": File("tables/{analysis}.csv")},
    asks=("analysis",),
    names={"analysis": ANALYSES},
)


def run(settings: WithStatistics, *, analysis: str, table: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.layers.ablation import summarise_ablation
    from chain_of_steps.experiments.layers.energy import summarise_energy
    from chain_of_steps.experiments.layers.maze_patching import summarise_patching
    from chain_of_steps.experiments.layers.swap import summarise_swap
    from chain_of_steps.statistics.resampling import Resampling

    how = (summarise_energy, summarise_swap, summarise_patching, summarise_ablation)
    summarise = dict(zip(ANALYSES, how, strict=True))[analysis]
    resampling = Resampling.of(settings.statistics)
    write_table(out, summarise(read_table(table), resampling=resampling))
