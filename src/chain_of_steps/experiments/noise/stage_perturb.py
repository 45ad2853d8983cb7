"""The stage that puts noise into runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from chain_of_steps.experiments.noise.places import FLOW, ROWS
from chain_of_steps.experiments.noise.settings import WithPerturbation
from chain_of_steps.places import CASES, PERTURBATION, TRAJECTORY
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, seeds_of
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.stage import Stage


class Settings(WithModels, WithSampler, WithSeeds, WithExecution, WithPerturbation):
    pass


STAGE = Stage(
    name="perturb",
    text="Noise at steps and frames, forked from the clean runs of a trajectory, with controls.",
    settings=Settings,
    takes={"cases": CASES, "trajectory": TRAJECTORY},
    makes={"out": ROWS, "flow": FLOW},
    asks=("model",),
    loads_model=True,
    joined={PERTURBATION.place: ROWS},
    priority=1,  # the longest jobs: shorter ones fill the cores at the end
)


def run(
    settings: Settings, *, model: str, cases: Path, trajectory: Path, out: Path, flow: Path
) -> None:
    from chain_of_steps.cases.folders import need_puzzles

    perturb(settings, model, cases, trajectory, out, flow, check=need_puzzles)


def perturb(
    settings: Settings,
    model: str,
    cases: Path,
    trajectory: Path,
    out: Path,
    flow: Path,
    *,
    check: Callable = lambda cases: None,
    keep: Callable = lambda adapter, cases: None,
) -> None:
    """Perturbs the runs of a trajectory; `check` may refuse its cases before a model loads.

    keep(adapter, cases): what is given every result, see `perturb_shard`.
    """
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_tables
    from chain_of_steps.cases.folders import INDEX, cases_of, first_of_each
    from chain_of_steps.experiments.noise.ideal import ideal_runs
    from chain_of_steps.experiments.noise.perturbation import (
        conditions_of,
        perturb_shard,
        spread,
    )
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.trajectory import Trajectory

    require_euler(settings, "perturb")
    fields = settings.perturbation
    runs, index = Trajectory.checked(trajectory), read_table(cases / INDEX)
    names = index["case"]
    if fields.cases is not None:
        names = names[names.isin(first_of_each(index, fields.cases))]
        swept = runs.runs["case"].isin(names)
        runs = runs.select(swept.to_numpy().nonzero()[0].tolist())
    # Whatever does not fit these runs is refused before a model loads.
    conditions = conditions_of(fields, runs.sigmas, runs.x.shape[-3:])
    seeds = fields.seeds or seeds_of(settings, model)[:1]
    few = first_of_each(index, fields.control_cases)
    if fields.control_cases_per == "study":
        few = set(names.iloc[spread(len(names), fields.control_cases)])
    mine = cases_of(cases, runs.runs)
    check(mine)
    adapter = load_model(settings, model)
    started = time.monotonic()
    table, flows, nfe = perturb_shard(
        adapter,
        runs,
        mine,
        [case for case in mine if case.name in few],
        conditions,
        seeds=seeds,
        layers=fields.layers,
        keep=keep(adapter, mine),
    )
    swept = runs.select(runs.runs["seed"].isin(seeds).to_numpy().nonzero()[0].tolist())
    ideal = ideal_runs(adapter, swept, mine, conditions.sweep)
    table = pd.concat([table, ideal[list(table)]], ignore_index=True) if len(ideal) else table
    seconds = time.monotonic() - started
    parameters = {"model_digest": adapter.digest, "seeds": seeds, "layers": fields.layers}
    parameters |= {"batch": runs.made_by["batch"], "threads": settings.execution.threads}
    parameters |= {"sweep": conditions.sweep, "controls": conditions.controls}
    write_tables(
        {out: table, flow: flows},
        inputs=[trajectory],
        parameters=parameters,
        nfe=nfe,
        seconds=seconds,
    )
    print(f"{len(table)} runs, {nfe} NFE, {seconds:.1f} s")
