"""The training-free ensemble and its rivals."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.commands.common import (
    Stage,
    add_video_options,
    frames_of,
    load_model,
    require_euler,
    shard_cases,
    videos_of,
)
from chain_of_steps.study.config import load_config, main_model, seeds_of


def add(stage: Stage) -> None:
    ensemble = stage(
        "ensemble",
        cmd_ensemble,
        "Sample the training-free ensemble and its controls for one shard of cases.",
        *("model", "cases", "shard", "out"),
    )
    add_video_options(ensemble)
    compare = stage(
        "compare",
        cmd_compare,
        "Compare the ensemble with what the same compute buys otherwise.",
        *("cases", "readouts", "out"),
    )
    compare.add_argument("--ensembles", type=Path, required=True, help="table of the ensembles")


def cmd_ensemble(arguments) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import write_table
    from chain_of_steps.experiments.ensemble.ensembles import run_ensembles, variants
    from chain_of_steps.experiments.videos.writing import EnsembleVideos
    from chain_of_steps.manifests import write_manifest

    config = load_config(arguments.config)
    require_euler(config, "ensemble")
    settings = config["ensemble"]
    cases = shard_cases(config, arguments.cases, arguments.shard)
    videos, n_frames = videos_of(config, arguments, cases), frames_of(config, cases)
    methods = variants(settings["k"], tuple(settings["band"]), settings["many_steps"])
    if not all(case.is_puzzle for case in cases):
        methods = [method for method in methods if method.goes_on != "all"]  # nothing to vote on
    paper, *controls = methods
    work = [(cases, [paper])]
    if arguments.model == main_model(config):
        work.append((cases[:: settings["every"]], controls))
    seeds = _ensemble_seeds(config, arguments.model)
    model = load_model(config, arguments.model)
    started = time.monotonic()
    keep = None if videos is None else EnsembleVideos(model, seeds[0], videos)
    tables = [
        run_ensembles(
            model,
            some,
            seeds,
            methods,
            steps=config["sampler"]["steps"],
            shift=config["sampler"]["shift"],
            n_frames=n_frames,
            batch=config["execution"]["batch"],
            keep=keep,
        )
        for some, methods in work
    ]
    table = pd.concat(tables, ignore_index=True)
    if videos is not None:
        write_table(arguments.video_index, videos.index())
    nfe = int(table["nfe"].sum())
    write_table(arguments.out, table)
    write_manifest(
        arguments.out,
        parameters={
            "model_digest": model.digest,
            "settings": settings,
            "execution": config["execution"],
        },
        nfe=nfe,
        seconds=time.monotonic() - started,
    )
    print(f"{len(table)} outcomes, {nfe} NFE")


def cmd_compare(arguments) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.cases.references import read_references
    from chain_of_steps.experiments.ensemble.ensembles import SINGLE, compare, rivals
    from chain_of_steps.statistics.resampling import Resampling

    config = load_config(arguments.config)
    settings, statistics = config["ensemble"], config["statistics"]
    options = {"resampling": Resampling(statistics["resamples"], statistics["seed"])}
    parts = {(): "all", ("split",): "split", ("split", "family"): "family"}
    cases, readouts = read_table(arguments.cases / INDEX), read_table(arguments.readouts)
    references = read_references(load_cases(arguments.cases, cases["case"].tolist()))
    tables = []
    for model, ensembles in read_table(arguments.ensembles).groupby("model", sort=False):
        plain = readouts[readouts["model"] == model]
        passes = 2 if config["models"][model]["guidance"] > 1 else 1
        if model == main_model(config):
            plain = rivals(plain, _ensemble_seeds(config, model), settings["early"], passes)
            kinds = references.rename(columns={"kind": "method"}).assign(model=model, nfe=0)
            outcomes = pd.concat([plain, ensembles, kinds])
        else:
            # the earlier sibling is there to show the ensemble where there is more to gain
            plain = rivals(plain, _ensemble_seeds(config, model)[:1], settings["early"], passes)
            outcomes = pd.concat([plain[plain["method"] == SINGLE], ensembles])
        outcomes = outcomes.merge(cases[["case", "family"]], on="case")
        tables += [
            compare(outcomes, by=by, **options).assign(part=part, model=model)
            for by, part in parts.items()
        ]
    write_table(arguments.out, pd.concat(tables, ignore_index=True))


def _ensemble_seeds(config: dict, model: str) -> list[int]:
    """The model's own seeds first, so that its plain runs are there to compare with."""
    return list(dict.fromkeys([*seeds_of(config, model), *config["seeds"]]))[
        : config["ensemble"]["k"]
    ]
