"""Which chains are longer than what a model answers in one pass."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.measures import band_of, reach_of
from chain_of_steps.tasks.puzzle import kind_of


def beyond_reach(looks: pd.DataFrame) -> set[str]:
    """Names of the chains whose need is beyond the model's reach.

    looks: the readouts of one model, with need. The reach is that of all its chains together, by
    the answers that are accepted at step 0, which is what a run of one step gives.
    """
    chains = looks[(looks["task"].map(kind_of) == "chain") & (looks["need"] > 0)]
    first = chains[chains["step"] == chains["step"].min()]
    if first.empty:
        return set()
    right = first["correct"].astype(float)
    band = band_of(first["need"], reach_of(first["need"], right), right)
    return set(first.loc[band == "beyond reach", "case"])
