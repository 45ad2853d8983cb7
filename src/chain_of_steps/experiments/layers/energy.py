"""Token energy of every layer, step and frame (arXiv 2603.16870, section 5.1, Fig. 6a).

The energy of a token is the L2 norm of its hidden state over the D channels. A few massive channels
dominate it, so it is also taken without the `top` channels of largest mean square in that state.
Everything is reduced inside the hook; `regions.tile_masks` says which tokens show what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.models.model import VideoModel
from chain_of_steps.patching import Ledger
from chain_of_steps.probes import Site, hooked
from chain_of_steps.progress import progress
from chain_of_steps.runs import Runs, batches
from chain_of_steps.sampling import sample
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.places import on_grid
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.regions import BACKGROUND, REGIONS, tile_masks

TABLES = ("token_energy", "token_maps", "token_channels")
QUANTITIES = ("energy", "energy_rest", "mean", "variance", "massive")


@dataclass(frozen=True)
class TokenSums:
    """A `read` that keeps three sums a token and two a channel, for the passes of `branches`.

    tokens: site -> (B, N, 3): sum over channels of x^2, of x^2 in the massive channels, of x.
    channels: site -> (2, B, D): sum over tokens of x^2 and of x. float32, on the device.
    """

    top: int
    branches: tuple[str, ...] = ("cond",)
    tokens: dict[Site, Tensor] = field(default_factory=dict)
    channels: dict[Site, Tensor] = field(default_factory=dict)

    def __call__(self, site: Site, before: Tensor, after: Tensor) -> None:
        if site.branch not in self.branches:
            return
        x = after.float()
        squares = x.square()
        power, total = squares.sum(1), x.sum(1)
        largest = power.topk(min(self.top, power.shape[1])).indices
        massive = squares.gather(2, largest[:, None].expand(-1, x.shape[1], -1)).sum(-1)
        self.tokens[site] = torch.stack([squares.sum(-1), massive, x.sum(-1)], dim=-1)
        self.channels[site] = torch.stack([power, total])

    def quantities(self, site: Site) -> Tensor:
        """(B, N, 5) float64 on the CPU, in the order of QUANTITIES.

        energy: L2 norm; energy_rest: without the massive channels; mean, variance: over the
        channels of a token; massive: share of the massive channels in the square, 0 to 1.
        """
        whole, massive, total = self.tokens[site].cpu().double().unbind(-1)
        n_channels = self.channels[site].shape[-1]
        mean = total / n_channels
        rest = (whole - massive).clamp_min(0)
        share = massive / whole.clamp_min(torch.finfo(torch.float64).tiny)
        variance = (whole / n_channels - mean**2).clamp_min(0)
        return torch.stack([whole.sqrt(), rest.sqrt(), mean, variance, share], dim=-1)


def token_masks(
    puzzle: Puzzle, grid: tuple[int, int, int], drawing: Drawing = DEFAULT_DRAWING
) -> np.ndarray:
    """bool (1 + len(REGIONS), F, h, w): all tokens, then those of each region; see `on_grid`."""
    tiles = tile_masks(puzzle, drawing)
    masks = [
        on_grid(tiles[region], grid, puzzle.board, drawing, around=region == BACKGROUND)
        for region in REGIONS
    ]
    return np.stack([np.ones(grid, bool), *masks])


def shown_steps(n_steps: int) -> list[int]:
    """The steps whose maps and channels are kept: first, middle and last."""
    return sorted({0, (n_steps - 1) // 2, n_steps - 1})


def measure_energy(
    model: VideoModel,
    cases: Sequence[Case],
    seeds: Sequence[int],
    *,
    steps: int,
    shift: float,
    n_frames: int,
    batch: int,
    top: int,
    branches: tuple[str, ...] = ("cond",),
) -> tuple[dict[str, pd.DataFrame], Ledger]:
    """Tables of all runs, and what they cost.

    token_energy: a row for each (run, branch, step, layer, latent frame, region): tokens (number),
    and the mean over the region's tokens of QUANTITIES. token_maps: energy and energy_rest of
    every token, token_channels: mean and variance over the tokens of every channel, and whether
    it is among the `top` massive ones; both for one run of each task, at the `shown_steps`.
    """
    runs, sigmas = Runs.planned(model, cases, seeds, n_frames), model.sigmas(steps, shift)
    grid = model.token_grid(*runs.latent_shape()[1:])
    shown = set(shown_steps(steps))
    examples = set(runs.table.groupby("task", sort=False).head(1).index)
    ledger = Ledger(len(model.blocks[0]))
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    for rows in progress(list(batches(runs.table, batch)), desc="energy", unit="batches"):
        some, sums = runs.select(rows), TokenSums(top, branches)
        velocity = model.velocity(some.condition())
        with hooked(velocity, model.blocks, read=sums):
            sample(velocity, some.noise(), sigmas)
        ledger.count(velocity, naive=True)
        masks = np.stack([token_masks(case.puzzle, grid, case.drawing) for case in some.given])
        table = some.table
        drawn = [n for n, index in enumerate(table.index) if index in examples]
        for site in sums.tokens:
            tables["token_energy"].append(region_rows(table, sums, site, masks))
            if site.step in shown:
                tables["token_maps"] += [map_rows(table, sums, site, grid, n) for n in drawn]
                tables["token_channels"] += [channel_rows(table, sums, site, n) for n in drawn]
    joined = {name: pd.concat(found, ignore_index=True) for name, found in tables.items()}
    return {n: t.assign(sigma=sigmas.numpy()[t["step"]]) for n, t in joined.items()}, ledger


def region_rows(runs: pd.DataFrame, sums: TokenSums, site: Site, masks: np.ndarray) -> pd.DataFrame:
    """token_energy of one site and batch.

    masks: bool (B, 1 + regions, F, h, w); of cases that are no puzzles (B, 1, F, h, w), all tokens.
    """
    inside = masks.reshape(*masks.shape[:3], -1).astype(float)
    _, n_regions, n_frames, _ = inside.shape
    values = sums.quantities(site).unflatten(1, (n_frames, -1)).numpy()
    counts = inside.sum(-1)
    means = np.einsum("brfn,bfnq->brfq", inside, values) / counts.clip(1)[..., None]
    table = runs.loc[runs.index.repeat(n_regions * n_frames)].reset_index(drop=True)
    table["branch"], table["step"], table["layer"] = site.branch, site.step, site.layer
    table["frame"] = np.tile(np.arange(n_frames), len(runs) * n_regions)
    named = ["all", *REGIONS][:n_regions]
    table["region"] = np.tile(np.repeat(named, n_frames), len(runs))
    table["tokens"] = counts.ravel().astype(int)
    table[list(QUANTITIES)] = means.reshape(-1, len(QUANTITIES)).astype(np.float32)
    return table[table["tokens"] > 0]


def map_rows(
    runs: pd.DataFrame, sums: TokenSums, site: Site, grid: tuple[int, int, int], n: int
) -> pd.DataFrame:
    """token_maps of one site and run: latent frame, row, column, energy, energy_rest."""
    values = sums.quantities(site)[n].float().numpy()
    place = dict(zip(("frame", "row", "column"), map(np.ravel, np.indices(grid)), strict=True))
    labels = {"branch": site.branch, "step": site.step, "layer": site.layer}
    table = pd.DataFrame({**place, "energy": values[:, 0], "energy_rest": values[:, 1]})
    return table.assign(**runs.iloc[n], **labels)


def channel_rows(runs: pd.DataFrame, sums: TokenSums, site: Site, n: int) -> pd.DataFrame:
    """token_channels of one site and run: channel, mean, variance, massive."""
    power, total = sums.channels[site][:, n].cpu().double() / sums.tokens[site].shape[1]
    massive = torch.zeros(len(power), dtype=bool)
    massive[power.topk(min(sums.top, len(power))).indices] = True
    table = pd.DataFrame(
        {
            "channel": np.arange(len(power)),
            "mean": total.float().numpy(),
            "variance": (power - total**2).clamp_min(0).float().numpy(),
            "massive": massive.numpy(),
        }
    )
    labels = {"branch": site.branch, "step": site.step, "layer": site.layer}
    return table.assign(**runs.iloc[n], **labels)


def contrasts(energy: pd.DataFrame) -> pd.DataFrame:
    """Inside against outside of each region: log2 of the ratio of mean energies.

    One row for each (run, branch, step, layer, frames, region, quantity): frames is `picture`
    (latent frame 0, which is given) or `video` (the others, which at step 0 are noise, so what
    shows there has come from the picture); quantity is energy, energy_rest or variance. Both means
    are over all tokens of the frames where region and rest exist. 0: alike; 1: twice the energy
    inside.
    """
    keys = ["model", "case", "task", "split", "seed", "branch", "step", "sigma", "layer", "frames"]
    keys.append("frame")
    energy = energy.assign(frames=_frames(energy))
    whole = energy[energy["region"] == "all"].set_index(keys)
    tables = []
    for region in REGIONS:
        inside = energy[energy["region"] == region].set_index(keys)
        outside = whole.loc[inside.index]
        rest = outside["tokens"] - inside["tokens"]
        both = rest > 0
        for quantity in ("energy", "energy_rest", "variance"):
            within = (inside[quantity] * inside["tokens"])[both]
            without = (outside[quantity] * outside["tokens"])[both] - within
            sums = pd.DataFrame(
                {"within": within, "n": inside["tokens"][both], "without": without, "m": rest[both]}
            )
            sums = sums.groupby(keys[:-1]).sum()
            ratio = (sums["within"] / sums["n"]) / (sums["without"] / sums["m"])
            table = np.log2(ratio).rename("contrast").reset_index()
            tables.append(table.assign(region=region, quantity=quantity))
    return pd.concat(tables, ignore_index=True)


def summarise_energy(energy: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Means with 95 % intervals clustered by case, long form.

    Columns: model, quantity, region, frames, steps (`first` or all), layer, n, mean, low, high.
    Quantity `contrast_*` as `contrasts` has them; `rise_*` is its change since the first layer, in
    the same case; the others are those of token_energy over all tokens.
    """
    energy = energy[energy["branch"] == "cond"]
    contrast = contrasts(energy)
    plain = energy[energy["region"] == "all"].assign(frames=_frames(energy))
    plain = plain.melt(
        ["model", "case", "step", "layer", "frames", "region"],
        list(QUANTITIES),
        "quantity",
        "value",
    )
    contrast = contrast.assign(quantity="contrast_" + contrast["quantity"])
    rows = pd.concat([plain, contrast.rename(columns={"contrast": "value"})])
    rows = pd.concat([rows[rows["step"] == 0].assign(steps="first"), rows.assign(steps="all")])
    # The mean of a case first: frames and steps of a case are not independent.
    by = ["model", "quantity", "region", "frames", "steps", "layer"]
    cases = rows.groupby([*by, "case"], sort=True)["value"].mean().reset_index()
    contrast = cases[cases["quantity"].str.startswith("contrast_")]
    first, keys = contrast["layer"].min(), [*by[:-1], "case"]
    base = contrast.loc[contrast["layer"] == first, [*keys, "value"]]
    rise = contrast[contrast["layer"] > first].merge(base, on=keys, suffixes=("", "_first"))
    rise["value"] -= rise.pop("value_first")
    rise["quantity"] = rise["quantity"].str.replace("contrast_", "rise_")
    cases = pd.concat([cases, rise], ignore_index=True)
    return group_mean_ci(cases, by, "value", "case", resampling=resampling)


def _frames(energy: pd.DataFrame) -> pd.Series:
    return energy["frame"].gt(0).map({False: "picture", True: "video"})
