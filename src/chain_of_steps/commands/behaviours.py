"""Working memory, self-correction, perception before action, and the ideal denoiser."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.commands.common import Stage, load_model
from chain_of_steps.study.config import load_config, main_model, seeds_of


def add(stage: Stage) -> None:
    stage(
        "behaviours",
        cmd_behaviours,
        "Memory, perception and the exact posterior along one shard of runs; --out is a folder.",
        *("model", "cases", "trajectory", "readouts", "out"),
    )
    summary = stage(
        "behaviour-summary",
        cmd_behaviour_summary,
        "Behaviours of all runs: means with intervals, tests, verdicts; --out is a folder.",
        *("cases", "out"),
    )
    summary.add_argument(
        "--tables", type=Path, required=True, help="folder of the joined tables of all shards"
    )
    examples = stage(
        "behaviour-examples",
        cmd_behaviour_examples,
        "Pick the example runs of Figures 4 and 5 by rule and draw their clean estimates.",
        *("cases", "trajectories", "readouts", "out"),
    )
    examples.add_argument(
        "--perception", type=Path, required=True, help="joined perception tables of all shards"
    )


def cmd_behaviours(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_tables
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.experiments.behaviours.memory import memory_shard
    from chain_of_steps.experiments.behaviours.perception import perception_shard
    from chain_of_steps.experiments.behaviours.posterior import compare_shard
    from chain_of_steps.manifests import check_manifest
    from chain_of_steps.trajectory import Trajectory

    config = load_config(arguments.config)
    settings = config["behaviours"]
    check_manifest(arguments.trajectory)
    trajectory = Trajectory.load(arguments.trajectory)
    starts = {round(share * trajectory.n_steps) for share in (0, *settings["withheld"])}
    index = read_table(arguments.cases / INDEX)
    number = index.groupby(["task", "split"]).cumcount()
    controls = {
        name: set(index.loc[number < settings[name], "case"])
        for name in ("memory_cases", "alone_cases")
    }
    seeds = seeds_of(config, arguments.model)[: settings["seeds"]]
    cases = load_cases(arguments.cases, list(dict.fromkeys(trajectory.runs["case"])))
    readouts = read_table(arguments.readouts)
    model = load_model(config, arguments.model)
    started = time.monotonic()
    memory, of_memory = memory_shard(
        model, trajectory, cases, controls["memory_cases"], seeds=seeds, starts=sorted(starts)
    )
    perception, of_perception = perception_shard(
        model, trajectory, cases, controls["alone_cases"], seeds=seeds
    )
    posterior = compare_shard(model, trajectory, cases, readouts)
    seconds, nfe = time.monotonic() - started, of_memory + of_perception
    parameters = {"model_digest": model.digest, "settings": settings, "seeds": seeds}
    made = {"memory": memory, "perception": perception, "posterior": posterior}
    write_tables(
        {arguments.out / f"{name}.parquet": table for name, table in made.items()},
        inputs=[arguments.trajectory, arguments.readouts],
        parameters=parameters,
        nfe=nfe,
        seconds=seconds,
    )
    print(f"{sum(map(len, made.values()))} rows, {nfe} NFE, {seconds:.1f} s")


def cmd_behaviour_summary(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.behaviours import correction, memory, perception, posterior
    from chain_of_steps.experiments.behaviours.verdicts import verdict_table
    from chain_of_steps.statistics.resampling import Resampling

    statistics = load_config(arguments.config)["statistics"]
    options = {"resampling": Resampling(statistics["resamples"], statistics["seed"])}
    cases = read_table(arguments.cases / INDEX)
    runs = {
        name: read_table(arguments.tables / f"{name}_runs.parquet")
        for name in ("memory", "perception", "posterior")
    }
    readouts = read_table(arguments.tables / "readouts.parquet")
    noise = read_table(arguments.tables / "perturbation.csv")
    tables = {
        "memory": memory.memory_table(runs["memory"], **options),
        "memory_noise": memory.memory_noise_table(noise, **options),
        "correction": correction.correction_table(readouts, cases, **options),
        "correction_tests": correction.correction_tests(readouts, cases, **options),
        "perception": perception.perception_table(runs["perception"], **options),
        "posterior": posterior.posterior_table(runs["posterior"], **options),
    }
    tables["behaviour_verdicts"] = verdict_table(tables)
    for name, table in tables.items():
        write_table(arguments.out / f"{name}.csv", table)


def cmd_behaviour_examples(arguments) -> None:
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.behaviours.examples import picks, write_picks
    from chain_of_steps.files import atomic_path

    config = load_config(arguments.config)
    name = main_model(config)
    cases, readouts = read_table(arguments.cases / INDEX), read_table(arguments.readouts)
    readouts = readouts[readouts["model"] == name]
    chosen = picks(readouts, read_table(arguments.perception), cases)
    model = load_model(config, name)
    with atomic_path(arguments.out) as folder:
        write_picks(folder, model, readouts, chosen, arguments.trajectories, cases)
