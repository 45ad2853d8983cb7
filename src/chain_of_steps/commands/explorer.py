"""Looking at runs: the explorer in the browser, strips for papers, labels by hand."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.commands.common import Stage, load_model, require_euler
from chain_of_steps.errors import UserError
from chain_of_steps.study.config import load_config, seeds_of


def add(stage: Stage) -> None:
    explore = stage(
        "explore",
        cmd_explore,
        "Pictures and numbers of one shard's runs for the explorer; --out is a folder.",
        *("model", "cases", "trajectory", "out"),
    )
    explore.add_argument("--readouts", type=Path, help="table of `cos read`; puzzles only")
    explore.add_argument("--maps", type=Path, help="table token_maps_runs of the layer analysis")
    page = stage(
        "explore-page", cmd_explore_page, "The explorer's page; --out is its index.html.", "out"
    )
    page.add_argument("shards", nargs="+", type=Path, metavar="SHARD", help="its data folders")
    strip = stage(
        "strip",
        cmd_strip,
        "One run as PNG, PDF, GIF and MP4; --out is their path without the ending.",
        *("model", "cases", "trajectories", "out"),
    )
    strip.add_argument("--case", required=True, help="such as in-domain/maze/00003")
    strip.add_argument("--seed", type=int, help="seed of the run (default: the model's first)")
    strip.add_argument("--noise", help="step-<k> or frame-<latent frame> (default: none)")
    strip.add_argument(
        "--kind",
        choices=("strip", "grid"),
        default="strip",
        help="strip: first frame, some steps, prompt; grid: steps by frames",
    )
    strip.add_argument("--steps", type=int, nargs="+", help="steps to show, from 0; N: the result")
    agreement = stage(
        "agreement",
        cmd_agreement,
        "Cohen's kappa between label files of the explorer, and with what was measured.",
        "out",
    )
    agreement.add_argument("--readouts", type=Path, help="table `cos join` wrote, to compare with")
    for name, table in {"memory": "memory_runs", "perception": "perception_runs"}.items():
        agreement.add_argument(
            f"--{name}", type=Path, help=f"the study's table {table}, to compare with, too"
        )
    agreement.add_argument("labels", nargs="+", type=Path, metavar="LABELS", help="CSV files")


def cmd_explore(arguments) -> None:
    import numpy as np

    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.explorer.data import explore_shard, interventions
    from chain_of_steps.files import atomic_path
    from chain_of_steps.manifests import check_manifest
    from chain_of_steps.trajectory import Trajectory

    config = load_config(arguments.config)
    settings = config["explorer"]
    check_manifest(arguments.trajectory)
    trajectory = Trajectory.load(arguments.trajectory)
    seeds = seeds_of(config, arguments.model)[: settings["seeds"]]
    index = read_table(arguments.cases / INDEX)
    number = index.groupby(["task", "split"]).cumcount()
    limit = settings["cases"] if config["cases"]["source"] == "puzzles" else None
    shown = set(index["case"] if limit is None else index.loc[number < limit, "case"])
    noisy = set(index.loc[number < settings["noise_cases"], "case"])
    maps = None if arguments.maps is None else read_table(arguments.maps)
    shown |= set() if maps is None else set(maps["case"])
    runs = trajectory.runs
    trajectory = trajectory.select(
        np.flatnonzero(runs["case"].isin(shown) & runs["seed"].isin(seeds))
    )
    cases = load_cases(arguments.cases, list(dict.fromkeys(trajectory.runs["case"])))
    readouts = None
    if arguments.readouts is not None:
        table = read_table(arguments.readouts)
        mine = table[table["model"] == arguments.model]
        readouts = mine.merge(trajectory.runs[["case", "seed"]])
    # UniPC steers by its memory of earlier steps, so its runs cannot be forked
    forks = config["sampler"]["solver"] == "euler"
    names = interventions(settings, trajectory.n_steps, trajectory.x.shape[3]) if forks else []
    model = load_model(config, arguments.model)
    with atomic_path(arguments.out) as folder:
        nfe = explore_shard(
            folder,
            model,
            trajectory,
            cases,
            readouts,
            noisy_cases=[case for case in cases if case.name in noisy],
            noises=names,
            settings=settings,
            maps=maps,
        )
    print(f"{len(trajectory.runs)} clean runs, {nfe} NFE for runs under noise")


def cmd_explore_page(arguments) -> None:
    from chain_of_steps.explorer.data import write_page
    from chain_of_steps.tasks import task_of

    config = load_config(arguments.config)
    main = next(iter(config["models"]))
    folder = arguments.out.parent
    # other sources call their tasks as they like
    puzzles = config["cases"]["tasks"] if config["cases"]["source"] == "puzzles" else []
    titles = {name: task_of(name).TITLE for name in puzzles}
    write_page(folder, arguments.shards, study=config["study"], model=main, titles=titles)


def cmd_strip(arguments) -> None:
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.explorer.data import intervention, looks_of, perturbed
    from chain_of_steps.explorer.strip import draw_grid, draw_strip, shown_steps
    from chain_of_steps.manifests import check_manifest
    from chain_of_steps.trajectory import Trajectory

    config = load_config(arguments.config)
    if arguments.noise:
        require_euler(config, "strip --noise")
    names = read_table(arguments.cases / INDEX)["case"].tolist()
    if arguments.case not in names:
        raise UserError(f"case is {arguments.case!r}: write one of {arguments.cases / INDEX}.")
    shard = names.index(arguments.case) // config["execution"]["shard"]
    path = arguments.trajectories / f"{shard}.safetensors"
    check_manifest(path)
    trajectory = Trajectory.load(path)
    seeds = seeds_of(config, arguments.model)
    seed = seeds[0] if arguments.seed is None else arguments.seed
    runs = trajectory.runs
    rows = runs.index[(runs["case"] == arguments.case) & (runs["seed"] == seed)]
    if not len(rows):
        raise UserError(f"seed is {seed}: write one of {', '.join(map(str, seeds))}.")
    steps = shown_steps(arguments.kind, trajectory.n_steps, arguments.steps)
    run = trajectory.select(rows)
    cases = load_cases(arguments.cases, [arguments.case])
    noise = arguments.noise and intervention(arguments.noise, run.n_steps, run.x.shape[3])
    model = load_model(config, arguments.model)
    nfe = 0
    if noise:
        run, nfe = perturbed(model, run, cases, noise)
    video = model.decode(looks_of(run, 0)[steps]).cpu().numpy()
    draw = {"strip": draw_strip, "grid": draw_grid}[arguments.kind]
    label = f"{arguments.model}, {arguments.case}, seed {seed}"
    label += f", noise at {arguments.noise.replace('-', ' ')}" if noise else ""
    draw(arguments.out, cases[0], video, steps, run.sigmas.tolist(), label)
    print(f"{nfe} NFE")


def cmd_agreement(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.explorer.agreement import agreement, measured, read_labels

    statistics = load_config(arguments.config)["statistics"]
    labels = read_labels(arguments.labels)
    given = [arguments.readouts, arguments.memory, arguments.perception]
    if arguments.readouts is None and any(given):
        raise UserError("--memory and --perception go with --readouts: give that, too.")
    measures = None
    if arguments.readouts is not None:
        measures = measured(*(path and read_table(path) for path in given))
    table = agreement(labels, measures, n_boot=statistics["resamples"], seed=statistics["seed"])
    write_table(arguments.out, table)
    print(table.round(2).to_string(index=False))
