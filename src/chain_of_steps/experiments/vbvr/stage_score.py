"""The stage that scores videos, and the test of the scorer itself."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from chain_of_steps.experiments.vbvr.settings import WithVbvr
from chain_of_steps.places import CASES
from chain_of_steps.stage import File, Folder, Option, Stage


def rules_of(settings: WithVbvr) -> list[Path]:
    """The rules of a checkout of VBVR-Pro-Bench."""
    from chain_of_steps.experiments.vbvr.scorer import Checkout

    return Checkout.rules(settings.vbvr.pro)


def check_scorer(environment: Path) -> None:
    from chain_of_steps.experiments.vbvr.self_test import self_test

    print(self_test(environment))


SELF_TEST = Option(
    "--self-test",
    {
        "nargs": "?",
        "const": Path("results/scorer"),
        "type": Path,
        "metavar": "SCORER",
        "help": (
            "score ten reference clips by a scorer's environment (default: results/scorer), fail "
            "where one has another score than it must, and end"
        ),
    },
    instead=check_scorer,
)
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
    options=(SELF_TEST,),
    names={"condition": ("clean", "noise", "ensemble", "reference")},
    heavy=True,
    also=("experiments/vbvr/worker.py",),
    watches=rules_of,
)


def run(settings: WithVbvr, *, cases: Path, index: Path, scorer: Path, out: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.cases.folders import cases_of
    from chain_of_steps.experiments.vbvr.scorer import Checkout, Scorer
    from chain_of_steps.experiments.vbvr.scores import score_videos
    from chain_of_steps.manifests import write_manifest

    listed = read_table(index)
    mine = cases_of(cases, listed)
    started = time.monotonic()
    fields, pro = settings.vbvr, None
    with ExitStack() as stack:
        process = stack.enter_context(Scorer(scorer, fields.timeout))
        if fields.pro is not None:
            checkout = Checkout.of(fields.pro, fields.pro_python)
            pro = stack.enter_context(Scorer(checkout, fields.timeout))
        table = score_videos(process, listed, index.parent, mine, pro)
    write_table(out, table)
    parameters = {"scorer": process.versions, "timeout": process.timeout, "metric": "task_specific"}
    parameters |= {} if pro is None else {"pro": pro.name}
    seconds = time.monotonic() - started
    write_manifest(out, inputs=[index], parameters=parameters, seconds=seconds)
    missing = table[table["score"].isna()]
    print(f"{len(table)} videos, {len(missing)} without a score, {seconds:.1f} s")
    for row in missing.itertuples():
        print(f"{row.run}, {row.case}: {row.reason}")
    if pro is not None:
        for row in table[table["pro"].isna()].itertuples():
            print(f"{row.run}, {row.case}, by VBVR-Pro-Bench: {row.pro_reason}")
