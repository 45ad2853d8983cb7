"""Activation patching: the hidden states of one run put into another, in the middle of a step.

A run (the receiver) gets, after block `layer` of `step`, hidden states of another (its donor); the
blocks behind it, and then the remaining steps, are computed. What can be put in (`PARTS`):

    all       every token of the donor (arXiv 2603.16870, section 5.2, read literally)
    picture   the tokens of latent frame 0, which carry the given picture
    video     the tokens of all later latent frames
    update    what the donor's block added to its input, at every token

With `all` the later blocks of the step see the donor's tokens only: the receiver's own picture
comes back through the later steps, where it is part of the input. A Wan block is given nothing
else of a run but its text (Wan 2.1: and CLIP tokens) and the step's clock, so between runs of one
prompt `all` yields the donor's velocity for that step whichever block it is done at: it cannot
tell layers apart. The other parts can, because later blocks read what was left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from chain_of_steps.errors import UserError
from chain_of_steps.interventions import by_row
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.velocity import VideoVelocity
from chain_of_steps.probes import Site, Sited, hooked
from chain_of_steps.sampling import Edit, cuts, sample
from chain_of_steps.trajectory import Recorder

PARTS = ("all", "picture", "video", "update")


@dataclass
class Ledger:
    """Block evaluations for one row of a batch each: those done, and those of the naive way.

    The naive way runs every patched run whole, from its first step.
    """

    layers: int
    evaluated: int = 0
    naive: int = 0

    @property
    def nfe(self) -> int:
        """The evaluated blocks in whole forward passes, rounded up."""
        return -(-self.evaluated // self.layers)

    def count(self, velocity: VideoVelocity, spared: int = 0, *, naive: bool = False) -> None:
        """Adds the passes of a velocity, less the blocks `resumed` spared."""
        blocks = velocity.nfe * self.layers
        self.evaluated += blocks - spared
        self.naive += blocks if naive else 0

    def __str__(self) -> str:
        share = self.evaluated / self.naive if self.naive else 1.0
        return f"{self.evaluated} of {self.naive} blocks ({share:.1%})"


@dataclass
class Spared:
    """Blocks not evaluated so far, counted per row of the batch."""

    blocks: int = 0


@contextmanager
def resumed(
    velocity: Sited, blocks: Sequence[torch.nn.ModuleList], states: Mapping[Site, Tensor]
) -> Iterator[Spared]:
    """Forward passes of a stored site start behind its block; the blocks up to it do not run.

    The same bits as a `write` that puts the states in, for less. states: hidden states (B, N, D),
    at most one site for a pass; other passes run whole. Blocks that carry sound beside the video
    must have it isolated (`models.ltx2`), as it passes by the blocks that do not run.
    """
    last = {site[:3]: site.layer for site in states}
    if len(last) < len(states):
        raise UserError("Two stored sites lie in one forward pass: give the later one only.")
    spared = Spared()

    def resume(layer: int, compute: Callable[..., Any]) -> Callable[..., Any]:
        def forward(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
            at = velocity.site
            if at is None or layer > last.get(at, -1):
                return compute(hidden_states, *args, **kwargs)
            spared.blocks += len(hidden_states)
            found = states.get(Site(*at, layer))
            left = hidden_states if found is None else found.to(hidden_states)
            sound = kwargs.get("audio_hidden_states")  # LTX-2's second stream
            return left if sound is None else (left, sound)

        return forward

    def restore(block: torch.nn.Module, before: Any) -> None:
        del block.forward
        if before is not None:  # something else, such as offloading, had wrapped it
            block.forward = before

    with ExitStack() as undo:
        for layer, block in ((n, b) for layers in blocks for n, b in enumerate(layers)):
            undo.callback(restore, block, vars(block).get("forward"))
            block.forward = resume(layer, block.forward)
        yield spared


@contextmanager
def replaced(
    velocity: Sited, blocks: Sequence[torch.nn.ModuleList], states: Mapping[Site, Tensor]
) -> Iterator[Spared]:
    """As `resumed`, but every block runs: for models whose blocks also carry on the text."""

    def write(site: Site, before: Tensor, after: Tensor) -> Tensor:
        return states.get(site, after)

    with hooked(velocity, blocks, write=write):
        yield Spared()


def mixed(
    part: str, before: Tensor, after: Tensor, given: tuple[Tensor, Tensor], first: int
) -> Tensor:
    """Hidden states that leave a block once `part` of the donor is put in, (B, N, D).

    before, after: those of the receiver around the block; given: those of the donor; first: the
    number of tokens of latent frame 0. A run that is its own donor keeps its bits.
    Raises UserError for an unknown part.
    """
    if part == "all":
        return given[1]
    if part == "update":
        return after + ((given[1] - given[0]) - (after - before))
    if part not in PARTS:
        raise UserError(f"part is {part!r}: write one of {', '.join(PARTS)}.")
    tokens = slice(0, first) if part == "picture" else slice(first, None)
    changed = after.clone()
    changed[:, tokens] = given[1][:, tokens]
    return changed


def paired_cuts(n_rows: int, batch: int) -> list[slice]:
    """The cuts of runs and patched runs alike: pairs of runs stay together, in even batches.

    So a donor sits in a batch of its receiver's size wherever that can be, and patched runs that
    must be equal are equal bit for bit.
    """
    return cuts(n_rows, batch, together=min(2, batch), even=True)


@dataclass(frozen=True)
class Patcher:
    """R runs, any of which can receive hidden states of another at one (step, layer).

    condition: of the R runs. sigmas: (N + 1,). x: (R, N + 1, C, F, h, w), clean: (R, N, ...), as
    `Patcher.sampled` stores them. branches: the forward passes that are patched; the others run
    as they are.
    """

    model: VideoModel
    condition: Condition
    sigmas: Tensor
    x: Tensor
    clean: Tensor
    batch: int
    ledger: Ledger
    branches: tuple[str, ...] = ("cond",)

    @classmethod
    def sampled(
        cls,
        model: VideoModel,
        condition: Condition,
        noise: Tensor,
        sigmas: Tensor,
        *,
        batch: int,
        edits: Sequence[Edit | None] | None = None,
        **options: Any,
    ) -> Patcher:
        """Samples the R runs from noise (R, C, F, h, w), run i under edits[i]."""
        ledger = Ledger(len(model.blocks[0]))
        batches = []
        for rows in paired_cuts(len(noise), batch):
            velocity, recorder = model.velocity(condition.select(rows)), Recorder()
            edit = None if edits is None else by_row(edits[rows])
            last = sample(velocity, noise[rows], sigmas, edit=edit, watch=recorder)
            batches.append(recorder.stacked(last))
            ledger.count(velocity, naive=True)
        x, clean = (torch.cat(tensors) for tensors in zip(*batches, strict=True))
        return cls(model, condition, sigmas, x, clean, batch, ledger, **options)

    @property
    def n_steps(self) -> int:
        return len(self.sigmas) - 1

    @property
    def cuts(self) -> list[slice]:
        """The runs that share a forward pass."""
        return paired_cuts(len(self.x), self.batch)

    @property
    def first(self) -> int:
        """Tokens of latent frame 0."""
        _, h, w = self.model.token_grid(*self.x.shape[3:])
        return h * w

    def states(self, step: int) -> dict[str, list[Tensor]]:
        """Branch -> hidden states of all runs: [0] enters the first block, [k + 1] leaves block k.

        One forward pass from the stored x. Holds (L + 1) R N D numbers a branch.
        """
        batches: list[dict[str, list[Tensor]]] = []

        def read(site: Site, before: Tensor, after: Tensor) -> None:
            if site.branch in self.branches:
                found = batches[-1].setdefault(site.branch, [before] if site.layer == 0 else [])
                found.append(after)

        for rows in self.cuts:
            batches.append({})
            velocity = self.model.velocity(self.condition.select(rows))
            with hooked(velocity, self.model.blocks, read=read):
                self.advance(velocity, self.x[rows, step], step, step + 1)
            self.ledger.count(velocity)
        return {
            branch: [torch.cat(rows) for rows in zip(*(b[branch] for b in batches), strict=True)]
            for branch in batches[0]
        }

    def patched(
        self, states: Mapping[str, list[Tensor]], donors: Tensor, step: int, layer: int, part: str
    ) -> tuple[Tensor, Tensor]:
        """Every run after `step`, patched at block `layer`: x_{step+1} and clean estimate.

        states: those of `step`. donors: int (R,), the run that each one receives from.
        """
        expert = self.model.velocity(self.condition).expert(self.sigmas[step].item())
        nexts, cleans = [], []
        for rows in self.cuts:
            chosen = donors[rows]
            given = {
                Site(step, expert, branch, layer): mixed(
                    part,
                    found[layer][rows],
                    found[layer + 1][rows],
                    (found[layer][chosen], found[layer + 1][chosen]),
                    self.first,
                )
                for branch, found in states.items()
            }
            velocity = self.model.velocity(self.condition.select(rows))
            with self._put(velocity, given) as spared:
                x = self.advance(
                    velocity,
                    self.x[rows, step],
                    step,
                    step + 1,
                    watch=lambda state: cleans.append(state.clean.cpu()),
                )
            nexts.append(x.cpu())
            self.ledger.count(velocity, spared.blocks)
        return torch.cat(nexts), torch.cat(cleans)

    def _put(
        self, velocity: VideoVelocity, given: Mapping[Site, Tensor]
    ) -> AbstractContextManager[Spared]:
        """Puts states in; blocks run before them only where they also carry on the text."""
        if not self.model.TEXT_STREAM:
            return resumed(velocity, self.model.blocks, given)
        return replaced(velocity, self.model.blocks, given)

    def finished(self, nexts: Sequence[Tensor], step: int) -> list[Tensor]:
        """Final latents of several patched states x_{step+1}; equal states are run on once."""
        ends: list[Tensor] = []
        for i, x in enumerate(nexts):
            twin = next((j for j in range(i) if torch.equal(nexts[j], x)), None)
            ends.append(self._finish(x, step + 1) if twin is None else ends[twin])
        return ends

    def _finish(self, x: Tensor, start: int) -> Tensor:
        ends = []
        for rows in self.cuts:
            velocity = self.model.velocity(self.condition.select(rows))
            ends.append(self.advance(velocity, x[rows], start, self.n_steps).cpu())
            self.ledger.count(velocity)
        return torch.cat(ends)

    def advance(
        self, velocity: VideoVelocity, x: Tensor, start: int, stop: int, **options: Any
    ) -> Tensor:
        """x_start (B, C, F, h, w) to x_stop, on the model's device; options as in `sample`."""
        x = x.to(self.model.device)
        return sample(velocity, x, self.sigmas, start=start, stop=stop, **options)

    def count_naive(self, n_steps: int) -> None:
        """Adds to the ledger what running all runs for n_steps steps would cost."""
        passes = 1 if self.condition.negative is None else 2
        self.ledger.naive += n_steps * passes * self.ledger.layers * len(self.x)
