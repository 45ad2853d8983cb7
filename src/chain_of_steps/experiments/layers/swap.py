"""Layer swapping on the identify task (arXiv 2603.16870, section 5.2, Fig. 6b).

Run A has one set of objects present, its twin B the other; prompt and noise are the same. At one
step the hidden states after block k of A are replaced by those of B (see `patching` for the parts
that can be replaced, and for why replacing all tokens is the same at every k), and the other way
round. Does the answer flip to B's? Read at two looks: in the clean estimate of the patched step,
and in the final video, when the later steps have seen A's own picture again. The estimate of step
0 is what a sampler of one step would return. As a control the donor is a run of another case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.models.model import VideoModel
from chain_of_steps.patching import PARTS, Ledger, Patcher, mixed
from chain_of_steps.probes import Site, hooked
from chain_of_steps.progress import progress
from chain_of_steps.runs import Drawn, Runs, read_looks
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks.identify import twin
from chain_of_steps.tasks.reader import Reader

TWIN, UNRELATED = "twin", "unrelated"
OUTCOMES = ("kept", "flipped", "follows", "moved")


@dataclass(frozen=True)
class Pairs:
    """Runs of each case as drawn and of its twin, same noise: rows are (case, side, seed).

    table: model, case, task, split, seed, direction of each run as a receiver.
    """

    table: pd.DataFrame
    readers: list[Reader]
    patcher: Patcher
    seeds: int

    @classmethod
    def sampled(
        cls,
        model: VideoModel,
        cases: Sequence[Case],
        seeds: Sequence[int],
        *,
        steps: int,
        shift: float,
        n_frames: int,
        **options,
    ) -> Pairs:
        """`options` are those of `Patcher.sampled`: batch, branches."""
        puzzles = [(case, p) for case in cases for p in (case.puzzle, twin(case.puzzle))]
        sides = [(case, Drawn.of(puzzle)) for case, puzzle in puzzles]
        table = pd.DataFrame(
            {
                "model": model.name,
                "case": case.name,
                "task": side.puzzle.task,
                "split": side.puzzle.split,
                "seed": seed,
                "direction": "a to b" if side.puzzle.shown == 0 else "b to a",
            }
            for case, side in sides
            for seed in seeds
        )
        runs = Runs(model, table, [side for _, side in sides for _ in seeds], n_frames)
        sigmas = model.sigmas(steps, shift)
        patcher = Patcher.sampled(model, runs.condition(), runs.noise(), sigmas, **options)
        return cls(table, runs.readers(), patcher, len(seeds))

    def donors(self, donor: str) -> Tensor:
        """int (R,): the run that each one receives from, its twin or the next case's."""
        rows = torch.arange(len(self.table))
        if donor == UNRELATED:
            return (rows + 2 * self.seeds) % len(rows)
        return rows + self.seeds * (1 - 2 * (rows // self.seeds % 2))

    def read(
        self, looks: Tensor, own: Tensor, donor: str, eligible: np.ndarray
    ) -> list[dict[str, np.ndarray]]:
        """Outcomes (R,) of S looks (S, R, ...): kept, flipped, follows, moved.

        kept: the receiver's own answer is still read; flipped: the twin's is; follows: the donor's
        own reader reads a right answer; moved: share of the way from the receiver's unpatched
        latent in `own` (R, ...) to the donor's, 0 to 1 (projection). eligible: the unpatched
        runs of receiver, twin and donor all end right.
        """
        donors, model = self.donors(donor), self.patcher.model
        shown = np.array([reader.puzzle.shown for reader in self.readers])
        answers = read_looks(model, self.readers, looks)["answer"]
        kept, flipped = answers == shown, answers == 1 - shown
        follows = flipped
        if donor != TWIN:
            theirs = [self.readers[other] for other in donors.tolist()]
            follows = read_looks(model, theirs, looks)["correct"]
        moved = np.empty((len(looks), len(self.readers)))
        for row, other in enumerate(donors.tolist()):
            way = (own[other] - own[row]).double().flatten()
            gone = (looks[:, row] - own[row]).double().flatten(1)
            moved[:, row] = (gone @ way / way.dot(way)).numpy()
        found = (kept.astype(float), flipped.astype(float), follows.astype(float), moved)
        outcomes = dict(zip(OUTCOMES, found, strict=True))
        usable = eligible & eligible[self.donors(TWIN)] & eligible[donors]
        return [
            {"eligible": usable, **{name: values[n] for name, values in outcomes.items()}}
            for n in range(len(looks))
        ]

    def solved(self) -> np.ndarray:
        """Whether each unpatched run ends with its own answer, bool (R,)."""
        last = self.patcher.x[None, :, -1]
        return read_looks(self.patcher.model, self.readers, last)["correct"][0]


def swap_at_step(
    pairs: Pairs, stride: int, *, final_parts: Sequence[str] = ("all",)
) -> pd.DataFrame:
    """One row for each (run, step, donor, part, layer, look), see the module.

    Steps 0, stride, 2 stride, ... Every part is read in the step's estimate; runs of the
    `final_parts` are also taken to the end. The unrelated donor gives all its tokens, at step 0.
    """
    patcher, solved = pairs.patcher, pairs.solved()
    layers = range(len(patcher.model.blocks[0]))
    tables = []
    for step in progress(range(0, patcher.n_steps, stride), desc="swap", unit="steps"):
        states = patcher.states(step)
        controls = step == 0 and len(pairs.table) > 2 * pairs.seeds
        for donor, part in [*((TWIN, p) for p in PARTS), *[(UNRELATED, "all")] * controls]:
            donors = pairs.donors(donor)
            results = [patcher.patched(states, donors, step, layer, part) for layer in layers]
            nexts, estimates = zip(*results, strict=True)
            looks = {"estimate": (torch.stack(estimates), patcher.clean[:, step])}
            if part in final_parts:
                ends = patcher.finished(nexts, step)
                looks["final"] = (torch.stack(ends), patcher.x[:, -1])
            for _ in layers:
                patcher.count_naive(patcher.n_steps if "final" in looks else step + 1)
            where = {"donor": donor, "part": part, "step": step}
            for look, (latents, own) in looks.items():
                found = pairs.read(latents, own, donor, solved)
                where = {**where, "span": "one", "look": look}
                tables += [_rows(pairs, where, layer, found[layer]) for layer in layers]
    return pd.concat(tables, ignore_index=True)


def swap_at_every_step(pairs: Pairs) -> pd.DataFrame:
    """Rows as `swap_at_step` gives them for runs that receive from their twin at every step.

    The donor is the twin's unpatched run. All parts but `all`, which would be the twin's run.
    The receiver's states are its own, so its blocks are all computed.
    """
    patcher, solved, donors = pairs.patcher, pairs.solved(), pairs.donors(TWIN)
    sites = [(p, k) for p in PARTS[1:] for k in range(len(patcher.model.blocks[0]))]
    x = dict.fromkeys(sites, patcher.x[:, 0])
    for step in progress(range(patcher.n_steps), desc="swap at every step", unit="steps"):
        states = patcher.states(step)
        for part, layer in sites:
            x[part, layer] = _step_with(patcher, x[part, layer], states, donors, step, layer, part)
    found = pairs.read(torch.stack(list(x.values())), patcher.x[:, -1], TWIN, solved)
    tables = []
    for (part, layer), outcome in zip(sites, found, strict=True):
        where = {"donor": TWIN, "part": part, "step": 0, "span": "every", "look": "final"}
        tables.append(_rows(pairs, where, layer, outcome))
    return pd.concat(tables, ignore_index=True)


def _step_with(
    patcher: Patcher,
    x: Tensor,
    states: dict[str, list[Tensor]],
    donors: Tensor,
    step: int,
    layer: int,
    part: str,
) -> Tensor:
    """One step of all runs from x, with part of the donors' states after block `layer`."""
    nexts = []
    for rows in patcher.cuts:
        chosen = donors[rows]

        def write(site: Site, before: Tensor, after: Tensor, chosen=chosen) -> Tensor:
            if site.layer != layer or site.branch not in states:
                return after
            found = states[site.branch]
            given = (found[layer][chosen], found[layer + 1][chosen])
            return mixed(part, before, after, given, patcher.first)

        velocity = patcher.model.velocity(patcher.condition.select(rows))
        with hooked(velocity, patcher.model.blocks, write=write):
            nexts.append(patcher.advance(velocity, x[rows], step, step + 1).cpu())
        patcher.ledger.count(velocity, naive=True)
    return torch.cat(nexts)


def _rows(pairs: Pairs, where: dict[str, Any], layer: int, outcome: dict) -> pd.DataFrame:
    """The run table with where the patch was and what came of it."""
    patcher = pairs.patcher
    sigma = patcher.sigmas[where["step"]].item()
    return pairs.table.assign(steps=patcher.n_steps, sigma=sigma, **where, layer=layer, **outcome)


def swap_identify(
    model: VideoModel,
    cases: Sequence[Case],
    seeds: Sequence[int],
    *,
    steps: int,
    every_steps: int,
    stride: int,
    final_parts: Sequence[str] = ("all",),
    **options,
) -> tuple[pd.DataFrame, Ledger]:
    """Both swaps; the one at every step uses a sampler of `every_steps` steps.

    `options` are those of `Pairs.sampled`.
    """
    at_step = Pairs.sampled(model, cases, seeds, steps=steps, **options)
    every = Pairs.sampled(model, cases, seeds, steps=every_steps, **options)
    one_step = swap_at_step(at_step, stride, final_parts=final_parts)
    table = pd.concat([one_step, swap_at_every_step(every)], ignore_index=True)
    one, other = at_step.patcher.ledger, every.patcher.ledger
    ledger = Ledger(one.layers, one.evaluated + other.evaluated, one.naive + other.naive)
    return table, ledger


def summarise_swap(table: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Rates and means with 95 % intervals clustered by case, over the eligible runs.

    Columns: quantity (one of OUTCOMES), model, steps, span, look, donor, part, step, sigma, layer,
    direction (or both), n, mean, low, high. The directions are apart at step 0 only.
    """
    rows = table[table["eligible"]].drop(columns="eligible")
    rows = pd.concat([rows[rows["step"] == 0], rows.assign(direction="both")])
    places = ["steps", "span", "look", "donor", "part", "step", "sigma", "layer", "direction"]
    rows = rows.melt(["model", "case", *places], list(OUTCOMES), "quantity", "value")
    rows["value"] = rows["value"].astype(float)
    by = ["quantity", "model", *places]
    return mean_or_rate_ci(rows, by, "value", "case", resampling=resampling)
