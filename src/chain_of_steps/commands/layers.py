"""Inside one step: energy, swaps, patching, ablation."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.commands.common import Stage, load_model, require_euler
from chain_of_steps.errors import UserError
from chain_of_steps.study.config import load_config, seeds_of


def add(stage: Stage) -> None:
    layers = stage(
        "layers",
        cmd_layers,
        "One layer analysis of one job's cases; writes <table>.parquet files into a folder.",
        *("model", "cases", "analysis", "out"),
    )
    layers.add_argument("--job", type=int, required=True, help="number of the job, from 0")
    summary = stage(
        "layer-summary",
        cmd_layer_summary,
        "Means with intervals of a layer analysis.",
        *("analysis", "out"),
    )
    summary.add_argument("--table", type=Path, required=True, help="its table of all jobs")


def cmd_layers(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_tables
    from chain_of_steps.cases.folders import INDEX, load_cases, need_puzzles
    from chain_of_steps.experiments.layers.analyses import pick_cases, run_analysis, share_of_job

    config, analysis = load_config(arguments.config), arguments.analysis
    require_euler(config, "layers")
    fields = config["layers"]
    guidance = config["models"].get(arguments.model, {}).get("guidance", 1)
    if "uncond" in fields["branches"] and guidance <= 1:
        raise UserError(
            f"layers.branches has uncond, but {arguments.model} has guidance {guidance}: write "
            "[cond], or a guidance above 1."
        )
    index = read_table(arguments.cases / INDEX)
    names = pick_cases(index, analysis, fields[f"{analysis}_cases"])
    mine = share_of_job(names, arguments.job, fields["jobs"])
    everyone = load_cases(arguments.cases, names)
    need_puzzles(everyone)
    cases = [case for case in everyone if case.name in set(mine)]
    seeds = seeds_of(config, arguments.model)[: fields["seeds"]]
    model = load_model(config, arguments.model)
    started = time.monotonic()
    tables, ledger = run_analysis(analysis, model, cases, everyone, seeds, config)
    seconds = time.monotonic() - started
    parameters = {
        "model_digest": model.digest,
        "analysis": analysis,
        "job": arguments.job,
        "cases": mine,
        "seeds": seeds,
        "settings": fields,
        "execution": config["execution"],
        "blocks": {"evaluated": ledger.evaluated, "naive": ledger.naive},
    }
    files = {arguments.out / f"{name}.parquet": table for name, table in tables.items()}
    write_tables(files, parameters=parameters, nfe=ledger.nfe, seconds=seconds)
    print(f"{analysis}: {ledger}, {ledger.nfe} NFE, {seconds:.1f} s")


def cmd_layer_summary(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.layers.analyses import summarise
    from chain_of_steps.statistics.resampling import Resampling

    statistics = load_config(arguments.config)["statistics"]
    table = summarise(
        arguments.analysis,
        read_table(arguments.table),
        resampling=Resampling(statistics["resamples"], statistics["seed"]),
    )
    write_table(arguments.out, table)
