"""The command line `cos`: one subcommand a stage of a study.

Every stage reads the study's configuration and artifacts and writes artifacts. Units everywhere:
steps count from 0, sigma runs from 1 (noise) to 0 (data), NFE are transformer forward passes for
one video, frames are pixel frames unless called latent frames.
"""

from __future__ import annotations

import argparse
import errno
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from chain_of_steps.config import load_config
from chain_of_steps.errors import UserError

_CANNOT_WRITE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES),
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR),
)

# Stages import torch and diffusers, which takes seconds: each command imports its own.


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `cos`; returns the exit status. User errors become one sentence on stderr."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except UserError as error:
        print(f"cos {arguments.command}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        place = error.filename or "the output"
        print(f"cos {arguments.command}: cannot write {place}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="STAGE")

    def stage(name: str, run, text: str, *options: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument(
            "--config",
            type=Path,
            nargs="+",
            default=[Path("config.yaml")],
            metavar="FILE",
            help="configuration; later files are laid over earlier ones (default: config.yaml)",
        )
        for option in options:
            command.add_argument(f"--{option}", **_OPTIONS[option])
        return command

    stage("cases", cmd_cases, "Draw the evaluation cases of the study into folders.", "out")
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
        "examples",
        cmd_examples,
        "Pick the example runs of the figures by rule and draw their clean estimates.",
        *("cases", "trajectories", "readouts", "out"),
    )
    stage(
        "timeline",
        cmd_timeline,
        "When runs commit: agreement with the final answer and live candidates, step by step.",
        *("cases", "readouts", "out"),
    )
    stage(
        "ensemble",
        cmd_ensemble,
        "Sample the training-free ensemble and its controls for one shard of cases.",
        *("model", "cases", "shard", "out"),
    )
    compare = stage(
        "compare",
        cmd_compare,
        "Compare the ensemble with what the same compute buys otherwise.",
        *("cases", "readouts", "out"),
    )
    compare.add_argument("--ensembles", type=Path, required=True, help="table of the ensembles")
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
    noise = stage(
        "noise",
        cmd_noise,
        "What noise does: means with intervals, sensitivity, verdicts; --out is a folder.",
        "out",
    )
    noise.add_argument("--perturbation", type=Path, required=True, help="table of `cos perturb`")
    noise.add_argument("--references", type=Path, required=True, help="table of `cos references`")
    noise.add_argument("flows", nargs="+", type=Path, metavar="FLOW", help="tables of --flow")
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
    stage(
        "train",
        cmd_train,
        "Train the pocket reasoner; --early is the folder of the earlier sibling.",
        *("out", "early"),
    )
    stage(
        "card",
        cmd_card,
        "Measure a model on unseen cases and write its card beside the weights.",
        *("model", "out"),
    )
    manifest = stage(
        "manifest", cmd_manifest, "Say which notebook, inputs and model made each figure.", "out"
    )
    manifest.add_argument("--notebooks", type=Path, required=True, help="folder of notebooks")
    manifest.add_argument("facts", nargs="+", type=Path, metavar="FACTS", help="their .json files")
    return parser


_OPTIONS = {
    "out": {"type": Path, "required": True, "help": "file or folder to write"},
    "model": {"required": True, "help": "name of a model in the configuration"},
    "cases": {"type": Path, "required": True, "help": "folder that `cos cases` wrote"},
    "shard": {"type": int, "required": True, "help": "number of the shard of cases, from 0"},
    "trajectory": {"type": Path, "required": True, "help": "file that `cos sample` wrote"},
    "trajectories": {"type": Path, "required": True, "help": "folder of one model's trajectories"},
    "readouts": {"type": Path, "required": True, "help": "table that `cos join` wrote"},
    "early": {"type": Path, "required": True, "help": "folder of the earlier sibling"},
    "analysis": {
        "required": True,
        "choices": ("energy", "swap", "patching", "ablation"),
        "help": "which layer analysis",
    },
}


def load_model(config: dict, name: str):
    """The adapter of a configured model, on its device, with the study's number of threads."""
    if name not in config["models"]:
        known = ", ".join(config["models"])
        raise UserError(f"model {name!r} is not in the configuration: write one of {known}.")
    import torch

    from chain_of_steps.models.wan import WanModel

    execution, settings = config["execution"], config["models"][name]
    try:
        torch.empty(0, device=execution["device"])
    except (AssertionError, RuntimeError):
        raise UserError(
            f"execution.device is {execution['device']!r}, which torch cannot use here: write cpu,"
            " or cuda where there is a GPU."
        ) from None
    torch.set_num_threads(execution["threads"])
    keys = ("revision", "guidance", "guidance_2", "negative_prompt", "max_sequence_length")
    return WanModel.load(
        settings["path"],
        name=name,
        device=execution["device"],
        dtype=getattr(torch, execution["dtype"]),
        **{key: settings[key] for key in keys},
    )


def seeds_of(config: dict, model: str) -> list[int]:
    return config["models"][model]["seeds"] or config["seeds"]


def shard_cases(config: dict, folder: Path, shard: int):
    """The cases of one shard, in the order of the index."""
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases import INDEX, load_cases

    names = read_table(folder / INDEX)["case"].tolist()
    size = config["execution"]["shard"]
    chosen = names[shard * size : (shard + 1) * size]
    if shard < 0 or not chosen:
        last = (len(names) - 1) // size
        raise UserError(f"shard is {shard}: write a number from 0 to {last}.")
    return load_cases(folder, chosen)


def cmd_cases(arguments) -> None:
    from chain_of_steps.artifacts import atomic_path
    from chain_of_steps.cases import make_cases
    from chain_of_steps.tasks.puzzle import SPLITS

    config = load_config(arguments.config)
    cases = config["cases"]
    with atomic_path(arguments.out) as folder:
        make_cases(folder, cases["tasks"], {split: cases[split] for split in SPLITS}, cases["seed"])


def cmd_sample(arguments) -> None:
    from chain_of_steps.artifacts import write_manifest
    from chain_of_steps.experiments.trajectories import run_shard

    config = load_config(arguments.config)
    cases = shard_cases(config, arguments.cases, arguments.shard)
    prompts = [case.prompt for case in cases]  # an empty one is refused before a model loads
    model = load_model(config, arguments.model)
    started = time.monotonic()
    trajectory = run_shard(
        model,
        cases,
        seeds_of(config, arguments.model),
        steps=config["sampler"]["steps"],
        shift=config["sampler"]["shift"],
        n_frames=config["video"]["frames"],
        batch=config["execution"]["batch"],
    )
    seconds = time.monotonic() - started
    trajectory.save(arguments.out)
    write_manifest(
        arguments.out,
        parameters={**trajectory.made_by, "shard": arguments.shard, "cases": len(prompts)},
        nfe=trajectory.made_by["nfe"],
        seconds=seconds,
    )
    nfe = trajectory.made_by["nfe"]
    print(f"{len(trajectory.runs)} runs, {nfe} NFE, {seconds:.1f} s")


def cmd_read(arguments) -> None:
    from chain_of_steps.artifacts import check_manifest, write_table
    from chain_of_steps.cases import load_cases
    from chain_of_steps.experiments.readouts import read_trajectory
    from chain_of_steps.trajectory import Trajectory

    config = load_config(arguments.config)
    check_manifest(arguments.trajectory)
    trajectory = Trajectory.load(arguments.trajectory)
    cases = load_cases(arguments.cases, list(dict.fromkeys(trajectory.runs["case"])))
    model = load_model(config, arguments.model)
    write_table(arguments.out, read_trajectory(model, trajectory, cases))


def cmd_join(arguments) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table

    tables = [read_table(path) for path in arguments.tables]
    write_table(arguments.out, pd.concat(tables, ignore_index=True))


def cmd_examples(arguments) -> None:
    from chain_of_steps.artifacts import atomic_path, read_table
    from chain_of_steps.experiments.examples import write_examples

    config = load_config(arguments.config)
    name = next(iter(config["models"]))
    readouts = read_table(arguments.readouts)
    model = load_model(config, name)
    with atomic_path(arguments.out) as folder:
        write_examples(folder, model, readouts[readouts["model"] == name], arguments.trajectories)


def cmd_timeline(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases import INDEX
    from chain_of_steps.experiments.timeline import timeline

    statistics = load_config(arguments.config)["statistics"]
    cases = read_table(arguments.cases / INDEX)
    table = timeline(
        read_table(arguments.readouts),
        cases,
        n_boot=statistics["resamples"],
        seed=statistics["seed"],
    )
    write_table(arguments.out, table)


def cmd_ensemble(arguments) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.experiments.ensemble import run_ensembles, variants

    config = load_config(arguments.config)
    settings = config["ensemble"]
    cases = shard_cases(config, arguments.cases, arguments.shard)[:: settings["every"]]
    methods = variants(settings["k"], tuple(settings["band"]), settings["many_steps"])
    model = load_model(config, arguments.model)
    table = run_ensembles(
        model,
        cases,
        seeds_of(config, arguments.model)[: settings["k"]],
        methods,
        steps=config["sampler"]["steps"],
        shift=config["sampler"]["shift"],
        n_frames=config["video"]["frames"],
        batch=config["execution"]["batch"],
    )
    write_table(arguments.out, table)
    print(f"{len(table)} outcomes, {int(table['nfe'].sum())} NFE")


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


def cmd_references(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases import INDEX, load_cases
    from chain_of_steps.experiments.references import read_references

    names = read_table(arguments.cases / INDEX)["case"].tolist()
    write_table(arguments.out, read_references(load_cases(arguments.cases, names)))


def cmd_perturb(arguments) -> None:
    from chain_of_steps.artifacts import check_manifest, read_table, write_manifest, write_table
    from chain_of_steps.cases import INDEX, load_cases
    from chain_of_steps.experiments.perturbation import perturb_shard, plan
    from chain_of_steps.trajectory import Trajectory

    config = load_config(arguments.config)
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
    model = load_model(config, arguments.model)
    started = time.monotonic()
    table, flow, nfe = perturb_shard(
        model, trajectory, cases, control_cases, planned, seeds=seeds, layers=settings["layers"]
    )
    seconds = time.monotonic() - started
    parameters = {"model_digest": model.digest, "seeds": seeds, "layers": settings["layers"]}
    parameters |= {"batch": trajectory.made_by["batch"], "threads": config["execution"]["threads"]}
    parameters |= {"sweep": planned.sweep, "controls": planned.controls}
    for path, rows in ((arguments.flow, flow), (arguments.out, table)):
        write_table(path, rows)
        write_manifest(
            path, inputs=[arguments.trajectory], parameters=parameters, nfe=nfe, seconds=seconds
        )
    print(f"{len(table)} runs, {nfe} NFE, {seconds:.1f} s")


def cmd_noise(arguments) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments import noise

    config = load_config(arguments.config)
    resampling = noise.Resampling(config["statistics"]["resamples"], config["statistics"]["seed"])
    rows = read_table(arguments.perturbation)
    flows = pd.concat([read_table(path) for path in arguments.flows], ignore_index=True)
    found = noise.effects(rows, flows)
    n_steps = config["sampler"]["steps"]
    for name, table in (
        ("noise", noise.noise_table(rows, read_table(arguments.references), resampling)),
        ("cka", noise.cka_table(flows, resampling)),
        ("sensitivity", noise.sensitivity_table(found, resampling)),
        ("noise_verdicts", noise.verdict_table(rows, found, n_steps, resampling)),
    ):
        write_table(arguments.out / f"{name}.csv", table)


def cmd_layers(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_manifest, write_table
    from chain_of_steps.cases import INDEX, load_cases
    from chain_of_steps.experiments.layers import pick_cases, run_analysis, share_of_job

    config, analysis = load_config(arguments.config), arguments.analysis
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
        "blocks": {"evaluated": ledger.evaluated, "naive": ledger.naive},
    }
    for name, table in tables.items():
        path = arguments.out / f"{name}.parquet"
        write_table(path, table)
        write_manifest(path, parameters=parameters, nfe=ledger.nfe, seconds=seconds)
    print(f"{analysis}: {ledger}, {ledger.nfe} NFE, {seconds:.1f} s")


def cmd_layer_summary(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.experiments.layers import summarise

    statistics = load_config(arguments.config)["statistics"]
    table = summarise(
        arguments.analysis,
        read_table(arguments.table),
        n_boot=statistics["resamples"],
        seed=statistics["seed"],
    )
    write_table(arguments.out, table)


def cmd_train(arguments) -> None:
    from chain_of_steps.training import TrainConfig, train

    config = load_config(arguments.config)["train"]
    stages, early = config.pop("stages"), config.pop("early")
    start = None
    for number, stage in enumerate(stages):
        last = number == len(stages) - 1
        name = arguments.out.name
        folder = arguments.out if last else arguments.out.with_name(f"{name}-stage{number}")
        # every stage sees other puzzles and other noise
        settings = TrainConfig(**{**config, **stage, "seed": config["seed"] + number})
        train(settings, folder, {arguments.early: early} if number == 0 else {}, start)
        start = folder


def cmd_card(arguments) -> None:
    from chain_of_steps.experiments.card import write_card

    config = load_config(arguments.config)
    model = load_model(config, arguments.model)
    write_card(arguments.out, model, config)


def cmd_manifest(arguments) -> None:
    from chain_of_steps.artifacts import write_json
    from chain_of_steps.experiments.manifest import figure_manifest

    config = load_config(arguments.config)
    write_json(arguments.out, figure_manifest(config, arguments.notebooks, arguments.facts))


if __name__ == "__main__":
    sys.exit(main())
