"""The training-free ensemble (paper, section 6), its controls, and rivals at equal compute.

K runs of a case, from K seeds, take the first denoising steps as one batch. In the reasoning
layers their hidden states are averaged position by position. Then one goes on (`first`, the
default reading of the paper), or all do and their answers are put to the vote (`all`), or their
mean latent goes on (`mean`).

Rivals need no runs of their own: they are read from the clean runs of the study. NFE is counted
for one case and includes every run that a method starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.errors import UserError
from chain_of_steps.measures import NO_ANSWER
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.model import VideoModel
from chain_of_steps.probes import average, group_mean, hooked
from chain_of_steps.progress import progress
from chain_of_steps.runs import Runs, read_latents
from chain_of_steps.sampling import cuts, sample
from chain_of_steps.statistics.clusters import strata_of
from chain_of_steps.statistics.means import mean_ci
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.tests import minimal_detectable_difference, paired_difference
from chain_of_steps.tasks.reader import Reader

SINGLE = "single run"


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


PAPER_BAND = (0.5, 0.75)


def variants(k: int, band: tuple[float, float], many_steps: int) -> tuple[Variant, ...]:
    """The methods that need runs of their own; the first is the paper's."""
    return (
        Variant("ensemble", band),
        Variant("ensemble, all go on, vote", band, goes_on="all"),
        Variant("ensemble, mean latent", band, goes_on="mean"),
        Variant("ensemble, spread restored", band, restore=True),
        Variant(f"ensemble, {many_steps} steps", band, steps=many_steps),
        Variant(f"ensemble, {many_steps} steps, spread restored", band, many_steps, restore=True),
        Variant("ensemble, early layers", (0.0, 0.25)),
        Variant("ensemble, late layers", (0.75, 1.0)),
        Variant("mean of first latents", start=True),
        Variant("mean of first latents, spread restored", start=True, restore=True),
        Variant(f"single run, {k} times the steps", finer=k),
    )


def band_layers(n_layers: int, band: tuple[float, float]) -> range:
    """Layers of a model of `n_layers` blocks that lie in a band of its depth; at least one."""
    low, high = band
    if not 0 <= low < high <= 1:
        raise UserError(f"band is {list(band)}: write two shares with 0 <= from < to <= 1.")
    first = min(int(low * n_layers), n_layers - 1)
    return range(first, max(first + 1, round(high * n_layers)))


