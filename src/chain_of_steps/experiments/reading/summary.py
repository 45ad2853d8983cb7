"""At which steps a cheap decoder reads as the codec does."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.cheap import agreement, cheap_steps
from chain_of_steps.settings.reading import Reading

ALL = "all"  # tasks together, which decide


def summarise(rows: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Agreement by model, task (and all) and checked step.

    rows: as `compared` gives them. Columns: model, decoder, task, step, sigma, n (cases), agrees,
    low, high, difference (mean, of the evidence), cheap (whether the step is read cheaply), and
    read_cheaply (how many steps of the model's runs are).
    """
    by = ["model", "decoder", "task", "step", "sigma"]
    table = agreement(pd.concat([rows.assign(task=ALL), rows], ignore_index=True), by)
    steps = {model: cheap_steps(of, reading) for model, of in rows.groupby("model")}
    table["cheap"] = [row.step in steps[row.model] for row in table.itertuples()]
    return table.assign(read_cheaply=table["model"].map(lambda model: len(steps[model])))
