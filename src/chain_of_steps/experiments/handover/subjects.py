"""Which of the stored runs are taken, what their cases can show, and how that is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from chain_of_steps.artifacts import read_table
from chain_of_steps.cases.folders import INDEX, Case, cases_of, first_of_each, need_puzzles
from chain_of_steps.drawn import drawn_still
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.behaviours.posterior import encoded_answers, log_weights
from chain_of_steps.experiments.handover.mistakes import KINDS, Asked
from chain_of_steps.measures import NO_ANSWER
from chain_of_steps.models.model import VideoModel
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.trajectory import Trajectory

CERTAIN = 0.9  # posterior weight of an answer that an ideal reader is sure of
MANY = 32  # looks that are decoded at once

Answers = tuple[int, int]  # the candidate that leads, and the one that is accepted
Look = tuple[str, int]  # one that waits to be read: of which case, and its number


@dataclass(frozen=True)
class Subject:
    """A case as it is asked here: its candidates with the mistakes, drawn, and who reads them."""

    model: VideoModel
    case: Case

    @cached_property
    def asked(self) -> Asked:
        return Asked.of(self.case.puzzle)

    @cached_property
    def answers(self) -> Tensor:
        """Every candidate, (n, C, F, h, w)."""
        return encoded_answers(self.model, self.asked.puzzle, self.case.drawing)

    @cached_property
    def still(self) -> Tensor:
        """The first picture throughout, (C, F, h, w)."""
        return drawn_still(self.model, self.case.puzzle, self.case.drawing)

    @cached_property
    def observer(self) -> Observer:
        return Observer(self.asked.puzzle, self.case.drawing)

    def read(self, looks: Tensor) -> list[Answers]:
        """What looks (S, C, F, h, w) show."""
        observer = self.observer
        found = observer.read(self.model.decode(looks, frames=observer.frames).numpy())
        return list(zip(found.leads.tolist(), found.accepted.tolist(), strict=True))

    def ideal(self, x: Tensor, sigma: float) -> int:
        """The candidate of which a latent (C, F, h, w) leaves no doubt, or -1."""
        weights = log_weights(x[None], sigma, self.answers).exp()[0]
        return int(weights.argmax()) if weights.max() > CERTAIN else NO_ANSWER


class Queue:
    """Looks that wait to be read: many of one puzzle together cost little more than one."""

    def __init__(self) -> None:
        self.waiting: dict[str, tuple[Subject, list[Tensor]]] = {}

    def add(self, subject: Subject, look: Tensor) -> Look:
        """look: (C, F, h, w)."""
        looks = self.waiting.setdefault(subject.case.name, (subject, []))[1]
        looks.append(look)
        return subject.case.name, len(looks) - 1

    def read(self) -> dict[Look, Answers]:
        return {
            (name, first + n): answers
            for name, (subject, looks) in self.waiting.items()
            for first in range(0, len(looks), MANY)
            for n, answers in enumerate(subject.read(torch.stack(looks[first : first + MANY])))
        }


def runs_of(
    cases: Path, trajectory: Path, n: int, more: Sequence[str] = ()
) -> tuple[Trajectory, list[Case]]:
    """The runs of the first n cases of each task and split of KINDS in a shard, and these cases.

    Other drawings of a puzzle are left out, but those of the tasks `more`. A shard may have none.
    Raises UserError where the study has none of KINDS.
    """
    index = read_table(cases / INDEX)
    if not index["task"].isin(KINDS).any():
        raise UserError(
            f"cases.tasks has none of {', '.join(KINDS)}: add one, as mistakes and loops are "
            "studied where inferences can be counted."
        )
    index = index[index["task"].isin([*KINDS, *more])]
    runs = Trajectory.checked(trajectory)
    chosen = runs.runs["case"].isin(first_of_each(index, n))
    runs = runs.select(chosen.to_numpy().nonzero()[0].tolist())
    mine = cases_of(cases, runs.runs)
    need_puzzles(mine)
    return runs, mine
