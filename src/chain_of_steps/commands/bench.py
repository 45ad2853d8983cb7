"""Videos of every condition, and their scores by VBVR-Bench."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.commands.common import Stage, load_model, shard_cases
from chain_of_steps.study.config import load_config


def add(stage: Stage) -> None:
    videos = stage(
        "videos",
        cmd_videos,
        "Write the runs of a trajectory as videos, in the layout of VBVR-Bench; --out is an index.",
        *("model", "cases", "trajectory", "out"),
    )
    videos.add_argument("--folder", type=Path, required=True, help="folder of the videos")
    references = stage(
        "bench-references",
        cmd_references,
        "Write ground truth, still, jump and another case's video of a shard as videos.",
        *("cases", "shard", "out"),
    )
    references.add_argument("--folder", type=Path, required=True, help="folder of the videos")
    stage(
        "scorer",
        cmd_scorer,
        "Make the environment of the scorer of VBVR-Bench, a folder; needs a network.",
        "out",
    )
    score = stage(
        "score",
        cmd_score,
        "Score the videos of an index with VBVR-Bench's scorer (task_specific).",
        *("cases", "out"),
    )
    score.add_argument("--folder", type=Path, required=True, help="folder of the videos")
    score.add_argument("--index", type=Path, required=True, help="index of `cos videos`")
    score.add_argument("--scorer", type=Path, required=True, help="folder of `cos scorer`")
    summary = stage(
        "bench-summary",
        cmd_summary,
        "Means of the scores with intervals, overall, by split and by category.",
        *("cases", "out"),
    )
    summary.add_argument("tables", nargs="+", type=Path, metavar="TABLE", help="of `cos score`")


def cmd_videos(arguments) -> None:
    from chain_of_steps.artifacts import write_table
    from chain_of_steps.cases.folders import load_cases
    from chain_of_steps.experiments.videos.writing import VideoFolder, write_trajectory
    from chain_of_steps.manifests import check_manifest
    from chain_of_steps.trajectory import Trajectory

    config = load_config(arguments.config)
    check_manifest(arguments.trajectory)
    trajectory = Trajectory.load(arguments.trajectory)
    cases = load_cases(arguments.cases, list(dict.fromkeys(trajectory.runs["case"])))
    videos = VideoFolder(arguments.folder, config["video"]["fps"])
    steps_every = config["bench"]["steps_every"]
    steps = steps_every if "steps" in config["bench"]["conditions"] else None
    write_trajectory(load_model(config, arguments.model), trajectory, cases, videos, steps)
    write_table(arguments.out, videos.index())


def cmd_references(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.experiments.vbvr.scores import write_references
    from chain_of_steps.experiments.videos.writing import VideoFolder

    config = load_config(arguments.config)
    cases = shard_cases(config, arguments.cases, arguments.shard)
    everyone = load_cases(arguments.cases, read_table(arguments.cases / INDEX)["case"].tolist())
    videos = VideoFolder(arguments.folder, config["video"]["fps"])
    write_references(cases, everyone, videos)
    write_table(arguments.out, videos.index())


def cmd_scorer(arguments) -> None:
    from chain_of_steps.experiments.vbvr.scorer import make_environment

    make_environment(arguments.out)


def cmd_score(arguments) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import load_cases
    from chain_of_steps.experiments.vbvr.scorer import Scorer
    from chain_of_steps.experiments.vbvr.scores import score_videos
    from chain_of_steps.manifests import write_manifest

    config = load_config(arguments.config)
    index = read_table(arguments.index)
    cases = load_cases(arguments.cases, list(dict.fromkeys(index["case"])))
    started = time.monotonic()
    with Scorer(arguments.scorer, config["bench"]["timeout"]) as scorer:
        table = score_videos(scorer, index, arguments.folder, cases)
    write_table(arguments.out, table)
    parameters = {"scorer": scorer.versions, "timeout": scorer.timeout, "metric": "task_specific"}
    seconds = time.monotonic() - started
    write_manifest(arguments.out, inputs=[arguments.index], parameters=parameters, seconds=seconds)
    missing = table[table["score"].isna()]
    print(f"{len(table)} videos, {len(missing)} without a score, {seconds:.1f} s")
    for row in missing.itertuples():
        print(f"{row.run}, {row.case}: {row.reason}")


def cmd_summary(arguments) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.experiments.vbvr.scores import summarise_scores
    from chain_of_steps.statistics.resampling import Resampling

    statistics = load_config(arguments.config)["statistics"]
    scores = pd.concat([read_table(path) for path in arguments.tables], ignore_index=True)
    table = summarise_scores(
        scores,
        read_table(arguments.cases / INDEX),
        resampling=Resampling(statistics["resamples"], statistics["seed"]),
    )
    write_table(arguments.out, table)
