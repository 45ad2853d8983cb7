"""How runs go on after something was put into them: forks of stored runs, one row each.

    plain         nothing: the clean estimate of each level beside the end of the run; at step 0 its
                  row is of the whole run
    inject        an answer under the noise of the level: right, direct, indirect (see `mistakes`)
    swap_picture  from the level on the model is given the picture of another case
    u_turn        the run's own result under the noise of the level
    fresh_noise   new noise about the same clean estimate: what of the decision is in that alone
    bottleneck    between all steps the answer that leads, drawn anew and noised
    renoised      fresh noise between all steps: what the bottleneck costs without its reading

The step at which an answer leads in the clean estimate is the readable commitment, the one from
which it survives a U-turn or fresh noise the causal one. Beside each, `ideal` is the candidate of
which an ideal reader of the latent would be sure, who knows how every candidate looks but not which
is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.edits import Bottleneck, Inject, Put, UTurn, dose, in_turn
from chain_of_steps.experiments.handover.settings import Handover
from chain_of_steps.experiments.handover.subjects import Answers, Look, Queue, Subject
from chain_of_steps.interventions import NoiseAtStep, by_row
from chain_of_steps.measures import NO_ANSWER, commitment_step
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Runs, batches, looks_of, noise_seeds, rerun
from chain_of_steps.sampling import Edit, StepState
from chain_of_steps.trajectory import Trajectory

NAMES = ("right", "direct", "indirect")
COLUMNS = (
    *("model", "case", "task", "split", "seed", "need", "candidates", "intervention", "put"),
    *("draw", "step", "sigma", "before", "leads", "accepted", "next_leads", "next_accepted"),
    *("ideal", "misled", "right", "right_accepted", "kept", "kept_accepted"),
    *("leads_from", "accepted_from", "unread", "dose", "nfe"),
)


def steps_at(sigmas: Tensor, levels: Sequence[float]) -> list[int]:
    """The steps whose noise level is nearest to some levels, from 1 on, each once and in order."""
    inner = sigmas[1:-1]
    if not len(inner):
        return []
    return sorted({1 + int((inner - level).abs().argmin()) for level in levels})


class Reread:
    """What a bottleneck lets pass: the leading answer of one run, drawn; unread counts the rest."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.unread = subject, 0

    def __call__(self, clean: Tensor) -> Tensor | None:
        leads, _ = self.subject.read(clean[None])[0]
        if leads == NO_ANSWER:
            self.unread += 1
            return None
        return self.subject.answers[leads]


def settled(answers: Sequence[int]) -> int:
    """The first look from which an answer is the last one's, to the end; their number for none."""
    found = commitment_step(np.array([answers]))[0]
    return len(answers) if np.isnan(found) else int(found)


def partners(cases: Sequence[Case]) -> dict[str, str]:
    """The case whose picture takes a case's place: the next one of its task, round in a circle."""
    by_task: dict[str, list[str]] = {}
    for case in cases:
        by_task.setdefault(case.task, []).append(case.name)
    return {
        name: names[(n + 1) % len(names)]
        for names in by_task.values()
        if len(names) > 1
        for n, name in enumerate(names)
    }


def ends_of(
    model: VideoModel, trajectory: Trajectory, cases: Sequence[Case], fields: Handover, batch: int
) -> tuple[pd.DataFrame, int]:
    """One row for each run and each thing that is put into it, and the NFE.

    trajectory: the runs that are forked, of one seed or more; cases: those of these runs, of tasks
    that have mistakes. Columns: COLUMNS. -1 is no candidate, and no step.

    put: what was put in. before: what leads at the end of the run that was forked, under its own
    picture. dose: see `edits.dose`, 0 where the latent of the step is left alone, nan of whole
    runs. leads, accepted: of the end; next_leads, next_accepted: of the clean estimate of the
    step itself. right: the right answer of what is asked at the end leads. kept: what was put in
    leads; of a swap, of a U-turn and so on, what was `before`. ideal: of the latent that the step
    starts from, -1 where none is sure; misled: it is a wrong one. Of whole runs alone: leads_from,
    accepted_from, the first step from whose clean estimate on the answer that leads (is accepted)
    at the end does so, N + 1 where there is none; unread, the steps at which the bottleneck read
    nothing.
    """
    subjects = {case.name: Subject(model, case) for case in cases}
    others = partners(cases)
    rows: list[dict] = []
    nfe = 0
    for picked in batches(trajectory.runs, batch):
        job = _Job(model, trajectory.select(picked), subjects, others)
        for k in steps_at(trajectory.sigmas, fields.levels):
            job.plain(k)
            for draw in range(fields.draws):
                for name in NAMES:
                    job.inject(k, name, draw)
                job.u_turn(k, draw)
                job.fresh_noise(k, draw)
            job.swap(k)
        job.whole_run()
        rows += job.rows
        nfe += job.nfe
    return pd.DataFrame(rows, columns=list(COLUMNS)), nfe


