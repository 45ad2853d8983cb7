"""The stage that compares the ensemble with what the same compute buys otherwise."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.ensemble.settings import WithEnsemble
from chain_of_steps.experiments.ensemble.stage_ensemble import RUNS
from chain_of_steps.places import CASES, READOUTS
from chain_of_steps.settings.models import WithModels, main_model, passes_of, seeds_of
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithSeeds, WithStatistics, WithEnsemble):
    pass


STAGE = Stage(
    name="compare",
    text="Compare the ensemble with what the same compute buys otherwise.",
    settings=Settings,
    takes={"cases": CASES, "readouts": READOUTS, "runs": RUNS},
    makes={
        "out": File("tables/compare.csv"),
        "outcomes": File("tables/ensemble_outcomes.parquet"),
    },
)


def run(
    settings: Settings, *, cases: Path, readouts: Path, runs: Path, out: Path, outcomes: Path
) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, load_cases, with_need
    from chain_of_steps.cases.references import read_references
    from chain_of_steps.experiments.ensemble.comparison import REFERENCE, compare, methods
    from chain_of_steps.experiments.ensemble.outcomes import ensemble_outcomes
    from chain_of_steps.experiments.ensemble.reach import beyond_reach
    from chain_of_steps.statistics.resampling import Resampling

    fields, resampling = settings.ensemble, Resampling.of(settings.statistics)
    name = main_model(settings)
    looks, made = read_table(readouts), read_table(runs)
    looks = with_need(looks[looks["model"] == name], cases)
    seeds = seeds_of(settings, name)[: fields.k]
    rows = methods(looks, made, seeds, fields.early, passes_of(settings.models[name]))
    index = read_table(cases / INDEX)
    mine = index.loc[index["case"].isin(rows["case"]), "case"].tolist()
    references = read_references(load_cases(cases, mine)).rename(columns={"kind": "method"})
    references = references.assign(model=name, kind=REFERENCE, nfe=0)
    rows = pd.concat([rows, references], ignore_index=True)
    far = beyond_reach(looks)
    tables = [
        compare(rows, resampling=resampling).assign(part="all"),
        compare(rows, resampling=resampling, by=["split"]).assign(part="split"),
        compare(rows[rows["case"].isin(far)], resampling=resampling).assign(part="beyond reach"),
    ]
    table = pd.concat([one for one in tables if len(one)], ignore_index=True)
    write_table(out, table.assign(model=name))
    write_table(outcomes, ensemble_outcomes(rows, index))
