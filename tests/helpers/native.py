"""Puzzles drawn at another size, a codec that loses nothing, and a model that draws an answer."""

from pathlib import Path
from types import SimpleNamespace

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from machines import pipe_of

from chain_of_steps.cases.folders import Case, write_case
from chain_of_steps.drawn import drawn, drawn_still
from chain_of_steps.models.wan import WanModel
from chain_of_steps.sampling import Velocity
from chain_of_steps.tasks.drawing import Drawing
from chain_of_steps.tasks.puzzle import Puzzle

STRIDE, BEAT = 16, 4


class ExactCodec(ModelMixin, ConfigMixin):
    """Every pixel of 4 frames and 16 x 16 places is a channel: nothing is lost.

    The first frame is repeated to a chunk of 4.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        z_dim: int = 3 * BEAT * STRIDE**2,
        scale_factor_temporal: int = BEAT,
        scale_factor_spatial: int = STRIDE,
        latents_mean: tuple[float, ...] = (0.0,) * (3 * BEAT * STRIDE**2),
        latents_std: tuple[float, ...] = (1.0,) * (3 * BEAT * STRIDE**2),
    ):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def encode(self, video: torch.Tensor) -> SimpleNamespace:
        chunks = torch.cat([video[:, :, :1].repeat(1, 1, BEAT, 1, 1), video[:, :, 1:]], dim=2)
        cut = chunks.unflatten(2, (-1, BEAT)).unflatten(4, (-1, STRIDE)).unflatten(6, (-1, STRIDE))
        latents = cut.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4) * self.scale
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latents))

    def decode(self, latents: torch.Tensor, return_dict: bool = False) -> tuple[torch.Tensor]:
        cut = (latents / self.scale).unflatten(1, (3, BEAT, STRIDE, STRIDE))
        chunks = cut.permute(0, 1, 5, 2, 6, 3, 7, 4).flatten(2, 3).flatten(3, 4).flatten(4, 5)
        return (chunks[:, :, BEAT - 1 :],)


class DrawnVelocity(Velocity):
    """Of a batch of runs whose clean estimates are always the same latents (B, C, F, h, w)."""

    site = None

    def __init__(self, clean: torch.Tensor) -> None:
        self.clean, self.nfe = clean, 0

    def __call__(self, x: torch.Tensor, sigma: float, k: int) -> torch.Tensor:
        self.nfe += len(x)
        return (x - self.clean) / sigma


class DrawingModel(WanModel):
    """Draws the candidate `shows(puzzle)` of the case whose picture is nearest to the given one.

    Two candidates are drawn half each.
    """

    def __init__(self, pipe, cases, shows) -> None:
        super().__init__(pipe, max_sequence_length=24, name="drawing")
        self.known = []
        for case in cases:
            wanted = shows(case.puzzle)
            latents = drawn(self, case.puzzle, wanted, case.drawing)
            still = drawn_still(self, case.puzzle, case.drawing)
            self.known.append((still[:, 0], latents.mean(0)))

    def velocity(self, condition) -> DrawnVelocity:
        stills = torch.stack([still for still, _ in self.known])
        given = condition.picture["latents"][:, BEAT:, 0]
        nearest = torch.cdist(given.flatten(1), stills.flatten(1)).argmin(1)
        return DrawnVelocity(torch.stack([self.known[n][1] for n in nearest]))


def model_of(cases: list[Case], shows) -> DrawingModel:
    """A model without weights that draws candidates of each case."""
    return DrawingModel(pipe_of(ExactCodec(), [case.puzzle for case in cases]), cases, shows)


def cases_of(root: Path, puzzles: list[Puzzle], drawing: Drawing) -> list[Case]:
    """Case folders of puzzles, drawn so."""
    cases = []
    for number, puzzle in enumerate(puzzles):
        name = f"in-domain/{puzzle.task}/{number:05d}"
        (root / name).mkdir(parents=True)
        write_case(root / name, puzzle, drawing=drawing)
        cases.append(Case(name, root / name))
    return cases
