"""The stage that tells what noise did."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.noise.places import FLOW
from chain_of_steps.places import CASES, PERTURBATION, REFERENCES
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import Files, Stage


class Settings(WithSampler, WithStatistics):
    pass


TABLES = (
    *("noise.csv", "cka.csv", "sensitivity.csv", "noise_verdicts.csv"),
    "noise_outcomes.parquet",
)
STAGE = Stage(
    name="noise",
    text="What noise does: means with intervals, sensitivity, verdicts; --out is a folder.",
    settings=Settings,
    takes={
        "cases": CASES,
        "perturbation": PERTURBATION,
        "references": REFERENCES,
        "flows": FLOW,
    },
    makes={"out": Files("tables", TABLES)},
)


def run(
    settings: Settings,
    *,
    cases: Path,
    perturbation: Path,
    references: Path,
    flows: list[Path],
    out: Path,
) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.noise import tables
    from chain_of_steps.experiments.noise.outcomes import noise_outcomes
    from chain_of_steps.experiments.noise.verdicts import verdict_table
    from chain_of_steps.statistics.resampling import Resampling

    resampling = Resampling.of(settings.statistics)
    rows, steps = read_table(perturbation), settings.sampler.steps
    flow = pd.concat([read_table(path) for path in flows], ignore_index=True)
    found = tables.effects(rows, flow)
    made = (
        tables.noise_table(rows, read_table(references), steps, resampling),
        tables.cka_table(flow, resampling),
        tables.sensitivity_table(found, resampling),
        verdict_table(rows, found, steps, resampling),
        noise_outcomes(rows, flow, read_table(cases / INDEX), steps),
    )
    for name, table in zip(TABLES, made, strict=True):
        write_table(out / name, table)
