"""The stage that sums the behaviours up."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.behaviours.places import BEHAVIOURS
from chain_of_steps.places import CASES
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import Files, Stage

RUNS = tuple(f"{name}_runs.parquet" for name in BEHAVIOURS)
TABLES = (
    *("memory.csv", "memory_noise.csv", "correction.parquet", "correction_tests.csv"),
    *("perception.csv", "posterior.parquet", "behaviour_verdicts.csv"),
    "behaviour_outcomes.parquet",
)
STAGE = Stage(
    name="behaviour-summary",
    text="Behaviours of all runs: means with intervals, tests, verdicts; --out is a folder.",
    settings=WithStatistics,
    takes={
        "cases": CASES,
        "tables": Files("tables", (*RUNS, "perturbation.csv", "readouts.parquet")),
    },
    makes={"out": Files("tables", TABLES)},
)


def run(settings: WithStatistics, *, cases: Path, tables: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.behaviours import correction, memory, perception, posterior
    from chain_of_steps.experiments.behaviours.outcomes import behaviour_outcomes
    from chain_of_steps.experiments.behaviours.verdicts import verdict_table
    from chain_of_steps.statistics.resampling import Resampling

    resampling = Resampling.of(settings.statistics)
    index = read_table(cases / INDEX)
    runs = {name: read_table(tables / f"{name}_runs.parquet") for name in BEHAVIOURS}
    readouts = read_table(tables / "readouts.parquet")
    noise = read_table(tables / "perturbation.csv")
    made = {
        "memory": memory.memory_table(runs["memory"], resampling=resampling),
        "memory_noise": memory.memory_noise_table(noise, resampling=resampling),
        "correction": correction.correction_table(readouts, index, resampling=resampling),
        "correction_tests": correction.correction_tests(readouts, index, resampling=resampling),
        "perception": perception.perception_table(runs["perception"], resampling=resampling),
        "posterior": posterior.posterior_table(runs["posterior"], resampling=resampling),
    }
    made["behaviour_verdicts"] = verdict_table(made)
    made["behaviour_outcomes"] = behaviour_outcomes(runs, readouts, index)
    for name in TABLES:
        write_table(out / name, made[Path(name).stem])