class _Job:
    """The forks of one batch of runs."""

    def __init__(
        self,
        model: VideoModel,
        runs: Trajectory,
        subjects: dict[str, Subject],
        others: dict[str, str],
    ) -> None:
        self.model, self.runs = model, runs
        self.subjects = [subjects[name] for name in runs.runs["case"]]
        self.others = [subjects.get(others.get(name, "")) for name in runs.runs["case"]]
        self.seeds = noise_seeds(runs.runs)
        self.condition = self._condition([one.case for one in self.subjects])
        self.own = [one.read(runs.x[n, -1:])[0] for n, one in enumerate(self.subjects)]
        self.queue = Queue()
        self.waiting: list[tuple[dict, Look, Look, Look | None]] = []
        self.nfe = 0

    @property
    def rows(self) -> list[dict]:
        """The rows of all that was done, read at once."""
        found = self.queue.read()
        return [
            self._judged(entry, found[end], found[following], None if old is None else found[old])
            for entry, end, following, old in self.waiting
        ]

    def _condition(self, cases: Sequence[Case]) -> Condition:
        n_frames = self.runs.made_by["frames"]
        return Runs(self.model, self.runs.runs, list(cases), n_frames).condition()

    def plain(self, k: int) -> None:
        for n, subject in enumerate(self.subjects):
            ideal = subject.ideal(self.runs.x[n, k], self.runs.sigmas[k].item())
            looks = (self.runs.x[n, -1], self.runs.clean[n, k])
            self._row(n, "plain", k, *looks, ideal=ideal)

    def inject(self, k: int, name: str, draw: int) -> None:
        puts = {
            n: (Inject(k, subject.asked.named[name]), subject.answers[subject.asked.named[name]])
            for n, subject in enumerate(self.subjects)
            if name in subject.asked.named
        }
        self._fork_with("inject", name, draw, k, puts)

    def u_turn(self, k: int, draw: int) -> None:
        puts = {n: (UTurn(k), self.runs.x[n, -1]) for n in range(len(self.subjects))}
        self._fork_with("u_turn", "", draw, k, puts)

    def fresh_noise(self, k: int, draw: int) -> None:
        # the same as a U-turn, of the clean estimate
        puts = {n: (UTurn(k), self.runs.clean[n, k - 1]) for n in range(len(self.subjects))}
        self._fork_with("fresh_noise", "", draw, k, puts)

    def swap(self, k: int) -> None:
        mine = [n for n, other in enumerate(self.others) if other is not None]
        if not mine:
            return
        given = [other or own for own, other in zip(self.subjects, self.others, strict=True)]
        states, ends = self._fork(k, None, self._condition([one.case for one in given]))
        for n in mine:
            self._row(
                *(n, "swap_picture", k, ends[n], states[0].clean[n]),
                subject=given[n],
                put=given[n].case.name,
                ideal=given[n].ideal(states[0].x[n], states[0].sigma),
                nfe=self.runs.n_steps - k,
            )

    def whole_run(self) -> None:
        """The run as it is, the bottleneck, and fresh noise at every step."""
        n_steps = self.runs.n_steps
        for n in range(len(self.subjects)):
            self._whole_row(n, "plain", 0, looks_of(self.runs, n))
        if n_steps < 2:
            return
        reads = [Reread(subject) for subject in self.subjects]
        narrow = [
            Bottleneck(seed=seed).edit(n_steps, read)
            for seed, read in zip(self.seeds, reads, strict=True)
        ]
        shape = self.runs.x.shape[2:]
        renewed = [
            in_turn(
                *(
                    NoiseAtStep(k, mode="renoise", seed=seed).edit(n_steps, shape)
                    for k in range(1, n_steps)
                )
            )
            for seed in self.seeds
        ]
        for name, edits in (("bottleneck", narrow), ("renoised", renewed)):
            states, ends = self._fork(1, by_row(edits), self.condition, every=True)
            for n in range(len(self.subjects)):
                first = self.runs.clean[n, :1]
                later = torch.stack([*(state.clean[n] for state in states), ends[n]])
                unread = reads[n].unread if name == "bottleneck" else 0
                looks = torch.cat([first, later])
                self._whole_row(n, name, 1, looks, unread=unread, nfe=n_steps - 1)

    def _whole_row(
        self, n: int, name: str, k: int, looks: Tensor, *, unread: int = 0, nfe: int = 0
    ) -> None:
        """The row of a whole run, by its clean estimates and its end, (N + 1, C, F, h, w)."""
        leads, accepted = zip(*self.subjects[n].read(looks), strict=True)
        since = {"leads_from": settled(leads), "accepted_from": settled(accepted)}
        since |= {"unread": unread, "dose": float("nan"), "nfe": nfe}
        self._row(n, name, k, looks[-1], looks[k], **since)

    def _fork_with(
        self, name: str, put: str, draw: int, k: int, puts: dict[int, tuple[Put, Tensor]]
    ) -> None:
        """A fork with a clean video put into some rows of the batch."""
        if not puts:
            return
        edits: list[Edit | None] = [None] * len(self.subjects)
        for n, (one, y) in puts.items():
            # each thing that is put in has its own noise
            seed = self.seeds[n] + 1000 * draw + (NAMES.index(put) if put else 0)
            edits[n] = replace(one, seed=seed).edit(self.runs.n_steps, y)
        states, ends = self._fork(k, by_row(edits), self.condition)
        for n, (one, _) in puts.items():
            self._row(
                *(n, name, k, ends[n], states[0].clean[n]),
                put=put,
                draw=draw,
                answer=one.answer if isinstance(one, Inject) else None,
                dose=dose(self.runs.x[[n], k], states[0].x[[n]]).item(),
                ideal=self.subjects[n].ideal(states[0].x[n], states[0].sigma),
                nfe=self.runs.n_steps - k,
            )

    def _fork(
        self, k: int, edit: Edit | None, condition: Condition, *, every: bool = False
    ) -> tuple[list[StepState], Tensor]:
        """The state of step k, or of every step from it on, and the results (B, C, F, h, w)."""
        states: list[StepState] = []

        def watch(state: StepState) -> None:
            if every or state.k == k:
                states.append(replace(state, x=state.x.cpu(), clean=state.clean.cpu()))

        ends, nfe = rerun(self.model, condition, self.runs, k, edit=edit, watch=watch)
        self.nfe += nfe
        return states, ends

    def _row(
        self,
        n: int,
        intervention: str,
        k: int,
        end: Tensor,
        following: Tensor,
        *,
        subject: Subject | None = None,
        put: str = "",
        draw: int = 0,
        answer: int | None = None,
        ideal: int = NO_ANSWER,
        leads_from: int = -1,
        accepted_from: int = -1,
        unread: int = -1,
        dose: float = 0.0,
        nfe: int = 0,
    ) -> None:
        """Notes what was done and what is to be read of it: the end and the next clean estimate.

        subject: whose picture was given at the end. answer: what was put in, None for what led in
        the run that was forked.
        """
        asked = subject or self.subjects[n]
        run, solutions = self.runs.runs.iloc[n], asked.asked.puzzle.solutions
        entry = {
            **{name: run[name] for name in ("model", "case", "task", "split", "seed")},
            "need": asked.asked.puzzle.need,
            "candidates": len(asked.asked.puzzle.candidates),
            **{"intervention": intervention, "put": put, "draw": draw},
            **{"step": k, "sigma": self.runs.sigmas[k].item(), "before": self.own[n][0]},
            **{"ideal": ideal, "misled": ideal != NO_ANSWER and ideal not in solutions},
            **{"leads_from": leads_from, "accepted_from": accepted_from},
            **{"unread": unread, "dose": dose, "nfe": nfe},
            "solutions": solutions,
            "whose": self.own[n] if answer is None else (answer, answer),
        }
        read = self.queue.add
        old = None if subject is None else read(self.subjects[n], end)
        self.waiting.append((entry, read(asked, end), read(asked, following), old))

    def _judged(self, entry: dict, end: Answers, following: Answers, old: Answers | None) -> dict:
        solutions, whose = entry.pop("solutions"), entry.pop("whose")
        kept = [a == b != NO_ANSWER for a, b in zip(old or end, whose, strict=True)]
        return {
            **entry,
            **{"leads": end[0], "accepted": end[1]},
            **{"next_leads": following[0], "next_accepted": following[1]},
            **{"right": end[0] in solutions, "right_accepted": end[1] in solutions},
            **{"kept": kept[0], "kept_accepted": kept[1]},
        }
