"""The ideal denoiser of a puzzle whose answers can be listed, step by step beside the model.

If a video is one of z_1 .. z_n (encoded), each as likely, then given x_s = (1 - s) z + s N

    w_i ~ exp(-||x_s - (1 - s) z_i||^2 / (2 s^2))        the exact posterior
    x0_hat = sum_i w_i z_i                               the best mean-square clean estimate

so any denoiser, however good, shows several answers at once while the noise hides which one it is.
Only what a model shows beyond that is its own. Two priors:

    rule   the right answers alone. That is the training distribution given first frame and prompt:
           the generator shows each right answer equally often, and nothing else varies. Where one
           answer is right, this ideal has decided before the first step.
    wide   all candidates, also the wrong ones: what the noisy latent tells somebody who cannot
           tell right from wrong. Left out where every candidate is right.

x_s is the model's own stored latent, so the ideal is asked at each step what it would make of it.
Routes that share tiles are no independent mixtures (two can add up to the sum of two others), so a
picture does not determine the weights. Hence the posterior mean is also decoded and read by the
same reader as the model's clean estimate, and `kl_floor` is what that instrument costs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.drawn import drawn
from chain_of_steps.experiments.behaviours.summaries import MEAN, means, pooled
from chain_of_steps.measures import NO_ANSWER, commitment_step
from chain_of_steps.models.model import VideoModel
from chain_of_steps.progress import progress
from chain_of_steps.runs import by_step, read_latents
from chain_of_steps.sampling import Velocity, sample
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.observe import Observer, observer_of
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.trajectory import Trajectory

# all right answers are candidates of the reader
ENUMERABLE = ("grid", "fork", "tictactoe", "maze", "chain")
GRANTED = 0.01  # evidence that every candidate is granted, so that no KL is infinite
COMPARED = (
    *("kl", "kl_read", "kl_floor"),
    *("candidates_model", "candidates_ideal", "candidates_read", "distance"),
)
GROUP = ["model", "task", "solutions", "split", "prior"]


def log_weights(x: Tensor, sigma: float, z: Tensor) -> Tensor:
    """Log posterior (B, n) float64 of the answers z (n, ...) given latents x (B, ...) at sigma > 0.

    Uniform at sigma = 1, where the latent says nothing.
    """
    x, centres = x.flatten(1).double(), (1 - sigma) * z.flatten(1).double()
    # ||x||^2 is common to all answers
    distances = centres.square().sum(1) - 2 * x @ centres.T
    return torch.log_softmax(-distances / (2 * sigma**2), dim=1)


def effective(log_w: Tensor) -> Tensor:
    """exp(entropy) of log weights (..., n); -inf stands for weight 0."""
    return torch.special.entr(log_w.exp()).sum(-1).exp()


def divergence(w: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """KL(w || q) in nats along the last axis; q is the evidence, GRANTED to each, normalised."""
    q = evidence + GRANTED
    q = q / q.sum(-1, keepdims=True)
    return np.sum(w * np.log(np.where(w > 0, w, 1) / q), axis=-1)


class IdealVelocity(Velocity):
    """The velocity (x - x0_hat) / sigma of the ideal denoiser of answers z (n, C, F, h, w)."""

    def __init__(self, z: Tensor) -> None:
        self.z = z

    def __call__(self, x: Tensor, sigma: float, k: int) -> Tensor:
        w = log_weights(x, sigma, self.z).exp().float()
        return (x - torch.einsum("bn,n...->b...", w, self.z)) / sigma


def encoded_answers(
    model: VideoModel, puzzle: Puzzle, drawing: Drawing = DEFAULT_DRAWING
) -> Tensor:
    """Latents (n, C, F, h, w) of the videos that show each candidate."""
    return drawn(model, puzzle, range(len(puzzle.candidates)), drawing)


def priors(puzzle: Puzzle) -> dict[str, list[int]]:
    """Prior -> the candidates it allows."""
    rule, wide = list(puzzle.solutions), list(range(len(puzzle.candidates)))
    return {"rule": rule} | ({"wide": wide} if len(wide) > len(rule) else {})


def compare_shard(
    model: VideoModel, trajectory: Trajectory, cases: Sequence[Case], readouts: pd.DataFrame
) -> pd.DataFrame:
    """One row for each run, prior and step 0 .. N-1 of the enumerable puzzles of one shard.

    readouts: what `read_trajectory` saw in these runs. Columns: those of a run, solutions (one or
    several), prior, answers (how many it allows), step, sigma, COMPARED, answer_model, answer_ideal
    (read from model's and ideal's clean estimate), flow_ideal (the answer that the ideal denoiser's
    own run from the same first latent ends on).
    """
    by_name = {case.name: case for case in cases}
    groups = trajectory.runs.groupby("case", sort=False).indices
    groups = {n: rows for n, rows in groups.items() if by_name[n].puzzle.task in ENUMERABLE}
    tables = [pd.DataFrame(columns=[*trajectory.runs, *_OWN])]
    seen = readouts.set_index(["case", "seed", "step"])[["answer", "n_candidates", "evidence"]]
    for name, rows in progress(groups.items(), desc="posterior", unit="cases"):
        puzzle, runs = by_name[name].puzzle, trajectory.select(rows)
        z, reader = (
            encoded_answers(model, puzzle, by_name[name].drawing),
            observer_of(by_name[name]),
        )
        steps = [(name, s, k) for s in runs.runs["seed"] for k in range(runs.n_steps)]
        read = seen.loc[steps]
        for prior, allowed in priors(puzzle).items():
            table = _compare(model, reader, runs, z, allowed, read)
            several = "several" if len(puzzle.solutions) > 1 else "one"
            tables.append(table.assign(solutions=several, prior=prior))
    made = [table for table in tables if len(table)] or tables
    return pd.concat(made, ignore_index=True)[[*trajectory.runs, *_OWN]]


_OWN = (
    *("solutions", "prior", "answers", "step", "sigma", *COMPARED),
    *("answer_model", "answer_ideal", "flow_ideal"),
)


def _compare(
    model: VideoModel,
    reader: Observer,
    runs: Trajectory,
    z: Tensor,
    allowed: Sequence[int],
    read: pd.DataFrame,
) -> pd.DataFrame:
    """The rows of one case and prior; `read` has the model's readings, run by run, step by step."""
    n_steps = runs.n_steps
    log_w = torch.full((len(runs.runs), n_steps, len(z)), -torch.inf, dtype=torch.float64)
    for k in range(n_steps):
        log_w[:, k, allowed] = log_weights(runs.x[:, k], runs.sigmas[k].item(), z[allowed])
    log_w = log_w.flatten(0, 1)
    estimate = torch.einsum("bn,n...->b...", log_w.exp().float(), z)
    ideal = read_latents(model, reader, estimate)
    w, evidence = log_w.exp().numpy(), np.stack(read["evidence"].to_numpy())
    clean = runs.clean.flatten(0, 1)
    gap = (clean - estimate).flatten(1).norm(dim=1) / estimate.flatten(1).norm(dim=1)
    end = sample(IdealVelocity(z[allowed]), runs.x[:, 0], runs.sigmas)
    nearest = torch.cdist(end.flatten(1), z[allowed].flatten(1)).argmin(1).numpy()
    return by_step(runs, range(n_steps)).assign(
        answers=len(allowed),
        kl=divergence(w, evidence),
        kl_read=divergence(_normalised(ideal.evidence), evidence),
        kl_floor=divergence(w, ideal.evidence),
        # nan where nothing is readable
        candidates_model=read["n_candidates"].to_numpy(),
        candidates_ideal=effective(log_w).numpy(),
        candidates_read=ideal.n_candidates,
        distance=gap.numpy(),
        answer_model=read["answer"].to_numpy(),
        answer_ideal=ideal.accepted,
        flow_ideal=np.repeat(np.array(allowed)[nearest], n_steps),
    )


