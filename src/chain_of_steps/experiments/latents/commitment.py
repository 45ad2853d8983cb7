"""How near each clean estimate is to the result, and how much moves in it: no reader, no model.

Of a position of the latent (a place in a latent frame) with its channels as a vector,

    distance   |clean_k - end| over the root mean square of |end| in the run
    settled    whether its distance is below CLOSE from step k on
    motion     |clean_k - the same place one latent frame before|, over the same

each a mean over the positions of a latent frame. An estimate comes nearer as the picture becomes
sharp, too, so an early distance alone is no open answer; one that is small is a closed one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.runs import by_step
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.trajectory import Trajectory

CLOSE = 0.1
MEASURED = ("distance", "settled", "motion")
ALL = -1  # the frames after the first, which is given


def measured(clean: Tensor, end: Tensor) -> Tensor:
    """MEASURED (3, N, F) float64 of the clean estimates (N, C, F, h, w) of a run and its result.

    The motion of the first latent frame is nan. A result of zeros alone has no scale: all are nan.
    """
    scale, distance = _distance(clean, end)
    motion = torch.full_like(distance, torch.nan)  # (N, F, h, w)
    for k, one in enumerate(clean):
        motion[k, 1:] = one.double().diff(dim=1).norm(dim=0) / scale
    found = torch.stack([distance, _settled(distance), motion]).mean((-2, -1))
    return found if scale > 0 else torch.full_like(found, torch.nan)


def settle_steps(clean: Tensor, end: Tensor) -> Tensor:
    """(F, h, w) int64: the first step from which each position is near the result and stays so.

    N, the number of steps, where even the last estimate is far.
    """
    return len(clean) - _settled(_distance(clean, end)[1]).sum(0).long()


def _distance(clean: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """The scale of a result, and the distance (N, F, h, w) to it as the module says."""
    end = end.double()
    scale = end.square().sum(0).mean().sqrt()  # of a position
    # step by step, as runs of large videos fill the memory
    return scale, torch.stack([(one.double() - end).norm(dim=0) for one in clean]) / scale


def _settled(distance: Tensor) -> Tensor:
    """1 from the step on after which no later one is far, else 0; like distance (N, F, h, w)."""
    return (distance < CLOSE).double().flip(0).cummin(0).values.flip(0)


def commitment_rows(trajectory: Trajectory) -> pd.DataFrame:
    """One row for each run, step 0 .. N-1 and latent frame.

    Columns: those of the run table, step, sigma, frame, MEASURED.
    """
    steps = range(trajectory.n_steps)
    found = [measured(c, x[-1]) for c, x in zip(trajectory.clean, trajectory.x, strict=True)]
    values = torch.stack(found)  # (R, 3, N, F)
    n_frames = values.shape[-1]
    table = by_step(trajectory, steps)
    table = table.loc[table.index.repeat(n_frames)].reset_index(drop=True)
    table["frame"] = np.tile(np.arange(n_frames), len(values) * len(steps))
    for n, name in enumerate(MEASURED):
        table[name] = values[:, n].flatten().numpy()
    return table


def summarise_by_frame(
    rows: pd.DataFrame,
    quantities: Sequence[str],
    also: Sequence[str] = (),
    *,
    resampling: Resampling,
) -> pd.DataFrame:
    """Means with 95 % intervals by case: of each latent frame, and of those after the first.

    rows: one for each run, step and latent frame. also: further columns that keep rows apart.
    Columns: model, split, `also`, quantity, frame (ALL: after the first), step, sigma, n (cases),
    mean, low, high; no row where there are none.
    """
    by = ["model", "split", *also, "quantity", "frame", "step", "sigma"]
    if rows.empty:
        return pd.DataFrame(columns=[*by, "n", "mean", "low", "high"])
    video = rows[rows["frame"] > 0].assign(frame=ALL)
    both = pd.concat([rows, video], ignore_index=True)
    long = both.melt(
        ["model", "split", "case", *also, "frame", "step", "sigma"],
        list(quantities),
        "quantity",
        "value",
    ).dropna(subset="value")
    # frames and runs of a case are not independent
    cases = long.groupby([*by, "case"], sort=True)["value"].mean().reset_index()
    return group_mean_ci(cases, by, "value", "case", resampling=resampling)
