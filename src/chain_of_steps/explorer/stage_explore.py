"""The stage that prepares one shard's runs for the explorer."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.explorer.settings import WithExplorer
from chain_of_steps.places import CASES
from chain_of_steps.settings.cases import WithCases
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, seeds_of
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.stage import OUT_FOLDER, Option, Stage


class Settings(WithModels, WithSampler, WithSeeds, WithCases, WithExecution, WithExplorer):
    pass


STAGE = Stage(
    name="explore",
    text="Pictures and numbers of one shard's runs for the explorer; --out is a folder.",
    settings=Settings,
    takes={"cases": CASES},
    asks=("model",),
    options=(
        OUT_FOLDER,
        Option("--trajectory", {"type": Path, "required": True, "help": "of `cos sample`"}),
        Option("--readouts", {"type": Path, "help": "table of `cos read`; puzzles only"}),
        Option("--scores", {"type": Path, "help": "table vbvr_scores of VBVR-Bench"}),
        Option("--maps", {"type": Path, "help": "table token_maps_runs of the layer analysis"}),
    ),
    loads_model=True,
)


def run(
    settings: Settings,
    *,
    model: str,
    cases: Path,
    trajectory: Path,
    out: Path,
    readouts: Path | None = None,
    maps: Path | None = None,
    scores: Path | None = None,
) -> None:
    import numpy as np

    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases.folders import INDEX, cases_of, first_of_each
    from chain_of_steps.explorer.data import explore_shard, interventions
    from chain_of_steps.files import atomic_path
    from chain_of_steps.models.adapters import load_codec, load_model
    from chain_of_steps.trajectory import Trajectory

    fields = settings.explorer
    runs = Trajectory.checked(trajectory)
    seeds = seeds_of(settings, model)[: fields.seeds]
    index = read_table(cases / INDEX)
    limit = fields.cases if settings.cases.source == "puzzles" else None
    shown = set(index["case"]) if limit is None else first_of_each(index, limit)
    noisy = first_of_each(index, fields.noise_cases)
    energy = None if maps is None else read_table(maps)
    shown |= set() if energy is None else set(energy["case"])
    table = runs.runs
    runs = runs.select(np.flatnonzero(table["case"].isin(shown) & table["seed"].isin(seeds)))
    mine = cases_of(cases, runs.runs)
    looks = None
    if readouts is not None:
        looks = read_table(readouts)
        looks = looks[looks["model"] == model].merge(runs.runs[["case", "seed"]])
    # UniPC looks back at earlier steps, so its runs cannot be forked
    forks = settings.sampler.solver == "euler"
    names = interventions(fields, runs.n_steps, runs.x.shape[3]) if forks else []
    disturbed = [case for case in mine if case.name in noisy]
    adapter = (load_model if names and disturbed else load_codec)(settings, model)
    with atomic_path(out, STAGE.name) as folder:
        nfe = explore_shard(
            folder,
            adapter,
            runs,
            mine,
            looks,
            noisy_cases=disturbed,
            noises=names,
            settings=fields,
            maps=energy,
            scores=None if scores is None else read_table(scores),
        )
    print(f"{len(runs.runs)} clean runs, {nfe} NFE for runs under noise")
