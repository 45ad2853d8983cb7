"""Noise at a step, noise at a frame, and the controls (arXiv 2603.16870, section 3.2, Fig. 3).

Every condition is a fork of a clean run: it starts from that run's stored latent before the first
disturbed step, and keeps its seed and its batch, row for row. So strength 0 gives the clean run
bit for bit, and noise at step k costs N - k NFE instead of N.

The sweep (noise at every swept step and frame, in the first mode) covers all cases. The controls
cover some cases of each task; those need other batches, so their clean runs are made again, which
also shows what a repeat in another batch layout changes. Kinds of condition:

    clean             the run itself
    step              one step, every latent frame
    frame             one latent frame, every step, fresh noise each time
    frame_last_clean  the same, but what the last step starts from is left alone
    frame_energy      the same at the strength where all its changes together have the squared L2
                      (each change in units of sigma in mode renoise, plain in mode replace) that
                      one step of strength 1 has; only where there are fewer latent frames than
                      steps
    tokens_step       as many positions as one step has, at random, spread evenly over the run
    tokens_frame      as many positions as one frame has, at random but fixed, at every step

Noise differs from run to run: its seed is a digest of the case and the seed of the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.edits import dose
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.handover.ends import steps_at
from chain_of_steps.experiments.noise.propagation import (
    MEASURED,
    Comparison,
    case_floor,
    decisive_places,
    layer_flow,
    repeat_floor,
    seed_floor,
)
from chain_of_steps.experiments.noise.settings import Perturbation as PerturbationSection
from chain_of_steps.interventions import Noise, NoiseAtFrame, NoiseAtStep, NoiseAtTokens, by_row
from chain_of_steps.measures import NO_ANSWER
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.model import VideoModel
from chain_of_steps.progress import progress
from chain_of_steps.runs import (
    Runs,
    batches,
    edits_of,
    noise_seeds,
    read_looks,
    rerun,
    run_shard,
)
from chain_of_steps.sampling import Edit, Watch
from chain_of_steps.trajectory import Trajectory

# Columns of the two tables, after those of a run: model, case, task, split, seed.
CONDITION = (
    *("part", "kind", "mode", "strength", "index", "sigma", "noise_seed"),
    *("injected_l2", "injected_l2_sigma", "dose", "nfe", "score", "correct", "answer"),
    *("clean_score", "clean_correct", "answer_same_as_clean", "frame_is_read"),
)
COMPARISON = (
    *("part", "kind", "mode", "injected", "site", "step", "sigma"),
    *MEASURED,
)

Keep = Callable[[pd.DataFrame, Tensor], None]
"""keep(rows, ends) of a batch: ends (conditions, B, C, F, h, w) in the order of the rows."""


@dataclass(frozen=True)
class Perturbation:
    """One condition. index: the disturbed step or latent frame, None for tokens."""

    kind: str
    index: int | None
    noise: Noise

    def nfe(self, n_steps: int) -> int:
        """Forward passes of one run without guidance: steps first_step .. n_steps - 1."""
        return n_steps - self.noise.first_step


@dataclass(frozen=True)
class Conditions:
    """The conditions of a study. sweep: on every case; controls: on some cases of each task."""

    sweep: tuple[Perturbation, ...]
    controls: tuple[Perturbation, ...]

    def nfe(self, n_steps: int, runs: int, control_runs: int) -> int:
        """Forward passes without guidance and layers: all forks, and the controls' clean runs."""
        controls = sum(p.nfe(n_steps) for p in self.controls) + n_steps * bool(self.controls)
        return runs * sum(p.nfe(n_steps) for p in self.sweep) + control_runs * controls


def conditions_of(settings: PerturbationSection, sigmas: Tensor, grid: Sequence[int]) -> Conditions:
    """The conditions that the section `perturbation` asks for.

    sigmas: (N + 1,) of the schedule. grid: (F, h, w) of the latent. Raises UserError naming what
    does not fit such a run.
    """
    n_steps, every_frame = len(sigmas) - 1, range(grid[0])
    steps = settings.steps
    if steps is None and settings.levels is not None:
        steps = steps_at(sigmas, settings.levels)
    if steps is None:
        steps = range(0, n_steps, settings.steps_every)
    frames = every_frame
    if settings.frames is not None:
        frames = list(dict.fromkeys(f % grid[0] if f < 0 else f for f in settings.frames))
    main, *others = (
        {"mode": mode, "strength": settings.add_strength if mode == "add" else 1.0}
        for mode in settings.modes
    )

    def at_steps(noise: Mapping[str, Any]) -> Iterator[Perturbation]:
        return (Perturbation("step", k, NoiseAtStep(step=k, **noise)) for k in steps)

    def at_frames(kind: str, these: Iterable[int] = frames, **noise: Any) -> Iterator[Perturbation]:
        return (Perturbation(kind, f, NoiseAtFrame(frame=f, **noise)) for f in these)

    sweep = [*at_steps(main), *at_frames("frame", **main)]
    controls = [*at_frames("frame_last_clean", **main, last_step_clean=True)]
    if set(frames) < set(every_frame):
        controls += at_frames("frame", every_frame, **main)
    controls += token_controls(n_steps, grid, main)
    for noise in others:
        controls += [*at_steps(noise), *at_frames("frame", **noise)]
    if grid[0] < n_steps:
        for mode in (m for m in settings.modes if m in ("replace", "renoise")):
            noise = {"mode": mode, "strength": mixing_strength(grid[0] / n_steps)}
            controls += at_frames("frame_energy", **noise)
    for perturbation in (*sweep, *controls):
        try:
            perturbation.noise.validate(n_steps, grid[0])
        except UserError as error:
            raise UserError(f"perturbation: {error}") from None
    return Conditions(tuple(sweep), tuple(controls) if settings.control_cases else ())