def run_variant(
    model: VideoModel,
    condition: Condition,
    noise: Tensor,
    variant: Variant,
    *,
    k: int,
    steps: int,
    shift: float,
) -> tuple[Tensor, int]:
    """Final latents of C cases from C * K rows (cases first, then seeds), and the NFE of one case.

    Returns (C, ...), or (C * K, ...) where all go on.
    """
    cases = len(noise) // k
    one_each = condition.select(list(range(0, len(noise), k)))
    sigmas = model.sigmas(steps * variant.finer, shift)
    if variant.start or variant.finer > 1:
        velocity = model.velocity(one_each)
        first = group_mean(noise, k, variant.restore) if variant.start else noise[::k]
        return sample(velocity, first, sigmas), velocity.nfe // cases

    layers = band_layers(len(model.blocks[0]), variant.band) if variant.band else ()
    together = model.velocity(condition)
    write = average(lambda site: site.layer in layers, k, variant.restore)
    with hooked(together, model.blocks, write=write):
        x = sample(together, noise, sigmas, stop=variant.steps)
    if variant.goes_on == "all":
        return sample(together, x, sigmas, start=variant.steps), together.nfe // cases
    if variant.goes_on not in ("first", "mean"):
        raise UserError(f"goes_on is {variant.goes_on!r}: write first, all or mean.")
    x = x[::k] if variant.goes_on == "first" else group_mean(x, k, variant.restore)
    alone = model.velocity(one_each)
    x = sample(alone, x, sigmas, start=variant.steps)
    return x, (together.nfe + alone.nfe) // cases


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
    keep: Callable[[Case, str, Tensor], None] | None = None,
) -> pd.DataFrame:
    """One row for each (case, method): answer, correct, score, nfe (of one case).

    `batch` is the number of rows of a forward pass while all K seeds run. `keep` gets each case,
    the method's name and the latent that is its result. Cases without a reader have no answers;
    methods that vote cannot run on them.
    """
    k, rows = len(seeds), []
    runs = Runs.planned(model, cases, seeds, n_frames)
    bar = progress(total=len(cases) * len(methods), desc="ensemble", unit="cases x methods")
    for cut in cuts(len(runs), batch, together=k):  # all seeds of a case, which are averaged
        together = runs.select(range(len(runs))[cut])
        condition, noise = together.condition(), together.noise()
        part = together.given[::k]
        for variant in methods:
            latents, nfe = run_variant(
                model, condition, noise, variant, k=k, steps=steps, shift=shift
            )
            for case, looks in zip(part, latents.split(len(latents) // len(part)), strict=True):
                outcome, chosen = _outcome(model, case, looks)
                rows.append(
                    {
                        "model": model.name,
                        "case": case.name,
                        "task": case.task,
                        "split": case.split,
                        "method": variant.name,
                        **outcome,
                        "nfe": nfe,
                    }
                )
                if keep is not None:
                    keep(case, variant.name, looks[chosen])
            bar.update(len(part))
    bar.close()
    return pd.DataFrame(rows)


def _outcome(model: VideoModel, case: Case, looks: Tensor) -> tuple[dict[str, float], int]:
    """answer, correct, score of the look that the vote picks, and its number."""
    if not case.is_puzzle:
        return {"answer": NO_ANSWER, "correct": np.nan, "score": np.nan}, 0
    reading = read_latents(model, Reader(case.puzzle), looks)
    chosen = vote(reading.answer)
    outcome = {
        "answer": int(reading.answer[chosen]),
        "correct": float(reading.correct[chosen]),
        "score": float(reading.score[chosen]),
    }
    return outcome, chosen


def vote(answers: np.ndarray) -> int:
    """Index of a run with the most frequent answer; ties go to the earlier run.

    answers: (K,) candidate indices, -1 for none; no answer wins only where nobody has one.
    """
    given = [answer for answer in answers if answer != NO_ANSWER]
    if not given:
        return 0
    winner = max(dict.fromkeys(given), key=given.count)
    return int(np.flatnonzero(np.asarray(answers) == winner)[0])


def rivals(
    readouts: pd.DataFrame, seeds: Sequence[int], early: Sequence[float], passes: int = 1
) -> pd.DataFrame:
    """Methods that only choose among the clean runs, in the columns of `run_ensembles`.

    readouts: the study's clean runs. early: shares of the steps at which K runs are compared and
    all but one stopped. passes: forward passes of one step, 2 with guidance. `best by chance` is
    the mean over the K runs; `oracle` knows the truth and is the ceiling of every choice among
    them.
    """
    k, n_steps = len(seeds), int(readouts["step"].max())
    stops = sorted({max(1, round(share * n_steps)) for share in early})
    rows = []
    chosen = readouts[readouts["seed"].isin(seeds)].sort_values(["seed", "step"])
    for keys, run in chosen.groupby(["model", "case", "task", "split"], sort=False):
        final = run[run["step"] == n_steps]
        if len(final) != k:
            raise UserError(f"{keys[1]} has {len(final)} of {k} seeds: sample them all first.")
        labels = dict(zip(("model", "case", "task", "split"), keys, strict=True))

        def add(method: str, picked, nfe: int, final=final, labels=labels) -> None:
            outcome = final.iloc[picked]
            answer = outcome["answer"].iloc[0] if len(outcome) == 1 else NO_ANSWER
            rows.append(
                {
                    **labels,
                    "method": method,
                    "answer": int(answer),
                    "correct": float(outcome["correct"].mean()),
                    "score": float(outcome["score"].mean()),
                    "nfe": nfe * passes,
                }
            )

        everyone = list(range(k))
        add(SINGLE, [0], n_steps)
        add(f"best of {k} by chance", everyone, k * n_steps)
        add(f"majority of {k}", [vote(final["answer"].to_numpy())], k * n_steps)
        add(f"oracle of {k}", [int(final["score"].to_numpy().argmax())], k * n_steps)
        for stop in stops:
            # after step stop - 1 every run has spent `stop` passes and shows that clean estimate
            look = run[run["step"] == stop - 1]
            nfe = k * stop + n_steps - stop
            add(f"vote after step {stop}", [vote(look["answer"].to_numpy())], nfe)
            evidence = np.stack(look["evidence"].tolist())
            add(f"most agreed after step {stop}", [most_agreed(evidence)], nfe)
    return pd.DataFrame(rows)


def most_agreed(evidence: np.ndarray) -> int:
    """Index of the run whose evidence (K, candidates) is nearest to the mean of all runs."""
    return int(np.linalg.norm(evidence - evidence.mean(0), axis=1).argmin())


def compare(
    outcomes: pd.DataFrame, *, resampling: Resampling, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Each method against the single run: means, intervals and paired tests, clustered by case.

    Cases are resampled within their task, over all tasks where those have few cases.

    Columns: `by`, method, quantity (score or correct), n, mean, low, high, nfe, difference,
    difference_low, difference_high, p, detectable: the smallest true difference that a two-sided
    5 % test on these cases finds with probability 0.8; changed, changed_high: cases whose value
    differs from the single run's, and the upper end of the 95 % interval of their share (Wilson).
    """
    tables = []
    groups = outcomes.groupby(list(by), sort=False) if by else [((), outcomes)]
    for key, rows in groups:
        labels = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        for method in rows["method"].unique():
            mine = rows[rows["method"] == method]
            strata = strata_of(mine, [])
            for quantity in ("score", "correct"):
                found = mean_ci(mine[quantity], strata=strata, resampling=resampling)
                entry = {**labels, "method": method, "quantity": quantity, **vars(found)}
                entry["nfe"] = mine["nfe"].mean()
                if method != SINGLE:
                    entry |= _against_single(rows, method, quantity, resampling)
                tables.append(entry)
    return pd.DataFrame(tables)


def _against_single(
    rows: pd.DataFrame, method: str, quantity: str, resampling: Resampling
) -> dict[str, float]:
    covered = rows.loc[rows["method"] == method, "case"]  # controls run on a part of the cases
    both = rows[rows["method"].isin([method, SINGLE]) & rows["case"].isin(covered)]
    both = both.assign(stratum=strata_of(both, []))
    found = paired_difference(
        both,
        quantity,
        condition="method",
        treatment=method,
        control=SINGLE,
        pair=["case", "stratum"],
        cluster="case",
        strata="stratum",
        resampling=resampling,
        n_perm=2000,
    )
    wide = both.pivot(index="case", columns="method", values=quantity)
    change = wide[method] - wide[SINGLE]
    changed = int((change.abs() > 1e-6).sum())
    return {
        "difference": found.mean,
        "difference_low": found.low,
        "difference_high": found.high,
        "p": found.p,
        "detectable": minimal_detectable_difference(float(change.std()), found.n),
        "changed": changed,
        "changed_high": wilson(changed, len(change)).high,
    }
