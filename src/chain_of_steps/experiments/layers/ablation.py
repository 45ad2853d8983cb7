"""Layer ablation: what is lost when one block does nothing, or the same for every case.

For each block and each third of the steps (early, middle, late), on all tasks: `skip` passes the
block's input on; `mean` replaces what the block adds by the mean over cases of what it adds at
that step and token (over the averaged cases: all tasks together), in all passes of guidance. Runs
fork at the band's first step from the clean run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.edits import dose
from chain_of_steps.models.model import VideoModel
from chain_of_steps.patching import Ledger
from chain_of_steps.probes import Site, Write, hooked, skip
from chain_of_steps.progress import progress
from chain_of_steps.runs import Runs, batches, read_looks
from chain_of_steps.sampling import sample
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling

REMOVALS = ("skip", "mean")
BANDS = ("early", "middle", "late")


def step_bands(n_steps: int) -> dict[str, range]:
    """The thirds of a run's steps, in order; a run of fewer than three steps has empty ones."""
    cuts = [round(n * n_steps / len(BANDS)) for n in range(len(BANDS) + 1)]
    return {band: range(*cuts[n : n + 2]) for n, band in enumerate(BANDS)}


class MeanUpdate:
    """A `read` that averages over runs what each block adds: site -> (N, D) float32.

    Holds steps x layers x branches x N x D numbers.
    """

    def __init__(self) -> None:
        self.sums: dict[Site, Tensor] = {}
        self.rows: dict[Site, int] = {}

    def __call__(self, site: Site, before: Tensor, after: Tensor) -> None:
        update = (after - before).float().sum(0)
        self.sums[site] = self.sums[site] + update if site in self.sums else update
        self.rows[site] = self.rows.get(site, 0) + len(after)

    def means(self) -> dict[Site, Tensor]:
        return {site: total / self.rows[site] for site, total in self.sums.items()}


def replace_update(updates: dict[Site, Tensor], where: Callable[[Site], bool]) -> Write:
    """A `write` that lets a block add a given update (N, D) instead of its own."""

    def write(site: Site, before: Tensor, after: Tensor) -> Tensor:
        return before + updates[site].to(after) if where(site) else after

    return write


def ablate(
    model: VideoModel,
    cases: Sequence[Case],
    averaged: Sequence[Case],
    seeds: Sequence[int],
    *,
    steps: int,
    shift: float,
    n_frames: int,
    batch: int,
) -> tuple[pd.DataFrame, Ledger]:
    """One row for each (run of `cases`, removal, layer, band), and what they cost.

    averaged: the cases of the mean update. Columns: run columns, steps, mode (the removal), layer,
    band, dose (see `edits.dose`, on the latent behind the band), score, correct, answer,
    clean_score, clean_correct, clean_answer.
    """
    sigmas, ledger = model.sigmas(steps, shift), Ledger(len(model.blocks[0]))
    updates, others = MeanUpdate(), Runs.planned(model, averaged, seeds, n_frames)
    for rows in progress(list(batches(others.table, batch)), desc="mean updates", unit="batches"):
        some = others.select(rows)
        velocity = model.velocity(some.condition())
        with hooked(velocity, model.blocks, read=updates):
            sample(velocity, some.noise(), sigmas)
        ledger.count(velocity, naive=True)
    means = updates.means()
    bands = {band: range_ for band, range_ in step_bands(steps).items() if range_}
    ablations = [(m, k, band) for m in REMOVALS for k in range(ledger.layers) for band in bands]

    runs, tables = Runs.planned(model, cases, seeds, n_frames), []
    cut = [runs.select(rows) for rows in batches(runs.table, batch)]
    bar = progress(total=len(cut) * len(ablations), desc="ablate", unit="ablations")
    for some in cut:
        condition, x = some.condition(), []
        velocity = model.velocity(condition)
        ends = [sample(velocity, some.noise(), sigmas, watch=lambda state, x=x: x.append(state.x))]
        x.append(ends[0])
        doses = []
        ledger.count(velocity, naive=True)
        for removal, layer, band in ablations:

            def where(site: Site, layer=layer, band=band) -> bool:
                return site.layer == layer and site.step in bands[band]

            write = skip(where) if removal == "skip" else replace_update(means, where)
            start, velocity = bands[band].start, model.velocity(condition)
            with hooked(velocity, model.blocks, write=write):
                behind = sample(velocity, x[start], sigmas, start=start, stop=bands[band].stop)
                ends.append(sample(velocity, behind, sigmas, start=bands[band].stop))
            doses.append(dose(x[bands[band].stop], behind).cpu().numpy())
            ledger.count(velocity)
            ledger.naive += velocity.nfe * ledger.layers * steps // (steps - start)
            bar.update()
        readings = read_looks(model, some.readers(), torch.stack(ends))
        for n, (removal, layer, band) in enumerate(ablations, start=1):
            labels = {"steps": steps, "mode": removal, "layer": layer, "band": band}
            table = some.table.assign(**labels, dose=doses[n - 1])
            clean = {f"clean_{name}": values[0] for name, values in readings.items()}
            tables.append(table.assign(**{k: v[n] for k, v in readings.items()}, **clean))
    bar.close()
    return pd.concat(tables, ignore_index=True), ledger


def summarise_ablation(table: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Means with 95 % intervals clustered by case, for each task and for all of them together.

    Columns: model, steps, quantity (score, correct, answer_kept, dose, score_change,
    correct_change), task (or all), mode, layer, band, n, mean, low, high. Changes are against the
    clean run; no answer twice is an answer kept.
    """
    score, correct = table["score"], table["correct"].astype(float)
    values = {
        "score": score,
        "correct": correct,
        "answer_kept": (table["answer"] == table["clean_answer"]).astype(float),
        "dose": table["dose"],
        "score_change": score - table["clean_score"],
        "correct_change": correct - table["clean_correct"].astype(float),
    }
    by = ["quantity", "model", "steps", "task", "mode", "layer", "band"]
    rows = pd.concat([table.assign(quantity=name, value=column) for name, column in values.items()])
    rows["stratum"] = rows["task"]
    rows = pd.concat([rows, rows.assign(task="all")], ignore_index=True)
    changes = rows["quantity"].str.endswith("_change")
    tables = [
        mean_or_rate_ci(some, by, "value", "case", "stratum", signed=signed, resampling=resampling)
        for some, signed in ((rows[~changes], False), (rows[changes], True))
    ]
    return pd.concat(tables, ignore_index=True)