def spread(total: int, n: int) -> list[int]:
    """n positions, or all there are, evenly among `total`, from the first on."""
    n = min(n, total)
    return [i * total // n for i in range(n)]


def token_controls(
    n_steps: int, grid: Sequence[int], noise: Mapping[str, Any]
) -> list[Perturbation]:
    """Random positions: as many as one step has, and as many as one frame has over all steps."""
    positions = math.prod(grid)
    rounds = max(d for d in range(1, min(n_steps, positions) + 1) if positions % d == 0)
    spread = tuple(i * n_steps // rounds for i in range(rounds))
    of_step = NoiseAtTokens(positions // rounds, steps=spread, fixed=False, **noise)
    of_frame = NoiseAtTokens(positions // grid[0], **noise)
    return [
        Perturbation("tokens_step", None, of_step),
        Perturbation("tokens_frame", None, of_frame),
    ]


def mixing_strength(share: float) -> float:
    """The strength whose change has `share` (0 to 1) of the expected squared L2 of strength 1.

    Old and new noise of equal variance 1 mix to sqrt(1 - a^2) x + a N, which differs from x by
    2 - 2 sqrt(1 - a^2) in expected square: 2 at a = 1.
    """
    return math.sqrt(1 - (1 - share) ** 2)


class Meter:
    """An Edit that sums up, row by row, how much the edit inside it changes the latent.

    plain, relative, share: (B,) float64, the squared L2 of all changes, of latents, of latents
    divided by the sigma they had, and of latents divided by their own L2.
    """

    def __init__(self, edit: Edit, rows: int) -> None:
        self.edit = edit
        self.plain = torch.zeros(rows, dtype=torch.float64)
        self.relative = torch.zeros(rows, dtype=torch.float64)
        self.share = torch.zeros(rows, dtype=torch.float64)

    def __call__(self, k: int, sigma: float, x: Tensor, clean: Tensor | None) -> Tensor:
        changed = self.edit(k, sigma, x, clean)
        square = (changed - x).flatten(1).double().square().sum(1).cpu()
        self.plain += square
        self.relative += square / sigma**2
        self.share += dose(x.double(), changed.double()).square().cpu()
        return changed


@dataclass(frozen=True)
class Fork:
    """Runs under one perturbation: end (B, C, F, h, w), injected energy, NFE of all rows."""

    end: Tensor
    injected: Meter
    nfe: int


def fork(
    model: VideoModel,
    condition: Condition,
    trajectory: Trajectory,
    perturbation: Perturbation,
    watch: Watch | None = None,
) -> Fork:
    """The runs of `trajectory`, one batch of `condition`, again from the first disturbed step."""
    noise = perturbation.noise
    injected = Meter(by_row(edits_of(noise, trajectory)), len(trajectory.runs))
    start = noise.first_step
    end, nfe = rerun(model, condition, trajectory, start, edit=injected, watch=watch)
    return Fork(end, injected, nfe)


def run_conditions(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    perturbations: Sequence[Perturbation],
    layers: Sequence[int] = (),
    keep: Keep | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Every perturbation of every run, batch by batch, read by the tasks' readers.

    Cases without a reader have no answers; `keep` gets the rows of a batch and their ends.
    Returns a row for each run and condition, a row for each comparison along the steps of kind
    "step" (see `perturb_shard`), and the NFE.
    """
    tables, flows, nfe = [], [], 0
    total = sum(p.nfe(trajectory.n_steps) for p in perturbations) * len(trajectory.runs)
    places = decisive_places(cases, trajectory.x.shape[-3:], model.ahead)
    bar = progress(total=total, desc="perturb", unit="NFE")
    runs = Runs.stored(model, trajectory, cases)
    for rows in batches(runs.table, trajectory.made_by["batch"]):
        some, clean = runs.select(rows), trajectory.select(rows)
        condition = some.condition()
        ends, conditions = [clean.x[:, -1]], [clean.runs.assign(kind="clean", nfe=0)]
        for perturbation in perturbations:
            at_step, seen = perturbation.kind == "step", Comparison(clean, places)
            done = fork(model, condition, clean, perturbation, seen if at_step else None)
            ends.append(done.end)
            conditions.append(condition_rows(clean, perturbation, done))
            nfe += done.nfe
            bar.update(done.nfe)
            labels = {"kind": "step", "mode": perturbation.noise.mode}
            if at_step:
                flows.append(seen.table().assign(**labels, injected=perturbation.index))
            if at_step and layers:
                edits, k = edits_of(perturbation.noise, clean), perturbation.index
                inside, spent = layer_flow(model, condition, clean, edits, k, layers)
                flows.append(inside.assign(**labels, injected=k))
                nfe += spent
        tables.append(with_readings(some, torch.stack(ends), conditions))
        if keep is not None:
            keep(tables[-1], torch.stack(ends))
    bar.close()
    return _joined(tables), _joined(flows), nfe


def perturb_shard(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    control_cases: Sequence[Case],
    conditions: Conditions,
    *,
    seeds: Sequence[int],
    layers: Sequence[int] = (),
    keep: Keep | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Everything Figure 3 and its controls need from one shard; control_cases are among `cases`.

    Returns two tables and the NFE. One row a run and condition (CONDITION): part is sweep or
    controls, each with its own clean runs; sigma is that of kind step; injected_l2 is the root of
    the summed squares of all changes, injected_l2_sigma the same with each change divided by
    its sigma, dose with each divided by the L2 of the latent it was made in; no answer twice counts
    as the same answer; frame_is_read says of frame noise whether the reader looks at that latent
    frame. One row a comparison (COMPARISON) of step `step`: kind is step, with the step injected
    at, or one of the floors.
    """
    blocks = min(map(len, model.blocks))
    if any(layer >= blocks for layer in layers):
        raise UserError(
            f"perturbation.layers has {max(layers)}, but the model has {blocks} blocks: "
            f"write numbers from 0 to {blocks - 1}."
        )
    chosen = trajectory.select(np.flatnonzero(trajectory.runs["seed"].isin(seeds)))
    table, flow, nfe = run_conditions(model, chosen, cases, conditions.sweep, layers, keep)
    tables = [table.assign(part="sweep")]
    places = decisive_places(cases, trajectory.x.shape[-3:], model.ahead)
    flows = [flow, seed_floor(trajectory, seeds, places), case_floor(chosen, places)]
    flows = [flow.assign(part="sweep") for flow in flows]
    if conditions.controls and control_cases:
        made = {name: trajectory.made_by[name] for name in ("steps", "shift", "batch")}
        n_frames = trajectory.made_by["frames"]
        again = run_shard(model, control_cases, seeds, **made, n_frames=n_frames)
        table, flow, spent = run_conditions(
            model, again, control_cases, conditions.controls, layers, keep
        )
        table.loc[table["kind"] == "clean", "nfe"] = again.made_by["nfe"] // len(again.runs)
        tables.append(table.assign(part="controls"))
        flows += [flow.assign(part="controls")]
        flows += [repeat_floor(trajectory, again, places).assign(part="controls")]
        nfe += again.made_by["nfe"] + spent
    runs = list(trajectory.runs)
    return _joined(tables)[[*runs, *CONDITION]], _joined(flows)[[*runs, *COMPARISON]], nfe


def condition_rows(trajectory: Trajectory, perturbation: Perturbation, done: Fork) -> pd.DataFrame:
    at_step = perturbation.kind == "step"
    return trajectory.runs.assign(
        kind=perturbation.kind,
        mode=perturbation.noise.mode,
        strength=perturbation.noise.strength,
        index=perturbation.index,
        sigma=trajectory.sigmas[perturbation.index].item() if at_step else np.nan,
        noise_seed=noise_seeds(trajectory.runs),
        injected_l2=done.injected.plain.sqrt().numpy(),
        injected_l2_sigma=done.injected.relative.sqrt().numpy(),
        dose=done.injected.share.sqrt().numpy(),
        nfe=done.nfe // len(trajectory.runs),
    )


def with_readings(runs: Runs, ends: Tensor, conditions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of a batch's conditions with what the readers see in `ends` (conditions, B, ...)."""
    if not all(case.is_puzzle for case in runs.given):
        nothing = dict.fromkeys(("score", "correct", "clean_score", "clean_correct"), np.nan)
        nothing |= dict.fromkeys(("answer_same_as_clean", "frame_is_read"), np.nan)
        table = _joined(conditions).assign(answer=NO_ANSWER, **nothing)
        return table.astype({"index": "Int64", "noise_seed": "Int64"})
    readers, columns = runs.readers(), {}
    span, ahead = runs.model.compression[0], runs.model.ahead  # pixel frames of a latent frame
    read = [{ahead - (-frame // span) for frame in reader.key_frames} for reader in readers]
    for name, found in read_looks(runs.model, readers, ends).items():
        columns[name] = found.ravel()
        columns[f"clean_{name}"] = np.tile(found[0], len(conditions))
    columns["answer_same_as_clean"] = columns["answer"] == columns.pop("clean_answer")
    table = _joined(conditions).assign(**columns)
    looks = zip(table["kind"], table["index"], read * len(conditions), strict=True)
    table["frame_is_read"] = [kind.startswith("frame") and i in seen for kind, i, seen in looks]
    return table.astype({"index": "Int64", "noise_seed": "Int64"})


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