def _normalised(evidence: np.ndarray) -> np.ndarray:
    total = evidence.sum(-1, keepdims=True)
    return np.divide(evidence, total, out=np.zeros_like(evidence), where=total > 0)


def run_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a run and prior: means over steps of what is COMPARED, and what the run decides.

    own: mean of candidates_model - candidates_read over the steps at which both are readable.
    commitment_model, commitment_ideal, commitment_lag: nan where one of them ends without an
    answer. same_choice: nan where the model does. chance: 1 / answers of the prior.
    """
    keys = ["model", "case", "task", "split", "seed", "solutions", "prior"]
    rows = rows.sort_values([*keys, "step"], kind="stable")
    rows = rows.assign(own=rows["candidates_model"] - rows["candidates_read"])
    runs = rows.groupby(keys, sort=True)
    table = runs[[*COMPARED, "own"]].mean().reset_index()
    n_steps = rows["step"].nunique()
    for who in ("model", "ideal"):
        answers = rows[f"answer_{who}"].to_numpy(int).reshape(-1, n_steps)
        table[f"commitment_{who}"] = commitment_step(answers)
    final = runs["answer_model"].last().to_numpy(int)
    same = final == runs["flow_ideal"].first().to_numpy(int)
    table["same_choice"] = np.where(final == NO_ANSWER, np.nan, same)
    table["commitment_lag"] = table["commitment_model"] - table["commitment_ideal"]
    table["chance"] = 1 / runs["answers"].first().to_numpy().astype(float)
    return table


def posterior_table(rows: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Means with 95 % intervals by case, by step and (step empty) by run; see `run_summary`.

    Columns: model, task, solutions, split (and all), prior, quantity, step, sigma, n, cases, mean,
    low, high, p. p: sign flips of whole cases, for own and commitment_lag against 0.
    """
    columns = [*GROUP, "quantity", "step", "sigma", *MEAN]
    if not len(rows):
        return pd.DataFrame(columns=columns)
    options = {"resampling": resampling}
    by_run = pooled(run_summary(rows), "split")
    whole = ("candidates_model", "candidates_ideal", "candidates_read", "kl")
    decided = ("commitment_model", "commitment_ideal", "chance")
    tables = [
        means(pooled(rows, "split"), [*GROUP, "step", "sigma"], COMPARED, **options),
        means(by_run, GROUP, [*whole, *decided], **options),
        means(by_run, GROUP, ["same_choice"], rate=True, **options),
        means(by_run, GROUP, ["own", "commitment_lag"], test=True, **options),
    ]
    return pd.concat(tables, ignore_index=True)[columns]
