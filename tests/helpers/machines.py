"""Models without weights whose way of answering is known: what an instrument must tell apart.

They solve `chain_once`, where all marks of a way appear at once. Each reads the picture that it is
given; they differ in where an answer comes from.

    recompute   R: the right answer at every step, from the picture alone
    posterior   the ideal denoiser of all candidates, the right one as likely as all others
                together: the latent picks among them
    polish      P: as R, but faint; from step to step as clear as the latent shows it, and more
    serial      S: a tile is marked where the latent shows a mark on a tile that points to it, so
                that each step adds one hop
"""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case, write_case
from chain_of_steps.experiments.behaviours.posterior import encoded_answers, log_weights
from chain_of_steps.models.wan import WanModel
from chain_of_steps.pocket.pipeline import build_pipeline, build_tokenizer
from chain_of_steps.sampling import Velocity
from chain_of_steps.tasks import chain_once, stream
from chain_of_steps.tasks.chain import DIRECTIONS, marked
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.scene import hold, render_movie

TASK = "chain_once"
FAINT, CLEARER = 0.55, 0.05  # of a polisher: its first contrast, and what a step adds
SURE, SHARP = 3.0, 4.0  # standard deviations of the noise above which a serial machine sees a mark
CLEAR = 0.3  # and the share of a whole mark: what is older fades, as a latent moves but slowly


def puzzles_by_need(least: int, most: int, n: int) -> list[Puzzle]:
    drawn = (one for one in stream(TASK, "in-domain", "evaluation", 0) if least <= one.need <= most)
    return list(itertools.islice(drawn, n))


@dataclass(frozen=True)
class Known:
    """A puzzle in latents: its answers, the first picture throughout, and a mark on any tile."""

    puzzle: Puzzle
    answers: Tensor  # (n, C, F, h, w)
    still: Tensor  # (C, F, h, w)
    marks: Tensor  # (C, F, h, w), what a mark adds on each tile

    @classmethod
    def of(cls, model: WanModel, puzzle: Puzzle) -> "Known":
        first, board = chain_once.empty(puzzle)[0], puzzle.board
        everywhere = marked(first, [cell for cell in board.cells])
        movies = [hold(first, *[scene] * board.beats) for scene in (first, everywhere)]
        videos = torch.stack([torch.from_numpy(render_movie(movie)) for movie in movies])
        still, full = model.encode(videos)
        return cls(puzzle, encoded_answers(model, puzzle), still, full - still)

    @cached_property
    def points_to(self) -> Tensor:
        """(tiles, tiles): 1 where the arrow on the second points to the first; row by row."""
        cells, turns = self.puzzle.board.cells, self.puzzle.layout["arrows"]
        to = {
            n: cells.index((cell[0] + DIRECTIONS[turn][0], cell[1] + DIRECTIONS[turn][1]))
            for n, (cell, turn) in enumerate(zip(cells, turns, strict=True))
            if turn is not None
        }
        for first in range(len(cells)):  # one arrow of each circle leads nowhere
            here, met = first, {first}
            while here in to and to[here] not in met:
                here = to[here]
                met.add(here)
            to = {n: other for n, other in to.items() if n != here}  # a mark in it would stay
        found = torch.zeros(len(cells), len(cells))
        for n, other in to.items():
            found[other, n] = 1
        return found

    @property
    def start(self) -> int:
        return self.puzzle.board.cells.index(tuple(self.puzzle.layout["start"]))


def recompute(known: Known, x: Tensor, sigma: float) -> Tensor:
    return known.answers[0]


def posterior(known: Known, x: Tensor, sigma: float) -> Tensor:
    weights = log_weights(x[None], sigma, known.answers)[0]
    weights[0] += math.log(len(weights) - 1)
    return torch.einsum("n,n...->...", weights.softmax(0).to(x.dtype), known.answers)


def polish(known: Known, x: Tensor, sigma: float) -> Tensor:
    way = known.answers[0] - known.still
    share = 1 - sigma
    seen = ((x - share * known.still) * way).sum() * share / (way.square().sum() * share**2 + sigma)
    return known.still + way * (seen + CLEARER).clamp(FAINT, 1)


def serial(known: Known, x: Tensor, sigma: float) -> Tensor:
    size = known.marks.square().sum((0, 1)).sqrt()
    seen = ((x - (1 - sigma) * known.still) * known.marks).sum((0, 1)) / size
    least = torch.maximum(SURE * torch.ones_like(size), CLEAR * (1 - sigma) / sigma * size)
    mark = torch.sigmoid(SHARP * (seen / sigma - least)).flatten()
    mark = torch.where(torch.arange(len(mark)) == known.start, torch.ones_like(mark), mark)
    found = (known.points_to * mark).amax(1)
    found = torch.where(torch.arange(len(found)) == known.start, torch.zeros_like(found), found)
    return known.still + known.marks * found.reshape(size.shape)


MACHINES = {machine.__name__: machine for machine in (recompute, posterior, polish, serial)}


class MachineVelocity(Velocity):
    """Of a batch of runs, each of the puzzle whose picture it is given."""

    site = None

    def __init__(self, machine, known: list[Known]) -> None:
        self.machine, self.known, self.nfe = machine, known, 0

    def __call__(self, x: Tensor, sigma: float, k: int) -> Tensor:
        self.nfe += len(x)
        rows = zip(self.known, x, strict=True)
        clean = torch.stack([self.machine(known, row, sigma) for known, row in rows])
        return (x - clean) / sigma


class MachineModel(WanModel):
    """A machine with the codec, the pictures and the noise of a pocket pipeline."""

    def __init__(self, pipe, name: str, puzzles: list[Known]) -> None:
        super().__init__(pipe, max_sequence_length=24, name=name)
        self.machine = MACHINES[name]
        self.puzzles = puzzles

    def velocity(self, condition) -> MachineVelocity:
        shown = torch.stack([known.still[:, 0] for known in self.puzzles])
        given = condition.picture["latents"][:, 4:, 0]
        nearest = torch.cdist(given.flatten(1), shown.flatten(1)).argmin(1)
        return MachineVelocity(self.machine, [self.puzzles[n] for n in nearest])


def pipe_of(codec, puzzles: list[Puzzle]):
    """A pocket pipeline whose codec, tokenizer and noise a machine can have."""
    size = {"layers": 1, "heads": 1, "head_dim": 24, "ffn_dim": 32, "text_dim": 16}
    return build_pipeline(codec, build_tokenizer(p.prompt for p in puzzles), **size, seed=0)


def write_cases(root: Path, puzzles: list[Puzzle]) -> list[Case]:
    names = [f"in-domain/{TASK}/{number:05d}" for number in range(len(puzzles))]
    for name, puzzle in zip(names, puzzles, strict=True):
        (root / name).mkdir(parents=True)
        write_case(root / name, puzzle)
    return [Case(name, root / name) for name in names]
