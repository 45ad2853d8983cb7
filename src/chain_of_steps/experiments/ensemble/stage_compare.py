"""The stage that compares the ensemble with what the same compute buys otherwise."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.ensemble.settings import WithEnsemble, ensemble_seeds
from chain_of_steps.places import CASES, READOUTS
from chain_of_steps.settings.models import WithModels, main_model, passes_of
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import File, Stage


class Settings(WithModels, WithSeeds, WithStatistics, WithEnsemble):
    pass


STAGE = Stage(
    name="compare",
    text="Compare the ensemble with what the same compute buys otherwise.",
    settings=Settings,
    takes={"cases": CASES, "readouts": READOUTS, "ensembles": File("tables/ensemble.csv")},
    makes={"out": File("tables/compare.csv")},
)


def run(settings: Settings, *, cases: Path, readouts: Path, ensembles: Path, out: Path) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.cases.references import read_references
    from chain_of_steps.experiments.ensemble.comparison import SINGLE, compare, rivals
    from chain_of_steps.statistics.resampling import Resampling

    early = settings.ensemble.early
    resampling = Resampling.of(settings.statistics)
    parts = {(): "all", ("split",): "split", ("split", "family"): "family"}
    index, looks = read_table(cases / INDEX), read_table(readouts)
    references = read_references(load_cases(cases, index["case"].tolist()))
    tables = []
    for model, mine in read_table(ensembles).groupby("model", sort=False):
        plain, seeds = looks[looks["model"] == model], ensemble_seeds(settings, model)
        passes = passes_of(settings.models[model])
        if model == main_model(settings):
            plain = rivals(plain, seeds, early, passes)
            kinds = references.rename(columns={"kind": "method"}).assign(model=model, nfe=0)
            outcomes = pd.concat([plain, mine, kinds])
        else:
            # the earlier sibling is there to show the ensemble where there is more to gain
            plain = rivals(plain, seeds[:1], early, passes)
            outcomes = pd.concat([plain[plain["method"] == SINGLE], mine])
        outcomes = outcomes.merge(index[["case", "family"]], on="case")
        tables += [
            compare(outcomes, by=by, resampling=resampling).assign(part=part, model=model)
            for by, part in parts.items()
        ]
    write_table(out, pd.concat(tables, ignore_index=True))
