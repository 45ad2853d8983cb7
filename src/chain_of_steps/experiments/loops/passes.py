"""Runs that differ in how many steps they take, and where; one row each.

    full     the stored runs of the study
    few      whole runs of few steps
    matched  m steps from pure noise to a level, the same steps below it; m = 1 is one big jump
    loop     a run of few steps that makes more passes at one noise level (see `edits.Loop`)
    erased   its control: as many passes, whose clean estimates are put away for the first picture

All of a model's first seed. NFE is that of one run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.drawn import drawn_still
from chain_of_steps.edits import Loop
from chain_of_steps.experiments.handover.mistakes import WAYS, cells_of
from chain_of_steps.experiments.loops.schedules import through
from chain_of_steps.experiments.loops.settings import FLAT, Loops
from chain_of_steps.interventions import by_row
from chain_of_steps.measures import NO_ANSWER
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Runs, batches, loops_of, noise_seeds, read_latents
from chain_of_steps.sampling import StepState, sample
from chain_of_steps.tasks.observe import observer_of
from chain_of_steps.tasks.puzzle import Puzzle, kind_of
from chain_of_steps.trajectory import Trajectory

COLUMNS = (
    *("model", "blocks", "case", "task", "split", "seed", "need"),
    *("method", "sigma", "count", "nfe"),
    *("leads", "accepted", "right", "right_accepted", "score", "front", "share"),
)
MANY = 32  # results that are decoded at once
Ends = Iterator[tuple[str, float, int, int, Tensor]]
End = tuple[dict[str, Any], Case, Tensor]  # what is known of a run, and its result


def passes_of(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    fields: Loops,
    shift: float,
    batch: int,
    *,
    main: bool = True,
) -> tuple[pd.DataFrame, int]:
    """One row a run, and the NFE.

    trajectory: the full runs of these cases; cases: of tasks of `mistakes.KINDS` and FLAT, of which
    whole runs are made alone. main: whether all is made, or, as with every further model, but `few`
    and the chosen loop.
    Columns: COLUMNS. blocks: of the model. sigma: the level, nan where there is none; count: steps
    or passes. leads, accepted, score: of the result. front: tiles of the right way that the leading
    answer has before it goes wrong or ends; nan for tasks of no ways, and where nothing leads.
    share: that of the way that the front is, and where it is nan whether the answer is right.
    """
    by_name = {case.name: case for case in cases}
    stills = {case.name: drawn_still(model, case.puzzle, case.drawing) for case in cases if main}
    seeds = trajectory.runs["seed"]
    first = trajectory.select(np.flatnonzero(seeds == seeds.iloc[0]) if len(seeds) else [])
    nfe, waiting = 0, []
    flat = first.runs["task"].eq(FLAT).to_numpy()
    parts = [first.select(np.flatnonzero(some)) for some in (~flat, flat)]
    for full in (part.select(rows) for part in parts for rows in batches(part.runs, batch)):
        mine = [by_name[name] for name in full.runs["case"]]
        job = Passes(Runs(model, full.runs, mine, trajectory.made_by["frames"]), fields, shift)
        made = [("full", math.nan, full.n_steps, full.n_steps, full.x[:, -1]), *job.few()]
        if mine[0].task != FLAT:
            made += job.matched() if main else ()
            made += job.loops(fields.grid(main), [stills[c.name] for c in mine] if main else None)
        for method, sigma, count, cost, ends in made:
            for n, case in enumerate(mine):
                known = full.runs.iloc[n].to_dict() | {"method": method, "sigma": sigma}
                known |= {"count": count, "nfe": cost * job.passes}
                waiting.append((known, case, ends[n]))
        nfe += job.nfe
    blocks = {"blocks": len(model.blocks[0])}
    rows = [
        found | blocks | {"need": case.puzzle.need} | _way(case.puzzle, found)
        for found, (_, case, _) in zip(read_ends(model, waiting), waiting, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)), nfe


class Passes:
    """The runs of one batch from their first noise; each method gives what it made.

    That is the method, its level, how many steps or passes, the NFE of one run without guidance,
    and the results (R, C, F, h, w).
    """

    def __init__(self, runs: Runs, fields: Loops, shift: float) -> None:
        self.model, self.runs = runs.model, runs
        self.fields, self.shift = fields, shift
        self.noise = runs.noise()
        self.velocity = runs.model.velocity(runs.condition())
        # with guidance a step takes two
        self.passes = 2 if runs.model.guidances[0] > 1 else 1

    @property
    def nfe(self) -> int:
        return self.velocity.nfe

    def few(self) -> Ends:
        for steps in self.fields.few_steps:
            ends = sample(self.velocity, self.noise, self.model.sigmas(steps, self.shift))
            yield "few", math.nan, steps, steps, ends.cpu()

    def matched(self) -> Ends:
        for level in self.fields.matched_levels:
            for steps in self.fields.matched_steps:
                sigmas = through(level, steps, self.fields.rest, self.shift)
                ends = sample(self.velocity, self.noise, sigmas)
                yield "matched", level, steps, steps + self.fields.rest, ends.cpu()

    def loops(
        self, grid: Mapping[float, Sequence[int]], stills: Sequence[Tensor] | None = None
    ) -> Ends:
        """A loop of few passes is the beginning of one of many: it is left where it ends.

        grid: level -> numbers of passes. stills: the first picture of each run, for the control;
        none without. Of its passes only the last counts, so it is made once a level.
        """
        fields, table, shape = self.fields, self.runs.table, self.runs.latent_shape()
        for level, counts in grid.items():
            most = max(counts)
            sigmas = through(level, fields.above, fields.below, self.shift)
            loop = Loop(sigma=level, passes=most)
            at, looped = loop.step(sigmas), loop.schedule(sigmas)
            edit = by_row(loops_of(loop, table, sigmas, shape))
            states: dict[int, Tensor] = {}

            def watch(state: StepState, states: dict = states, at: int = at) -> None:
                states[state.k - at] = state.x

            last = at + most + 1
            sample(self.velocity, self.noise, looped, stop=last, edit=edit, watch=watch)
            begun = [("loop", passes, states[passes]) for passes in counts]
            if stills is not None and most:
                begun.append(("erased", most, self._erased(loop, sigmas, states[most], stills)))
            for method, passes, x in begun:
                ends = sample(self.velocity, x, sigmas, start=at)
                yield method, level, passes, fields.above + passes + fields.below, ends.cpu()

    def _erased(self, loop: Loop, sigmas: Tensor, x: Tensor, stills: Sequence[Tensor]) -> Tensor:
        """What the last pass of the control starts from: nothing of the passes before is in it."""
        seeds, last = noise_seeds(self.runs.table), loop.steps(sigmas)[-1]
        edits = [
            replace(loop, seed=seed).edit(sigmas, x.shape, still)
            for seed, still in zip(seeds, stills, strict=True)
        ]
        return by_row(edits)(last, loop.schedule(sigmas)[last].item(), x, None)


def read_ends(model: VideoModel, waiting: Sequence[End]) -> list[dict[str, Any]]:
    """What is known of each run, with leads, accepted, right, right_accepted, score of its result.

    Many results of one puzzle together cost little more than one.
    """
    found: list[dict[str, Any]] = [{}] * len(waiting)
    by_case: dict[str, list[int]] = {}
    for n, (_, case, _) in enumerate(waiting):
        by_case.setdefault(case.name, []).append(n)
    for places in by_case.values():
        observer = observer_of(waiting[places[0]][1])
        for start in range(0, len(places), MANY):
            some = places[start : start + MANY]
            latents = torch.stack([waiting[n][2] for n in some])
            reading = read_latents(model, observer, latents)
            right = np.isin(reading.leads, reading.solutions)
            for i, n in enumerate(some):
                found[n] = waiting[n][0] | {
                    **{"leads": int(reading.leads[i]), "accepted": int(reading.accepted[i])},
                    **{"right": bool(right[i]), "right_accepted": bool(reading.correct[i])},
                    "score": float(reading.score[i]),
                }
    return found


def _way(puzzle: Puzzle, found: Mapping[str, Any]) -> dict[str, float]:
    front, length = front_of(puzzle, found["leads"])
    return {
        "front": front,
        "share": float(found["right"]) if math.isnan(front) else front / length,
    }


def front_of(puzzle: Puzzle, leads: int) -> tuple[float, int]:
    """Tiles of the right way, from its start on, that a candidate has as well, and of it all.

    nan for no candidate, and where answers are no ways.
    """
    if leads == NO_ANSWER or kind_of(puzzle.task) not in WAYS:
        return math.nan, 0
    right, found = (cells_of(puzzle.candidates[c]) for c in (puzzle.shown, leads))
    same = [a == b for a, b in zip(right, found, strict=False)]
    start = kind_of(puzzle.task) == "maze"  # whose ways begin with the tile that is shown
    return float([*same, False].index(False) - start), len(right) - start
