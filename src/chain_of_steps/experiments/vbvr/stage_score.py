"""The stage that scores videos."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.experiments.vbvr.settings import WithVbvr
from chain_of_steps.places import CASES
from chain_of_steps.stage import File, Folder, Stage

STAGE = Stage(
    name="score",
    text="Score the videos of an index with VBVR-Bench's scorer (task_specific).",
    settings=WithVbvr,
    takes={
        "cases": CASES,
        "index": File("videos/{model}/{condition}-{shard}.csv"),
        "scorer": Folder("scorer", of_all_studies=True),
    },
    makes={"out": File("scores/{model}/{condition}-{shard}.csv")},
    names={"condition": ("clean", "noise", "ensemble", "reference")},
    heavy=True,
    also=("experiments/vbvr/worker.py",),
)


def run(settings: WithVbvr, *, cases: Path, index: Path, scorer: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import cases_of
    from chain_of_steps.experiments.vbvr.scorer import Scorer
    from chain_of_steps.experiments.vbvr.scores import score_videos
    from chain_of_steps.manifests import write_manifest

    listed = read_table(index)
    mine = cases_of(cases, listed)
    started = time.monotonic()
    with Scorer(scorer, settings.vbvr.timeout) as process:
        table = score_videos(process, listed, index.parent, mine)
    write_table(out, table)
    parameters = {"scorer": process.versions, "timeout": process.timeout, "metric": "task_specific"}
    seconds = time.monotonic() - started
    write_manifest(out, inputs=[index], parameters=parameters, seconds=seconds)
    missing = table[table["score"].isna()]
    print(f"{len(table)} videos, {len(missing)} without a score, {seconds:.1f} s")
    for row in missing.itertuples():
        print(f"{row.run}, {row.case}: {row.reason}")
