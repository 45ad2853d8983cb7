"""Layer swapping on the identify task (arXiv 2603.16870, section 5.2, Fig. 6b).

Run A has one set of objects present, its twin B the other; prompt and noise are the same. The
hidden states after block k of A are replaced by those of B (see `patching` for the parts that can
be replaced, and for why replacing all tokens is the same at every k), and the other way round. Does
the answer flip to B's? At one step the swap is read at two looks: in the clean estimate of that
step, and in the final video, when the later steps have seen A's own picture again. One of many
steps hardly moves a run, so the swap is also made at the first m steps of a shorter schedule, from
one to all: whether a layer or merely the dose decides shows where layers are compared at one dose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.edits import dose
from chain_of_steps.models.model import VideoModel
from chain_of_steps.patching import PARTS, Ledger, Patcher, mixed
from chain_of_steps.probes import Site, hooked
from chain_of_steps.progress import progress
from chain_of_steps.runs import Drawn, Runs, read_looks
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks.identify import twin
from chain_of_steps.tasks.observe import Observer

OUTCOMES = ("kept", "flipped", "moved")
ONE, FIRST = "one", "first"  # spans: any one step, the first steps
FORKED = ("picture", "video")  # parts whose swaps at the first steps are run on; see `swap_first`


@dataclass(frozen=True)
class Pairs:
    """Runs of each case as drawn and of its twin, same noise: rows are (case, side, seed).

    table: model, case, task, split, seed, direction of each run as a receiver.
    """

    table: pd.DataFrame
    readers: list[Observer]
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
        sides = [(case, Drawn.of(puzzle, drawing=case.drawing)) for case, puzzle in puzzles]
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

    @property
    def donors(self) -> Tensor:
        """int (R,): the run that each one receives from, its twin."""
        rows = torch.arange(len(self.table))
        return rows + self.seeds * (1 - 2 * (rows // self.seeds % 2))

    def read(self, looks: Tensor, own: Tensor) -> list[dict[str, np.ndarray]]:
        """Outcomes (R,) of S looks (S, R, ...): kept, flipped, moved.

        kept: the receiver's own answer is still read; flipped: the twin's is; moved: share of the
        way from the receiver's unpatched latent in `own` (R, ...) to the twin's, 0 to 1
        (projection). Beside them eligible: whether the unpatched runs of both end right.
        """
        donors, solved = self.donors, self.solved
        shown = np.array([reader.puzzle.shown for reader in self.readers])
        answers = read_looks(self.patcher.model, self.readers, looks)["answer"]
        moved = np.empty((len(looks), len(self.readers)))
        for row, other in enumerate(donors.tolist()):
            way = (own[other] - own[row]).double().flatten()
            gone = (looks[:, row] - own[row]).double().flatten(1)
            moved[:, row] = (gone @ way / way.dot(way)).numpy()
        kept, flipped = (answers == shown).astype(float), (answers == 1 - shown).astype(float)
        return [
            {"eligible": solved & solved[donors]}
            | dict(zip(OUTCOMES, (kept[n], flipped[n], moved[n]), strict=True))
            for n in range(len(looks))
        ]

    @cached_property
    def solved(self) -> np.ndarray:
        """Whether each unpatched run ends with its own answer, bool (R,)."""
        last = self.patcher.x[None, :, -1]
        return read_looks(self.patcher.model, self.readers, last)["correct"][0]


def swap_at_step(
    pairs: Pairs, stride: int, *, final_parts: Sequence[str] = ("all",)
) -> pd.DataFrame:
    """One row for each (run, step, part, layer, look) of swaps at one step, see the module.

    Steps 0, stride, 2 stride, ... Every part is read in the step's estimate; at step 0 those of
    the `final_parts` are also taken to the end. Columns as `swap_identify` gives them.
    """
    patcher, donors = pairs.patcher, pairs.donors
    layers = range(len(patcher.model.blocks[0]))
    tables = []
    for step in progress(range(0, patcher.n_steps, stride), desc="swap", unit="steps"):
        states = patcher.states(step)
        for part in PARTS:
            results = [patcher.patched(states, donors, step, layer, part) for layer in layers]
            nexts, estimates = zip(*results, strict=True)
            looks = {"estimate": (torch.stack(estimates), patcher.clean[:, step])}
            if step == 0 and part in final_parts:
                ends = patcher.finished(nexts, step)
                looks["final"] = (torch.stack(ends), patcher.x[:, -1])
            for _ in layers:
                patcher.count_naive(patcher.n_steps if "final" in looks else step + 1)
            for look, (latents, own) in looks.items():
                found = pairs.read(latents, own)
                for layer in layers:
                    where = {"span": ONE, "step": step, "swapped": 1, "part": part, "look": look}
                    tables.append(_rows(pairs, where, layer, nexts[layer], found[layer]))
    return pd.concat(tables, ignore_index=True)


def swap_first(pairs: Pairs, counts: Sequence[int]) -> pd.DataFrame:
    """The same for runs that receive from their twin at their first steps, read at the end.

    counts: how many steps; swaps at all steps are always made, those of all parts and layers. At
    fewer, the FORKED parts are swapped at the `first_middle_last` layers. The donor is the twin's
    unpatched run, the receiver's states are its own, so its blocks are all computed. With `all` the
    receiver is the twin's run until it is let go, at whatever layer: that is the control.
    """
    patcher, donors = pairs.patcher, pairs.donors
    n_steps, layers = patcher.n_steps, range(len(patcher.model.blocks[0]))
    counts = counts_of(counts, n_steps)
    sites = [(part, layer) for part in PARTS[1:] for layer in layers]
    few = [(p, k) for p, k in sites if p in FORKED and k in first_middle_last(len(layers))]
    # where, the latent when the swap is over, and the end
    done: list[tuple[int, str, Sequence[int], Tensor, Tensor]] = []
    x = dict.fromkeys(sites, patcher.x[:, 0])
    for step in progress(range(n_steps), desc="swap the first steps", unit="steps"):
        states = patcher.states(step)
        for part, layer in sites:
            x[part, layer] = _step_with(patcher, x[part, layer], states, donors, step, layer, part)
        count = step + 1
        if count not in counts:
            continue
        latents = {(part, (layer,)): x[part, layer] for part, layer in sites}
        if count < n_steps:
            latents = {(part, (layer,)): x[part, layer] for part, layer in few}
        latents["all", tuple(layers)] = patcher.x[donors, count]
        for (part, at), latent in latents.items():
            end = latent
            if count < n_steps:
                (end,) = patcher.finished([latent], step)
                patcher.count_naive(n_steps)
            done.append((count, part, at, latent, end))
    found = pairs.read(torch.stack([end for *_, end in done]), patcher.x[:, -1])
    tables = []
    for (count, part, at, latent, _), outcome in zip(done, found, strict=True):
        where = {"span": FIRST, "step": 0, "swapped": count, "part": part, "look": "final"}
        tables += [_rows(pairs, where, layer, latent, outcome) for layer in at]
    return pd.concat(tables, ignore_index=True)


def counts_of(counts: Sequence[int], n_steps: int) -> list[int]:
    """How many first steps are swapped, in order: those of `counts` that are fewer, and all."""
    return sorted({count for count in counts if count < n_steps} | {n_steps})


def first_middle_last(n_layers: int) -> set[int]:
    """The layers that stand for early, middle and late ones."""
    return {0, n_layers // 2, n_layers - 1}


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


def _rows(
    pairs: Pairs, where: dict[str, Any], layer: int, after: Tensor, outcome: dict
) -> pd.DataFrame:
    """The run table with where the patch was and what came of it.

    after: the latents (R, ...) when the swap is over.
    """
    patcher = pairs.patcher
    stop = where["step"] + where["swapped"]
    return pairs.table.assign(
        steps=patcher.n_steps,
        **where,
        sigma=patcher.sigmas[where["step"]].item(),
        until=patcher.sigmas[stop].item(),
        layer=layer,
        **outcome,
        dose=dose(patcher.x[:, stop], after).numpy(),
    )


def swap_identify(
    model: VideoModel,
    cases: Sequence[Case],
    seeds: Sequence[int],
    *,
    steps: int,
    first_steps: int,
    stride: int,
    counts: Sequence[int],
    final_parts: Sequence[str] = ("all",),
    **options,
) -> tuple[pd.DataFrame, Ledger]:
    """Both swaps; the one at the first steps uses a sampler of `first_steps` steps.

    `options` are those of `Pairs.sampled`. Columns: those of `Pairs.table`, steps, span (one,
    first), step, swapped (how many steps, from that one on), part, look, sigma (of that step),
    until (the sigma from which on the run is its own again), layer, eligible, OUTCOMES, and dose,
    see `edits.dose`, on the latent where the swap is over.
    """
    at_step = Pairs.sampled(model, cases, seeds, steps=steps, **options)
    first = Pairs.sampled(model, cases, seeds, steps=first_steps, **options)
    one_step = swap_at_step(at_step, stride, final_parts=final_parts)
    table = pd.concat([one_step, swap_first(first, counts)], ignore_index=True)
    one, other = at_step.patcher.ledger, first.patcher.ledger
    ledger = Ledger(one.layers, one.evaluated + other.evaluated, one.naive + other.naive)
    return table, ledger


def summarise_swap(table: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Rates and means with 95 % intervals clustered by case, over the eligible runs.

    Columns: quantity (one of OUTCOMES, dose), model, steps, span, look, part, step, swapped, sigma,
    until, layer, n, mean, low, high.
    """
    rows = table[table["eligible"]].drop(columns="eligible")
    places = ["steps", "span", "look", "part", "step", "swapped", "sigma", "until", "layer"]
    rows = rows.melt(["model", "case", *places], [*OUTCOMES, "dose"], "quantity", "value")
    rows["value"] = rows["value"].astype(float)
    by = ["quantity", "model", *places]
    return mean_or_rate_ci(rows, by, "value", "case", resampling=resampling)
