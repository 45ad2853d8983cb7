"""Both passes of guidance and token energy at every step of stored runs: no reader.

A pass is asked anew at the latent that was stored before its step, so nothing is sampled. Of a
latent frame, with v the velocities of the conditional and the unconditional pass in it,

    gap      |v_cond - v_uncond| over |v_cond|: how much the prompt says at this step
    energy   mean L2 norm of its tokens after each block in the conditional pass, as
             `layers.energy` has it
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.experiments.latents.commitment import settle_steps
from chain_of_steps.experiments.layers.energy import TokenSums, region_rows
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.velocity import VideoVelocity
from chain_of_steps.probes import hooked
from chain_of_steps.runs import Runs
from chain_of_steps.trajectory import Trajectory

GUIDANCE = ("gap",)
ENERGY = ("energy", "energy_rest")


def spread(names: Sequence[str], n: int) -> list[str]:
    """At most n of the names, evenly from the first on."""
    n = min(n, len(names))
    return [names[i * len(names) // n] for i in range(n)]


def passes_apart(model: VideoModel, runs: Runs) -> dict[str, VideoVelocity]:
    """Branch ("cond" and, with guidance, "uncond") -> the velocity of that pass alone."""
    condition = runs.condition()
    apart = {"cond": model.velocity(replace(condition, negative=None))}
    if condition.negative is not None:
        uncond = replace(condition, text=condition.negative, negative=None)
        apart["uncond"] = model.velocity(uncond)
    return apart


def look_inside(
    model: VideoModel, trajectory: Trajectory, runs: Runs, top: int
) -> tuple[dict[str, pd.DataFrame], int]:
    """The tables INSIDE of stored runs, one batch, and the NFE.

    guidance: a row for each run, step and latent frame, with the column gap; none without guidance.
    energy: a row for each run, step, latent frame of tokens and layer, with energy and energy_rest
    (without the `top` channels of largest mean square). settled: a row for each run and position
    (row, column) of the last latent frame, with the step from which it is settled.
    """
    apart, (_, n_frames, h, w) = passes_apart(model, runs), runs.latent_shape()
    whole = np.ones((len(runs), 1, *model.token_grid(n_frames, h, w)), bool)
    clock = _clock(model, trajectory)
    guidance, energy = [], []
    for k, sigma in enumerate(trajectory.sigmas[:-1].tolist()):
        x, sums, found = trajectory.x[:, k].to(model.device), TokenSums(top), {}
        with hooked(apart["cond"], model.blocks, read=sums):
            for branch, velocity in apart.items():
                velocity.clock = clock
                found[branch] = velocity(x, sigma, k)
        at = {"step": k, "sigma": trajectory.sigmas[k].item()}
        if "uncond" in found:
            guidance.append(_by_frame(runs.table, gap(found["cond"], found["uncond"])).assign(**at))
        for site in sums.tokens:
            energy.append(region_rows(runs.table, sums, site, whole).assign(**at))
    columns = [*runs.table, "layer", "frame", "step", "sigma", *ENERGY]
    tables = {
        "guidance": pd.concat(guidance, ignore_index=True) if guidance else _none(runs.table),
        "energy": pd.concat(energy, ignore_index=True)[columns],
        "settled": pd.concat(_settled_rows(trajectory), ignore_index=True),
    }
    return tables, sum(velocity.nfe for velocity in apart.values())


def gap(cond: Tensor, uncond: Tensor) -> Tensor:
    """|cond - uncond| / |cond| (B, F) float64 of velocities (B, C, F, h, w); nan without any."""
    norms = [v.double().square().sum((1, 3, 4)).sqrt().cpu() for v in (cond - uncond, cond)]
    return torch.where(norms[1] > 0, norms[0] / norms[1], torch.nan)


def _clock(model: VideoModel, trajectory: Trajectory) -> dict[float, Tensor]:
    """What the model was told of the time, where a solver has a clock of its own."""
    made = trajectory.made_by
    if made.get("solver", "euler") != "unipc":
        return {}
    solver = model.unipc(made["steps"], made["shift"])
    return dict(zip(solver.sigmas.tolist(), solver.timesteps, strict=False))


def _by_frame(runs: pd.DataFrame, values: Tensor) -> pd.DataFrame:
    """values (B, F), long."""
    n_frames = values.shape[1]
    table = runs.loc[runs.index.repeat(n_frames)].reset_index(drop=True)
    frames = np.tile(np.arange(n_frames), len(runs))
    return table.assign(frame=frames, gap=values.flatten().numpy())


def _none(runs: pd.DataFrame) -> pd.DataFrame:
    return runs.iloc[:0].assign(frame=[], gap=[], step=[], sigma=[])


def _settled_rows(trajectory: Trajectory) -> Iterator[pd.DataFrame]:
    for n, (clean, x) in enumerate(zip(trajectory.clean, trajectory.x, strict=True)):
        steps = settle_steps(clean, x[-1])[-1].numpy()
        row, column = map(np.ravel, np.indices(steps.shape))
        places = pd.DataFrame({"row": row, "column": column, "step": steps.ravel()})
        yield places.assign(**trajectory.runs.iloc[n])[[*trajectory.runs, *places]]
