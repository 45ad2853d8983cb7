"""Noise at steps and frames, its controls and references."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.commands.common import (
    Stage,
    add_video_options,
    load_model,
    require_euler,
    videos_of,
)
from chain_of_steps.study.config import load_config, seeds_of


def add(stage: Stage) -> None:
    stage(
        "references",
        cmd_references,
        "Read the ground truth, a still, a cut and another case's video as a model's are read.",
        *("cases", "out"),
    )
    perturb = stage(
        "perturb",
        cmd_perturb,
        "Noise at steps and frames, forked from the clean runs of a trajectory, with controls.",
        *("model", "cases", "trajectory", "out"),
    )
    perturb.add_argument(
        "--flow", type=Path, required=True, help="second table: comparisons with the clean runs"
    )
    add_video_options(perturb)
    noise = stage(
        "noise",
        cmd_noise,
        "What noise does: means with intervals, sensitivity, verdicts; --out is a folder.",
        "out",
    )
    noise.add_argument("--perturbation", type=Path, required=True, help="table of `cos perturb`")
    noise.add_argument("--references", type=Path, required=True, help="table of `cos references`")
    noise.add_argument("flows", nargs="+", type=Path, metavar="FLOW", help="tables of --flow")


def cmd_references(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.cases.references import read_references

    names = read_table(arguments.cases / INDEX, columns=["case"])["case"].tolist()
    write_table(arguments.out, read_references(load_cases(arguments.cases, names)))


def cmd_perturb(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table, write_tables
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.experiments.noise.perturbation import perturb_shard, plan
    from chain_of_steps.experiments.videos.writing import NoiseVideos
    from chain_of_steps.manifests import check_manifest
    from chain_of_steps.trajectory import Trajectory

    config = load_config(arguments.config)
    require_euler(config, "perturb")
    settings = config["perturbation"]
    check_manifest(arguments.trajectory)
    trajectory = Trajectory.load(arguments.trajectory)
    # Whatever does not fit these runs is refused before a model loads.
    planned = plan(settings, trajectory.n_steps, trajectory.x.shape[-3:])
    seeds = settings["seeds"] or seeds_of(config, arguments.model)[:1]
    index = read_table(arguments.cases / INDEX)
    number = index.groupby(["task", "split"]).cumcount()
    few = set(index.loc[number < settings["control_cases"], "case"])
    cases = load_cases(arguments.cases, list(dict.fromkeys(trajectory.runs["case"])))
    control_cases = [case for case in cases if case.name in few]
    videos = videos_of(config, arguments, cases)
    model = load_model(config, arguments.model)
    started = time.monotonic()
    table, flow, nfe = perturb_shard(
        model,
        trajectory,
        cases,
        control_cases,
        planned,
        seeds=seeds,
        layers=settings["layers"],
        keep=None if videos is None else NoiseVideos(model, cases, videos),
    )
    seconds = time.monotonic() - started
    parameters = {"model_digest": model.digest, "seeds": seeds, "layers": settings["layers"]}
    parameters |= {"batch": trajectory.made_by["batch"], "threads": config["execution"]["threads"]}
    parameters |= {"sweep": planned.sweep, "controls": planned.controls}
    if videos is not None:
        write_table(arguments.video_index, videos.index())
    write_tables(
        {arguments.out: table, arguments.flow: flow},
        inputs=[arguments.trajectory],
        parameters=parameters,
        nfe=nfe,
        seconds=seconds,
    )
    print(f"{len(table)} runs, {nfe} NFE, {seconds:.1f} s")


def cmd_noise(arguments) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.noise import tables as noise
    from chain_of_steps.statistics.resampling import Resampling

    config = load_config(arguments.config)
    resampling = Resampling(config["statistics"]["resamples"], config["statistics"]["seed"])
    rows = read_table(arguments.perturbation)
    flows = pd.concat([read_table(path) for path in arguments.flows], ignore_index=True)
    found = noise.effects(rows, flows)
    n_steps = config["sampler"]["steps"]
    for name, table in (
        ("noise", noise.noise_table(rows, read_table(arguments.references), n_steps, resampling)),
        ("cka", noise.cka_table(flows, resampling)),
        ("sensitivity", noise.sensitivity_table(found, resampling)),
        ("noise_verdicts", noise.verdict_table(rows, found, n_steps, resampling)),
    ):
        write_table(arguments.out / f"{name}.csv", table)
