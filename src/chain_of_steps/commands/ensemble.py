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
    seeds_of,
    shard_cases,
    videos_of,
)
from chain_of_steps.config import load_config


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
    from chain_of_steps.artifacts import write_manifest, write_table
    from chain_of_steps.experiments.ensemble import run_ensembles, variants
    from chain_of_steps.experiments.videos import EnsembleVideos

    config = load_config(arguments.config)
    require_euler(config, "ensemble")
    settings = config["ensemble"]
    cases = shard_cases(config, arguments.cases, arguments.shard)[:: settings["every"]]
    methods = variants(settings["k"], tuple(settings["band"]), settings["many_steps"])
    videos = videos_of(config, arguments, cases)
    if not all(case.is_puzzle for case in cases):
        methods = [method for method in methods if method.goes_on != "all"]  # nothing to vote on
    n_frames = frames_of(config, cases)
    seeds = seeds_of(config, arguments.model)[: settings["k"]]
    model = load_model(config, arguments.model)
    started = time.monotonic()
    table = run_ensembles(
        model,
        cases,
        seeds,
        methods,
        steps=config["sampler"]["steps"],
        shift=config["sampler"]["shift"],
        n_frames=n_frames,
        batch=config["execution"]["batch"],
        keep=None if videos is None else EnsembleVideos(model, seeds[0], videos),
    )
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
    from chain_of_steps.cases import INDEX, load_cases
    from chain_of_steps.experiments.ensemble import compare, rivals
    from chain_of_steps.experiments.references import read_references

    config = load_config(arguments.config)
    settings, statistics = config["ensemble"], config["statistics"]
    model = next(iter(config["models"]))
    ensembles, cases = read_table(arguments.ensembles), read_table(arguments.cases / INDEX)
    cases = cases[cases["case"].isin(ensembles["case"])]
    readouts = read_table(arguments.readouts)
    readouts = readouts[(readouts["model"] == model) & readouts["case"].isin(cases["case"])]
    references = read_references(load_cases(arguments.cases, cases["case"].tolist()))
    outcomes = pd.concat(
        [
            rivals(readouts, seeds_of(config, model)[: settings["k"]], settings["early"]),
            ensembles,
            references.rename(columns={"kind": "method"}).assign(model=model, nfe=0),
        ]
    ).merge(cases[["case", "family"]], on="case")
    options = {"n_boot": statistics["resamples"], "seed": statistics["seed"]}
    parts = {(): "all", ("split",): "split", ("split", "family"): "family"}
    tables = [compare(outcomes, by=by, **options).assign(part=part) for by, part in parts.items()]
    write_table(arguments.out, pd.concat(tables, ignore_index=True))
