"""Patching between clean and perturbed maze runs, block by block and step by step.

The perturbed run is the clean one with its latent replaced by noise before one step (as in section
3.2 of arXiv 2603.16870). From that step on, denoising puts hidden states of the clean run into the
perturbed one, noising the other way round, at one (step, layer). With y the score at a look,

    denoising effect = (y_patched - y_perturbed) / (y_clean - y_perturbed)
    noising effect   = (y_clean - y_patched) / (y_clean - y_perturbed)

cut to [0, 1]: 0 where the patch changes nothing, 1 where it restores (destroys) all that the noise
took. It is defined where the noise took at least `LEAST_DROP`. Looks and parts are those of `swap`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from chain_of_steps.cases.folders import Case
from chain_of_steps.edits import dose
from chain_of_steps.interventions import NoiseAtStep
from chain_of_steps.models.model import VideoModel
from chain_of_steps.patching import PARTS, Ledger, Patcher
from chain_of_steps.progress import progress
from chain_of_steps.runs import Runs, noise_seeds, read_looks
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling

LEAST_DROP = 0.2  # in score; below it the normalised effect would be noise over noise


def effects(patched: np.ndarray, clean: np.ndarray, perturbed: np.ndarray, direction: str):
    """Normalised effects in [0, 1], nan where clean - perturbed < LEAST_DROP; same shapes."""
    drop = clean - perturbed
    gain = patched - perturbed if direction == "denoising" else clean - patched
    share = np.divide(gain, drop, out=np.full_like(drop, np.nan), where=drop >= LEAST_DROP)
    return share.clip(0, 1)


def patch_mazes(
    model: VideoModel,
    cases: Sequence[Case],
    seeds: Sequence[int],
    *,
    steps: int,
    noise_at: float,
    shift: float,
    n_frames: int,
    **options,
) -> tuple[pd.DataFrame, Ledger]:
    """One row for each (run, direction, part, step, layer, look), from the noise on.

    noise_at: where the noise comes, as a share of the steps. options: those of `Patcher.sampled`
    (batch, branches). Columns: run columns, steps,
    direction, part, step, sigma, layer, look (estimate, final), dose (see `edits.dose`, on the
    latent behind the step), score, clean_score, perturbed_score, effect.
    """
    runs = Runs.planned(model, cases, seeds, n_frames)
    n, noise_step = len(runs), min(round(noise_at * steps), steps - 1)
    edits = [
        NoiseAtStep(step=noise_step, seed=seed).edit(steps, runs.latent_shape())
        for seed in noise_seeds(runs.table)
    ]
    # Clean and perturbed runs share every batch, pair by pair, so that both have one layout.
    patcher = Patcher.sampled(
        model,
        runs.condition().repeat(2),
        runs.noise().repeat_interleave(2, dim=0),
        model.sigmas(steps, shift),
        **options,
        edits=[edit for own in edits for edit in (None, own)],
    )
    rows = torch.arange(2 * n)
    partner = rows + 1 - 2 * (rows % 2)
    readers = [reader for reader in runs.readers() for _ in range(2)]
    table = runs.table.loc[runs.table.index.repeat(2)].reset_index(drop=True)
    table["direction"] = ["noising", "denoising"] * n  # of a clean, of a perturbed receiver

    layers = range(len(model.blocks[0]))
    last = read_looks(model, readers, patcher.x[None, :, -1])["score"]
    tables = []
    for step in progress(range(noise_step, steps), desc="patch mazes", unit="steps"):
        states = patcher.states(step)
        for part in PARTS:
            found = [patcher.patched(states, partner, step, layer, part) for layer in layers]
            nexts, estimates = zip(*found, strict=True)
            ends = patcher.finished(nexts, step)
            for _ in layers:
                patcher.count_naive(steps)
            own = read_looks(model, readers, patcher.clean[None, :, step])["score"]
            looks = {"estimate": (estimates, own), "final": (ends, last)}
            for look, (latents, own) in looks.items():
                scores = read_looks(model, readers, torch.stack(latents))["score"]
                clean, perturbed = (own[0, side::2].repeat(2) for side in (0, 1))
                for layer in layers:
                    tables.append(
                        table.assign(
                            steps=steps,
                            part=part,
                            step=step,
                            sigma=patcher.sigmas[step].item(),
                            layer=layer,
                            look=look,
                            dose=dose(patcher.x[:, step + 1], nexts[layer]).numpy(),
                            score=scores[layer],
                            clean_score=clean,
                            perturbed_score=perturbed,
                        )
                    )
    result = pd.concat(tables, ignore_index=True)
    for direction, group in result.groupby("direction"):
        values = group[["score", "clean_score", "perturbed_score"]].to_numpy().T
        result.loc[group.index, "effect"] = effects(*values, direction)
    return result, patcher.ledger


def summarise_patching(table: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Mean effects with 95 % intervals clustered by case, where the effect is defined.

    Columns: model, steps, direction, part, look, step, sigma, layer, n, mean, low, high, dose (the
    mean of the same rows).
    """
    rows = table.dropna(subset="effect")
    by = ["model", "steps", "direction", "part", "look", "step", "sigma", "layer"]
    found = mean_or_rate_ci(rows, by, "effect", "case", resampling=resampling)
    return found.merge(rows.groupby(by)["dose"].mean().reset_index(), on=by)
