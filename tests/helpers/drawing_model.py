"""A Wan image-to-video model that draws what a file beside its weights says, task by task.

Everything else is real: the files, the loader, the codec, the text encoder, and the transformer,
whose blocks run and are hooked, but whose velocity is not taken. Its adapter comes as one of
another package does, by an entry point; `install` writes that.

    truth       the answer that is shown, at every step
    wrong       another one above the noise level UNTIL, then the truth
    halves      the two half each above UNTIL, then the truth
    never       the two half each, to the end
    fragile     the truth, as long as a latent below UNTIL shows some of it; else another one
    posterior   the ideal denoiser of all candidates, each as likely: the latent picks among them
"""

import json
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from chain_of_steps.artifacts import read_table
from chain_of_steps.cases.folders import Case, load_cases
from chain_of_steps.drawn import drawn, drawn_still
from chain_of_steps.experiments.behaviours.posterior import log_weights
from chain_of_steps.models.wan import WanModel, WanVelocity
from chain_of_steps.tasks.drawing import Drawing
from chain_of_steps.tasks.identify import twin
from chain_of_steps.tasks.puzzle import Puzzle

FILE = "draws.json"
UNTIL = 0.9
SHARE = 0.35  # of the truth that a fragile one must see in a latent


def install(folder: Path, model: Path, cases: str, draws: dict[str, str]) -> None:
    """Writes what a folder on PYTHONPATH needs so that a saved pipeline is loaded as this.

    cases: the folder of the study's cases, as its jobs see it. draws: what is drawn of each task.
    """
    info = folder / "drawing_model-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: drawing-model\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[chain_of_steps.adapters]\nWanImageToVideoPipeline = drawing_model:DrawingModel\n"
    )
    (model / FILE).write_text(json.dumps({"cases": cases, "draws": draws}))


class Known:
    """A puzzle in latents, each drawn when it is asked for."""

    def __init__(self, model: WanModel, puzzle: Puzzle, drawing: Drawing, draws: str) -> None:
        self.model, self.puzzle, self.drawing, self.draws = model, puzzle, drawing, draws

    @cached_property
    def still(self) -> Tensor:
        return drawn_still(self.model, self.puzzle, self.drawing)

    @cached_property
    def truth(self) -> Tensor:
        return drawn(self.model, self.puzzle, [self.puzzle.shown], self.drawing)[0]

    @cached_property
    def other(self) -> Tensor:
        return drawn(self.model, self.puzzle, [other_of(self.puzzle)], self.drawing)[0]

    @cached_property
    def answers(self) -> Tensor:
        every = range(len(self.puzzle.candidates))
        return drawn(self.model, self.puzzle, every, self.drawing)

    def clean(self, x: Tensor, sigma: float) -> Tensor:
        """The clean estimate (C, F, h, w) at a latent of noise level sigma."""
        if self.draws == "posterior":
            weights = log_weights(x[None], sigma, self.answers)[0].softmax(0).to(x.dtype)
            return torch.einsum("n,n...->...", weights, self.answers)
        if self.draws == "fragile":
            way = self.truth - self.still
            seen = ((x - (1 - sigma) * self.still) * way).sum() / way.square().sum()
            lost = sigma <= UNTIL and seen < SHARE * (1 - sigma)
            return self.other if lost else self.truth
        if self.draws == "truth" or (sigma <= UNTIL and self.draws != "never"):
            return self.truth
        return self.other if self.draws == "wrong" else (self.truth + self.other) / 2


def other_of(puzzle: Puzzle) -> int:
    """The wrong candidate that is drawn."""
    return next(n for n in range(len(puzzle.candidates)) if n not in puzzle.solutions)


class DrawingModel(WanModel):
    @cached_property
    def known(self) -> list[Known]:
        says = json.loads((self.directory / FILE).read_text())
        root = Path(says["cases"])
        cases = load_cases(root, read_table(root / "cases.csv")["case"].tolist())
        return [
            Known(self, puzzle, case.drawing, says["draws"][case.task])
            for case in cases
            for puzzle in puzzles_of(case)
        ]

    def velocity(self, condition) -> "DrawingVelocity":
        pictures = torch.stack([known.still[:, 0] for known in self.known])
        given = condition.picture["latents"][:, self.compression[0] :, 0]
        nearest = torch.cdist(given.flatten(1), pictures.flatten(1)).argmin(1)
        return DrawingVelocity(self, condition, [self.known[n] for n in nearest])


def puzzles_of(case: Case) -> list[Puzzle]:
    """The puzzle of a case, and the other one that it is swapped with."""
    return [case.puzzle, *([twin(case.puzzle)] if case.task == "identify" else [])]


class DrawingVelocity(WanVelocity):
    def __init__(self, model: DrawingModel, condition, known: list[Known]) -> None:
        super().__init__(model, condition)
        self.known = known

    def _predict(self, net, dtype, x, sigma, text) -> Tensor:
        super()._predict(net, dtype, x, sigma, text)
        rows = zip(self.known, x, strict=True)
        return (x - torch.stack([known.clean(row, sigma) for known, row in rows])) / sigma
