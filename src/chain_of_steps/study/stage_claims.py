"""The stage that judges the claims of the paper."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

from chain_of_steps.settings.models import WithModels, repeats_of
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.settings.study import WithExperiments, WithStudy
from chain_of_steps.stage import Option, Stage

VERDICTS = "verdicts.json"


class Settings(WithStudy, WithModels, WithExperiments, WithSampler, WithStatistics):
    pass


STAGE = Stage(
    name="claims",
    text="Judge the claims of the paper; writes .csv, .md and .json, and verdicts.json beside.",
    settings=Settings,
    options=(
        Option("--out", {"type": Path, "required": True, "help": "table to write"}),
        Option("--expected", {"type": Path, "required": True, "help": "file of claims"}),
        Option("--tables", {"type": Path, "required": True, "help": "folder of tables"}),
    ),
    writes=lambda out: [
        *(out, out.with_suffix(".md"), out.with_suffix(".json")),
        out.with_name(VERDICTS),
    ],
)


def run(settings: Settings, *, out: Path, expected: Path, tables: Path) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.files import atomic_path, write_json
    from chain_of_steps.models.loading import count_parameters
    from chain_of_steps.statistics.resampling import Resampling
    from chain_of_steps.study.claims import load_claims, tables_of
    from chain_of_steps.study.evidence import Group
    from chain_of_steps.study.export import verdicts_file
    from chain_of_steps.study.verdicts import judge_claims, page, summary

    everything, chosen = load_claims(expected), settings.experiments
    # primary endpoints stay, also where the study leaves their experiment out
    ours = [
        claim
        for claim in everything
        if claim.untestable or claim.primary or claim.experiment in chosen
    ]
    left_out = [claim.id for claim in everything if claim not in ours]
    paths = [tables / name for name in tables_of(ours, chosen)]
    found = {path.name: read_table(path) for path in paths}
    groups = [
        Group(
            name,
            tuple(models),
            count_parameters(Path(settings.models[name].path)),
            frozenset(model for model in models if settings.models[model].chosen),
        )
        for name, models in repeats_of(settings).items()
    ]
    resampling = Resampling.of(settings.statistics)
    table = judge_claims(ours, found, groups, settings.sampler.steps, resampling=resampling)
    text = summary(table, left_out)
    write_table(out, table)
    with atomic_path(out.with_suffix(".md")) as path:
        path.write_text(
            page(table, textwrap.fill(text, 100, break_on_hyphens=False)), encoding="utf-8"
        )
    form = verdicts_file(
        table,
        groups,
        study=settings.study,
        experiments=chosen,
        n_steps=settings.sampler.steps,
        resampling=resampling,
        expected=expected,
        tables=paths,
    )
    write_json(out.with_name(VERDICTS), form)
    inputs = [Path(os.path.relpath(path, out.parent)).as_posix() for path in paths]
    facts = {"expected": expected, "not part of this study": left_out}
    write_json(out.with_suffix(".json"), {"caption": text, "inputs": inputs, "facts": facts})
