"""Reading at little cost: how far a cheap decoder agrees with the codec, and where it may read.

A look agrees where both show the same accepted and the same leading answer, and no candidate's
evidence differs by more than a tolerance. Early estimates are blurred and late ones are not, so
that is asked at a spread of steps; each is judged by its cases, with Wilson's interval. A case
agrees at a step where all its looks there do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.drawn import drawn, drawn_empty, drawn_still
from chain_of_steps.latent_reader import LatentReader
from chain_of_steps.models.decoders import projected, tiny_from
from chain_of_steps.models.model import VideoModel
from chain_of_steps.progress import progress
from chain_of_steps.runs import Fitting, Reads, by_step, looks_of, read_latents, return_memory
from chain_of_steps.settings.reading import Reading
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.tasks.observe import Observer, observer_of
from chain_of_steps.trajectory import Trajectory


def fitting_of(reading: Reading) -> Fitting:
    """How looks are read by a section. Raises UserError where its file holds no decoder."""
    if reading.decoder == "latents":
        return in_latents
    making = tiny_from(reading.files[0]) if reading.files else projected

    def fitted(model: VideoModel, reader: Observer, results: Tensor) -> Reads:
        return partial(read_latents, making(model, results, reader.frames), reader)

    return fitted


def in_latents(model: VideoModel, reader: Observer, results: Tensor) -> Reads:
    """Nothing is decoded: the videos of all candidates are encoded instead."""
    puzzle, drawing = reader.puzzle, reader.drawing
    answers = drawn(model, puzzle, range(len(puzzle.candidates)), drawing)
    others = (one(model, puzzle, drawing).numpy() for one in (drawn_empty, drawn_still))
    stride, ahead = model.compression[0], model.ahead
    found = LatentReader(reader, answers.numpy(), *others, lambda f: ahead - (-f // stride))
    return lambda latents: found.read(latents.numpy())


def compared(
    model: VideoModel, trajectory: Trajectory, cases: Sequence[Case], reading: Reading
) -> pd.DataFrame:
    """One row for each checked run and step, read by the codec and by the cheap decoder.

    Checked are the runs of the first seeds; the decoder is fitted to all runs of a case, as where
    it reads. Columns: those of a run, step, sigma, decoder, answer, leads, n_candidates, each with
    _full and _cheap, difference (the largest of any candidate's evidence), agrees.
    """
    by_name, tables = {case.name: case for case in cases}, []
    fitting, steps = fitting_of(reading), reading.checked(trajectory.n_steps)
    seeds = list(dict.fromkeys(trajectory.runs["seed"]))[: reading.seeds]
    groups = trajectory.runs.groupby("case", sort=False).indices
    for n, (name, rows) in enumerate(progress(groups.items(), desc="compare", unit="cases")):
        return_memory(n)
        reader, runs = observer_of(by_name[name]), trajectory.select(rows)
        cheaply = fitting(model, reader, runs.x[:, -1])
        some = runs.select(np.flatnonzero(runs.runs["seed"].isin(seeds)))
        looks = looks_of(some)[:, steps].flatten(0, 1)
        full, cheap = read_latents(model, reader, looks), cheaply(looks)
        table = by_step(some, steps).assign(decoder=reading.decoder)
        for which, found in (("full", full), ("cheap", cheap)):
            table[f"answer_{which}"], table[f"leads_{which}"] = found.accepted, found.leads
            table[f"n_candidates_{which}"] = found.n_candidates
        table["difference"] = np.abs(full.evidence - cheap.evidence).max(1)
        same = (full.accepted == cheap.accepted) & (full.leads == cheap.leads)
        table["agrees"] = same & (table["difference"] <= reading.tolerance)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def agreement(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The share of cases that agree, with Wilson's interval, for each value of `by`.

    rows: as `compared` gives them. Columns: those of `by`, n (cases), agrees, low, high, and
    difference, the mean over cases of the evidence's.
    """
    found = []
    for key, group in rows.groupby(list(by), sort=True):
        cases = group.groupby("case").agg(agrees=("agrees", "all"), off=("difference", "mean"))
        share = wilson(int(cases["agrees"].sum()), len(cases))
        values = [share.n, share.mean, share.low, share.high, cases["off"].mean()]
        found.append([*key, *values])
    return pd.DataFrame(found, columns=[*by, "n", "agrees", "low", "high", "difference"])


def cheap_steps(rows: pd.DataFrame, reading: Reading) -> list[int]:
    """The steps of a model's runs that may be read cheaply, by what was `compared` of it.

    A step that was not checked may be where the checked ones at both sides of it may.
    """
    table = agreement(rows, ["step"])
    may = dict(zip(table["step"].tolist(), table["low"] > reading.agreement, strict=True))
    checked = sorted(may)
    return [
        k
        for k in range(checked[0], checked[-1] + 1)
        if may[max(c for c in checked if c <= k)] and may[min(c for c in checked if c >= k)]
    ]
