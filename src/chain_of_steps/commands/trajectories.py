"""Cases, trajectories and what is read from them."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.commands.common import (
    Stage,
    check_prompts,
    frames_of,
    load_model,
    shard_cases,
)
from chain_of_steps.study.config import load_config, seeds_of


def add(stage: Stage) -> None:
    stage(
        "cases",
        cmd_cases,
        "Draw the evaluation cases of the study into folders, or take them from VBVR-Bench or a "
        "folder.",
        "out",
    )
    stage(
        "sample",
        cmd_sample,
        "Sample every case of a shard with every seed; store latents and clean estimates.",
        *("model", "cases", "shard", "out"),
    )
    stage(
        "read",
        cmd_read,
        "Decode the clean estimates of a trajectory and read their answers.",
        *("model", "cases", "trajectory", "out"),
    )
    join = stage("join", cmd_join, "Put tables of shards together.", "out")
    join.add_argument("tables", nargs="+", type=Path, metavar="TABLE", help="tables in order")
    stage(
        "timeline",
        cmd_timeline,
        "When runs commit: agreement with the final answer and live candidates, step by step.",
        *("cases", "readouts", "out"),
    )


def cmd_cases(arguments) -> None:
    from chain_of_steps.cases.folders import make_cases
    from chain_of_steps.cases.sources import take_cases
    from chain_of_steps.files import atomic_path
    from chain_of_steps.tasks.puzzle import SPLITS

    config = load_config(arguments.config)
    cases = config["cases"]
    with atomic_path(arguments.out) as folder:
        if cases["source"] != "puzzles":
            take_cases(folder, config)
            return
        make_cases(folder, cases["tasks"], {split: cases[split] for split in SPLITS}, cases["seed"])


def cmd_sample(arguments) -> None:
    from chain_of_steps.manifests import write_manifest
    from chain_of_steps.runs import run_shard

    config = load_config(arguments.config)
    cases = shard_cases(config, arguments.cases, arguments.shard)
    # what is broken is refused before a model loads
    for case in cases:
        case.check()
    check_prompts(config, arguments.model, cases)
    n_frames = frames_of(config, cases)
    model = load_model(config, arguments.model)
    started = time.monotonic()
    trajectory = run_shard(
        model,
        cases,
        seeds_of(config, arguments.model),
        steps=config["sampler"]["steps"],
        shift=config["sampler"]["shift"],
        n_frames=n_frames,
        batch=config["execution"]["batch"],
        solver=config["sampler"]["solver"],
    )
    seconds = time.monotonic() - started
    trajectory.save(arguments.out)
    write_manifest(
        arguments.out,
        parameters={**trajectory.made_by, "shard": arguments.shard, "cases": len(cases)},
        nfe=trajectory.made_by["nfe"],
        seconds=seconds,
    )
    nfe = trajectory.made_by["nfe"]
    print(f"{len(trajectory.runs)} runs, {nfe} NFE, {seconds:.1f} s")


def cmd_read(arguments) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.cases.folders import load_cases, need_puzzles
    from chain_of_steps.manifests import check_manifest, write_manifest
    from chain_of_steps.runs import read_trajectory
    from chain_of_steps.trajectory import Trajectory

    config = load_config(arguments.config)
    check_manifest(arguments.trajectory)
    trajectory = Trajectory.load(arguments.trajectory)
    cases = load_cases(arguments.cases, list(dict.fromkeys(trajectory.runs["case"])))
    need_puzzles(cases)
    model = load_model(config, arguments.model)
    started = time.monotonic()
    write_table(arguments.out, read_trajectory(model, trajectory, cases))
    write_manifest(
        arguments.out,
        inputs=[arguments.trajectory],
        parameters={"model_digest": model.digest, "execution": config["execution"]},
        seconds=time.monotonic() - started,
    )


def cmd_join(arguments) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.manifests import write_manifest

    started = time.monotonic()
    tables = [read_table(path) for path in arguments.tables]
    # an empty table has no types of its own, and would spoil those of the others
    tables = [table for table in tables if len(table)] or tables[:1]
    write_table(arguments.out, pd.concat(tables, ignore_index=True))
    write_manifest(
        arguments.out,
        inputs=arguments.tables,
        parameters={},
        seconds=time.monotonic() - started,
    )


def cmd_timeline(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.decision.timeline import timeline
    from chain_of_steps.statistics.resampling import Resampling

    statistics = load_config(arguments.config)["statistics"]
    cases = read_table(arguments.cases / INDEX)
    table = timeline(
        read_table(arguments.readouts),
        cases,
        resampling=Resampling(statistics["resamples"], statistics["seed"]),
    )
    write_table(arguments.out, table)
