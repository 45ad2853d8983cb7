"""Runs that differ in how many steps they take, and where; one row each.

    full     the stored runs of the study, of every seed
    few      whole runs of few steps, of every seed: best-of-N is chosen among them
    matched  m steps from pure noise to a level, the same steps below it; m = 1 is one big jump
    loop     a run of few steps that makes more passes at one noise level (see `edits.Loop`)
    erased   its control: as many passes, whose clean estimates are put away for the first picture

All but the first two are of the first seed. NFE is that of one run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.edits import Loop
from chain_of_steps.experiments.handover.mistakes import WAYS, cells_of
from chain_of_steps.experiments.handover.subjects import Answers, Look, Queue, Subject
from chain_of_steps.experiments.loops.schedules import through
from chain_of_steps.experiments.loops.settings import Loops
from chain_of_steps.interventions import by_row
from chain_of_steps.measures import NO_ANSWER
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Runs, batches, loops_of, noise_seeds
from chain_of_steps.sampling import StepState, sample
from chain_of_steps.tasks.puzzle import kind_of
from chain_of_steps.trajectory import Trajectory

COLUMNS = (
    *("model", "case", "task", "split", "seed", "need", "method", "sigma", "count", "nfe"),
    *("leads", "accepted", "right", "right_accepted", "front", "share"),
)
Ends = Iterator[tuple[str, float, int, int, Tensor]]


def passes_of(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    fields: Loops,
    shift: float,
    batch: int,
) -> tuple[pd.DataFrame, int]:
    """One row a run, and the NFE.

    trajectory: the full runs of these cases, every seed; cases: of tasks of `mistakes.KINDS`.
    Columns: COLUMNS. sigma: the level, nan where there is none; count: steps or passes. leads,
    accepted: of the end. front: tiles of the right way that the leading answer has before it goes
    wrong or ends; nan for tasks of no ways, and where nothing leads. share: that of the way
    that the front is, and where it is nan whether the answer is right.
    """
    subjects = {case.name: Subject(model, case) for case in cases}
    given = {case.name: case for case in cases}
    n_frames = trajectory.made_by["frames"]
    queue, nfe = Queue(), 0
    waiting: list[tuple[dict, Subject, Look]] = []
    first = next(iter(trajectory.runs["seed"]), None)
    for picked in batches(trajectory.runs, batch):
        full = trajectory.select(picked)
        runs = Runs(model, full.runs, [given[name] for name in full.runs["case"]], n_frames)
        job = _Job(model, runs, [subjects[name].still for name in full.runs["case"]], fields, shift)
        asked = [subjects[name] for name in full.runs["case"]]
        n_steps = full.n_steps
        made = [("full", float("nan"), n_steps, n_steps, full.x[:, -1]), *job.few()]
        if full.runs["seed"].iloc[0] == first:
            made += [*job.matched(), *job.loops()]
        for method, sigma, count, cost, ends in made:
            for n, subject in enumerate(asked):
                known = full.runs.iloc[n].to_dict() | {"method": method, "sigma": sigma}
                known |= {"count": count, "nfe": cost * job.passes}
                waiting.append((known, subject, queue.add(subject, ends[n])))
        nfe += job.nfe
    found = queue.read()
    rows = [_row(known, subject, found[look]) for known, subject, look in waiting]
    return pd.DataFrame(rows, columns=list(COLUMNS)), nfe


class _Job:
    """The runs of one batch from their first noise; each method gives what it made."""

    def __init__(
        self, model: VideoModel, runs: Runs, stills: list[Tensor], fields: Loops, shift: float
    ) -> None:
        self.model, self.runs, self.stills = model, runs, stills
        self.fields, self.shift = fields, shift
        self.noise = runs.noise()
        self.velocity = model.velocity(runs.condition())
        # with guidance a step takes two
        self.passes = 2 if model.guidances[0] > 1 else 1

    @property
    def nfe(self) -> int:
        return self.velocity.nfe

    def few(self) -> Ends:
        for steps in self.fields.few_steps:
            ends = sample(self.velocity, self.noise, self.model.sigmas(steps, self.shift))
            yield "few", float("nan"), steps, steps, ends.cpu()

    def matched(self) -> Ends:
        for level in self.fields.matched_levels:
            for steps in self.fields.matched_steps:
                sigmas = through(level, steps, self.fields.rest, self.shift)
                ends = sample(self.velocity, self.noise, sigmas)
                yield "matched", level, steps, steps + self.fields.rest, ends.cpu()

    def loops(self) -> Ends:
        """A loop of few passes is the beginning of one of many: it is left where it ends."""
        fields, table = self.fields, self.runs.table
        shape, most = self.runs.latent_shape(), max(self.fields.passes)
        for level in fields.levels:
            sigmas = through(level, fields.above, fields.below, self.shift)
            loop = Loop(sigma=level, passes=most)
            at, looped = loop.step(sigmas), loop.schedule(sigmas)
            edit = by_row(loops_of(loop, table, sigmas, shape))
            states: dict[int, Tensor] = {}

            def watch(state: StepState, states: dict = states, at: int = at) -> None:
                if state.k - at in fields.passes:
                    states[state.k - at] = state.x

            last = at + most + 1
            sample(self.velocity, self.noise, looped, stop=last, edit=edit, watch=watch)
            for passes in fields.passes:
                cost = fields.above + passes + fields.below
                ends = sample(self.velocity, states[passes], sigmas, start=at)
                yield "loop", level, passes, cost, ends.cpu()
                if passes:
                    x = self._erased(replace(loop, passes=passes), sigmas, states[passes])
                    ends = sample(self.velocity, x, sigmas, start=at)
                    yield "erased", level, passes, cost, ends.cpu()

    def _erased(self, loop: Loop, sigmas: Tensor, x: Tensor) -> Tensor:
        """What the last pass of the control starts from: nothing of the passes before is in it."""
        seeds, last = noise_seeds(self.runs.table), loop.steps(sigmas)[-1]
        edits = [
            replace(loop, seed=seed).edit(sigmas, x.shape, still)
            for seed, still in zip(seeds, self.stills, strict=True)
        ]
        return by_row(edits)(last, loop.schedule(sigmas)[last].item(), x, None)


def _row(known: dict, subject: Subject, answers: Answers) -> dict:
    leads, accepted = answers
    puzzle = subject.asked.puzzle
    (front, length), right = front_of(subject, leads), leads in puzzle.solutions
    return {
        **{**known, "need": puzzle.need, "leads": leads, "accepted": accepted},
        **{"right": right, "right_accepted": accepted in puzzle.solutions},
        **{"front": front, "share": float(right) if math.isnan(front) else front / length},
    }


def front_of(subject: Subject, leads: int) -> tuple[float, int]:
    """Tiles of the right way, from its start on, that a candidate has as well, and of it all.

    nan for no candidate, and where answers are no ways.
    """
    puzzle = subject.asked.puzzle
    if leads == NO_ANSWER or kind_of(puzzle.task) not in WAYS:
        return float("nan"), 0
    right, found = (cells_of(puzzle.candidates[c]) for c in (puzzle.shown, leads))
    same = [a == b for a, b in zip(right, found, strict=False)]
    start = kind_of(puzzle.task) == "maze"  # whose ways begin with the tile that is shown
    return float([*same, False].index(False) - start), len(right) - start
