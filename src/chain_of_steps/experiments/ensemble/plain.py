"""The runs of Table 1 in which nothing is averaged: of fewer steps, and the chosen loop."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from chain_of_steps.cases.folders import Case
from chain_of_steps.experiments.ensemble.comparison import LOOP, SINGLE, single_run
from chain_of_steps.experiments.ensemble.variants import COLUMNS
from chain_of_steps.experiments.loops.outcomes import words_of
from chain_of_steps.experiments.loops.passes import Passes, read_ends
from chain_of_steps.experiments.loops.settings import Loops
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Runs, batches


def run_plain(
    model: VideoModel,
    cases: Sequence[Case],
    seeds: Sequence[int],
    fields: Loops,
    *,
    shift: float,
    n_frames: int,
    batch: int,
) -> tuple[pd.DataFrame, int]:
    """One row a run, in the columns of `run_ensembles`, and the NFE.

    Runs of fewer steps are of every seed, as votes are held among them; the loop is of the first.
    """
    nfe, waiting = 0, []
    runs = Runs.planned(model, cases, seeds, n_frames)
    for picked in batches(runs.table, batch) if cases else ():  # a shard may have none
        some = runs.select(picked)
        job = Passes(some, fields, shift)
        made = [(SINGLE, single_run(run[2]), run) for run in job.few()]
        if some.table["seed"].iloc[0] == seeds[0]:
            grid = fields.grid(main=False)
            made += [(LOOP, words_of(*run[:3]), run) for run in job.loops(grid)]
        for kind, method, (*_, cost, ends) in made:
            for n, case in enumerate(some.given):
                known = some.table.iloc[n].to_dict() | {"kind": kind, "method": method}
                waiting.append((known | {"nfe": cost * job.passes}, case, ends[n]))
        nfe += job.nfe
    rows = [
        run | {"answer": run["accepted"], "correct": float(run["right_accepted"])}
        for run in read_ends(model, waiting)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"dose": float}), nfe
