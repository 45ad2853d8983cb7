"""The training-free ensemble (paper, section 6) and its controls.

K runs of a case, from K seeds, take the first denoising steps as one batch. In the reasoning
layers their hidden states are averaged position by position. Then one goes on (`first`, the
default reading of the paper), or all do and their answers are put to the vote (`all`), or their
mean latent goes on (`mean`). NFE is counted for one case and includes every run that a method
starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.ensemble.comparison import ENSEMBLE
from chain_of_steps.experiments.ensemble.settings import Ensemble
from chain_of_steps.measures import NO_ANSWER, vote
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.model import VideoModel
from chain_of_steps.probes import average, group_mean, hooked
from chain_of_steps.progress import progress
from chain_of_steps.runs import Runs, read_latents
from chain_of_steps.sampling import Velocity, cuts, sample
from chain_of_steps.tasks.observe import observer_of
from chain_of_steps.trajectory import Trajectory

COLUMNS = (
    *("model", "case", "task", "split", "seed", "kind", "method"),
    *("answer", "correct", "score", "nfe", "dose"),
)


@dataclass(frozen=True)
class Variant:
    """One way to use K seeds.

    band: (from, to) as shares of the model's depth, or None for no averaging inside the model;
    the paper's layers 20 to 29 of 40 are (0.5, 0.75). steps: how many first steps are averaged.
    goes_on: first, all or mean. restore: give averages the spread they had before. start: average
    the first latents themselves. finer: a single run with this many times the steps.
    """

    name: str
    band: tuple[float, float] | None = None
    steps: int = 1
    goes_on: str = "first"
    restore: bool = False
    start: bool = False
    finer: int = 1

    def nfe(self, k: int, n_steps: int) -> int:
        """Forward passes of one case without guidance, all K runs counted."""
        if self.start or self.finer > 1:
            return n_steps * self.finer
        together = n_steps if self.goes_on == "all" else self.steps
        return k * together + n_steps - together


def variants(fields: Ensemble, n_steps: int, *, votes: bool = True) -> tuple[Variant, ...]:
    """The methods that average, and their controls where those are asked for.

    The first is the paper's; then more and more of the first steps are averaged, to all of them.
    votes: whether results can be read, without which no vote can be held.
    """
    band = (fields.band[0], fields.band[1])
    fewer = sorted(m for m in fields.averaged if m < n_steps)
    found = [
        Variant("ensemble", band),
        *(Variant(f"ensemble, {m} steps", band, steps=m) for m in fewer),
        Variant("ensemble, all steps", band, steps=n_steps),
    ]
    if fields.controls:
        found += [
            Variant("ensemble, all go on, vote", band, goes_on="all"),
            Variant("ensemble, mean latent", band, goes_on="mean"),
            Variant("ensemble, spread restored", band, restore=True),
            Variant("ensemble, all steps, spread restored", band, n_steps, restore=True),
            Variant("ensemble, early layers", (0.0, 0.25)),
            Variant("ensemble, late layers", (0.75, 1.0)),
            Variant("mean of first latents", start=True),
            Variant("mean of first latents, spread restored", start=True, restore=True),
            Variant(f"single run, {fields.k} times the steps", finer=fields.k),
        ]
    return tuple(one for one in found if votes or one.goes_on != "all")


def band_layers(n_layers: int, band: tuple[float, float]) -> range:
    """Layers of a model of `n_layers` blocks that lie in a band of its depth; at least one."""
    low, high = band
    if not 0 <= low < high <= 1:
        raise UserError(f"band is {list(band)}: write two shares with 0 <= from < to <= 1.")
    first = min(int(low * n_layers), n_layers - 1)
    return range(first, max(first + 1, round(high * n_layers)))


@dataclass(frozen=True)
class Ran:
    """What a variant came to with C cases of K seeds.

    ends: final latents (C, ...), or (C * K, ...) where all go on. nfe: of one case. averaged: the
    latent of each case's first run right after the averaged steps (C, ...); none where no step is.
    """

    ends: Tensor
    nfe: int
    averaged: Tensor | None = None


def run_variant(
    model: VideoModel,
    condition: Condition,
    noise: Tensor,
    variant: Variant,
    *,
    k: int,
    steps: int,
    shift: float,
) -> Ran:
    """From C * K rows, cases first, then seeds."""
    cases = len(noise) // k
    one_each = condition.select(list(range(0, len(noise), k)))
    sigmas = model.sigmas(steps * variant.finer, shift)
    if variant.start or variant.finer > 1:
        velocity = model.velocity(one_each)
        first = group_mean(noise, k, variant.restore) if variant.start else noise[::k]
        return Ran(sample(velocity, first, sigmas), velocity.nfe // cases)

    together = model.velocity(condition)
    x = _averaged(model, together, noise, variant, k, sigmas)
    averaged = x[::k]
    if variant.goes_on == "all":
        ends = sample(together, x, sigmas, start=variant.steps)
        return Ran(ends, together.nfe // cases, averaged)
    if variant.goes_on not in ("first", "mean"):
        raise UserError(f"goes_on is {variant.goes_on!r}: write first, all or mean.")
    x = averaged if variant.goes_on == "first" else group_mean(x, k, variant.restore)
    alone = model.velocity(one_each)
    ends = sample(alone, x, sigmas, start=variant.steps)
    return Ran(ends, (together.nfe + alone.nfe) // cases, averaged)


def _averaged(
    model: VideoModel, together: Velocity, noise: Tensor, variant: Variant, k: int, sigmas: Tensor
) -> Tensor:
    """The latents of all K runs after the steps in which their hidden states are averaged."""
    layers = band_layers(len(model.blocks[0]), variant.band) if variant.band else ()
    write = average(lambda site: site.layer in layers, k, variant.restore)
    with hooked(together, model.blocks, write=write):
        return sample(together, noise, sigmas, stop=variant.steps)


def dose_of(averaged: Tensor, plain: Tensor) -> np.ndarray:
    """How much averaging changes the latent of each case's first run, relative L2, float (C,).

    averaged, plain: (C, ...), with averaging and without, before the same step.
    """
    off, size = ((x.flatten(1).double().cpu().norm(dim=1)) for x in (averaged - plain, plain))
    return (off / size).numpy()


def run_ensembles(
    model: VideoModel,
    cases: Sequence[Case],
    seeds: Sequence[int],
    methods: Sequence[Variant],
    *,
    steps: int,
    shift: float,
    n_frames: int,
    batch: int,
    plain: Trajectory | None = None,
    keep: Callable[[Case, str, Tensor], None] | None = None,
) -> pd.DataFrame:
    """One row for each (case, method): COLUMNS.

    nfe: of one case. dose: see `dose_of`; plain: the stored runs that it is against, the first seed
    among them; nan without. `batch` is the number of rows of a forward pass while all K seeds run.
    `keep` gets each case, the method's name and the latent that is its result. Cases without a
    reader have no answers; methods that vote cannot run on them.
    """
    k, rows = len(seeds), []
    runs = Runs.planned(model, cases, seeds, n_frames)
    bar = progress(total=len(cases) * len(methods), desc="ensemble", unit="cases x methods")
    for cut in cuts(len(runs), batch, together=k):  # all seeds of a case, which are averaged
        together = runs.select(range(len(runs))[cut])
        condition, noise = together.condition(), together.noise()
        mine = together.given[::k]
        for variant in methods:
            ran = run_variant(model, condition, noise, variant, k=k, steps=steps, shift=shift)
            doses = np.full(len(mine), np.nan)
            if plain is not None and ran.averaged is not None:
                at = _stored(plain, mine, seeds[0])
                doses = dose_of(ran.averaged.cpu(), plain.x[at, variant.steps])
            parts = ran.ends.split(len(ran.ends) // len(mine))
            for case, looks, dose in zip(mine, parts, doses, strict=True):
                outcome, chosen = _outcome(model, case, looks)
                labels = {"model": model.name, "case": case.name, "task": case.task}
                labels |= {"split": case.split, "seed": seeds[0]}
                labels |= {"kind": ENSEMBLE, "method": variant.name}
                rows.append({**labels, **outcome, "nfe": ran.nfe, "dose": float(dose)})
                if keep is not None:
                    keep(case, variant.name, looks[chosen])
            bar.update(len(mine))
    bar.close()
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _stored(plain: Trajectory, cases: Sequence[Case], seed: int) -> list[int]:
    """Where the runs of these cases and this seed stand."""
    places = {(row.case, row.seed): n for n, row in enumerate(plain.runs.itertuples())}
    return [places[case.name, seed] for case in cases]


def _outcome(model: VideoModel, case: Case, looks: Tensor) -> tuple[dict[str, float], int]:
    """answer, correct, score of the look that the vote picks, and its number."""
    if not case.is_puzzle:
        return {"answer": NO_ANSWER, "correct": np.nan, "score": np.nan}, 0
    reading = read_latents(model, observer_of(case), looks)
    chosen = vote(reading.accepted)
    outcome = {
        "answer": int(reading.accepted[chosen]),
        "correct": float(reading.correct[chosen]),
        "score": float(reading.score[chosen]),
    }
    return outcome, chosen
