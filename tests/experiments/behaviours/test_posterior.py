"""The ideal denoiser against sums written out in float64, and models that are known mixtures."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch

from chain_of_steps.cases.folders import Case, write_case
from chain_of_steps.experiments.behaviours import posterior
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import read_trajectory
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks import stream
from chain_of_steps.trajectory import Trajectory

SHAPE = (2, 3, 2, 2)


def brute_force(x, sigma, answers):
    """Weights of one latent, by the formula, in Python floats."""
    exponents = []
    for z in answers:
        terms = [(a - (1 - sigma) * b) ** 2 for a, b in zip(x, z, strict=True)]
        exponents.append(-math.fsum(terms) / (2 * sigma**2))
    top = max(exponents)
    weights = [math.exp(e - top) for e in exponents]
    return [w / math.fsum(weights) for w in weights]


@pytest.mark.parametrize("sigma", [1.0, 0.9, 0.5, 0.05, 0.005])
def test_weights_are_those_of_the_formula(sigma):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(5, *SHAPE, generator=generator)
    noise = torch.randn(3, *SHAPE, generator=generator)
    x = (1 - sigma) * z[[0, 3, 4]] + sigma * noise
    found = posterior.log_weights(x, sigma, z).exp()
    assert found.dtype == torch.float64
    for row, latent in zip(found, x, strict=True):
        flat = [each.flatten().double().tolist() for each in z]
        wanted = brute_force(latent.flatten().double().tolist(), sigma, flat)
        assert row.tolist() == pytest.approx(wanted, rel=1e-6, abs=1e-12)
    if sigma == 1.0:
        assert found == pytest.approx(0.2)
    if sigma <= 0.05:
        assert found.argmax(1).tolist() == [0, 3, 4]


def test_the_weights_are_calibrated():
    """Where the posterior says 0.7, the answer is the true one in 70 of 100 draws."""
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(3, *SHAPE, generator=generator)
    truth = torch.randint(3, (4000,), generator=generator)
    noise = torch.randn(4000, *SHAPE, generator=generator)
    w = posterior.log_weights(0.3 * z[truth] + 0.7 * noise, 0.7, z).exp()
    hit = w[torch.arange(4000), truth]
    assert w.square().sum(1).mean() == pytest.approx(hit.mean().item(), abs=0.02)
    assert 0.4 < hit.mean() < 0.95  # neither blind nor certain


def test_effective_number_of_known_weights():
    w = torch.tensor([[0.25] * 4, [1.0, 0, 0, 0], [0.5, 0.5, 0, 0]], dtype=torch.float64)
    assert posterior.effective(w.log()).tolist() == pytest.approx([4, 1, 2])


def test_divergence_is_that_of_the_formula():
    w, evidence = np.array([[0.5, 0.5, 0.0]]), np.array([[0.9, 0.1, 0.3]])
    q = [(e + posterior.GRANTED) / (1.3 + 3 * posterior.GRANTED) for e in (0.9, 0.1, 0.3)]
    wanted = 0.5 * math.log(0.5 / q[0]) + 0.5 * math.log(0.5 / q[1])
    assert posterior.divergence(w, evidence) == pytest.approx([wanted])
    nothing = posterior.divergence(np.array([[1.0, 0, 0, 0]]), np.zeros((1, 4)))
    assert nothing == pytest.approx([math.log(4)])


def test_the_ideal_flow_ends_on_an_answer():
    generator = torch.Generator().manual_seed(2)
    z = torch.randn(4, *SHAPE, generator=generator)
    x = torch.randn(16, *SHAPE, generator=generator)
    seen = []
    end = sample(posterior.IdealVelocity(z), x, flow_sigmas(60, 5.0), watch=seen.append)
    distances = torch.cdist(end.flatten(1), z.flatten(1))
    assert distances.min(1).values.max() < 1e-3
    assert len(set(distances.argmin(1).tolist())) > 1
    # the first clean estimate is the mean of all answers, whatever the noise
    assert torch.allclose(seen[0].clean, z.mean(0).expand_as(x), atol=1e-5)


# Models that are mixtures by construction


def puzzle_with(task, solutions):
    return next(
        p
        for p in itertools.islice(stream(task, "in-domain", "evaluation", 0), 200)
        if min(len(p.solutions), 2) == solutions and 2 <= len(p.candidates) <= 6
    )


@pytest.fixture(scope="module")
def bench(build_pocket, tmp_path_factory):
    """Cases of a grid and a maze, a model whose codec is real, and their encoded answers."""
    root, cases = tmp_path_factory.mktemp("cases"), []
    for task, solutions in (("grid", 2), ("maze", 1)):
        (root / task).mkdir()
        write_case(root / task, puzzle_with(task, solutions))
        cases.append(Case(task, root / task))
    model = WanModel(build_pocket([case.prompt for case in cases]), name="tiny")
    answers = {case.name: posterior.encoded_answers(model, case.puzzle) for case in cases}
    return model, cases, answers


def trajectory_of(cases, answers, estimate, n_steps=8, seeds=(0, 1)):
    """Runs on the straight path to each shown answer; estimate(x, sigma, z) -> clean."""
    sigmas, rows, xs, cleans = flow_sigmas(n_steps, 5.0), [], [], []
    for case, seed in itertools.product(cases, seeds):
        z = answers[case.name]
        noise = torch.randn(z.shape[1:], generator=torch.Generator().manual_seed(seed))
        path = torch.stack([(1 - s) * z[case.puzzle.shown] + s * noise for s in sigmas])
        clean = [estimate(x[None], s.item(), z)[0] for x, s in zip(path, sigmas[:-1], strict=False)]
        split, task = case.puzzle.split, case.puzzle.task
        rows.append({"model": "m", "case": case.name, "task": task, "split": split, "seed": seed})
        xs.append(path)
        cleans.append(torch.stack(clean))
    made_by = {"batch": 4, "frames": 17}
    return Trajectory(
        pd.DataFrame(rows), sigmas, torch.stack(xs), torch.stack(cleans), [0] * n_steps, made_by
    )


def compared(bench, estimate):
    model, cases, answers = bench
    trajectory = trajectory_of(cases, answers, estimate)
    readouts = read_trajectory(model, trajectory, cases)
    return posterior.compare_shard(model, trajectory, cases, readouts)


def ideal(x, sigma, z):
    return torch.einsum("bn,n...->b...", posterior.log_weights(x, sigma, z).exp().float(), z)


def test_a_model_that_is_the_ideal_denoiser_has_nothing_of_its_own(bench):
    rows = compared(bench, ideal)
    grid = rows[rows["task"] == "grid"]  # every candidate is right: one prior
    assert set(grid["prior"]) == {"rule"}
    wide = rows[(rows["task"] == "maze") & (rows["prior"] == "wide")]
    for same in (grid, wide):
        assert same["distance"].max() < 1e-4
        assert same["candidates_model"].to_numpy() == pytest.approx(
            same["candidates_read"], abs=0.02
        )
        assert same["kl"].to_numpy() == pytest.approx(same["kl_floor"], abs=0.02)
        first = same[same["step"] == 0]
        assert first["candidates_ideal"].to_numpy() == pytest.approx(first["answers"].astype(float))
        assert same.loc[same["step"] == 7, "candidates_ideal"].to_numpy() == pytest.approx(1)
    runs = posterior.run_summary(rows).set_index(["task", "prior"])
    assert runs.loc[("grid", "rule"), "own"].to_numpy() == pytest.approx(0, abs=0.02)
    assert runs.loc[("grid", "rule"), "commitment_lag"].tolist() == [0, 0]
    # who knows the rule of the maze has decided before the first step; this model has not
    assert (
        rows.loc[rows["prior"].eq("rule") & rows["task"].eq("maze"), "candidates_ideal"].eq(1).all()
    )
    assert (runs.loc[("maze", "rule"), "own"] > 0).all()
    assert (runs.loc[("maze", "rule"), "commitment_ideal"] == 0).all()


def test_a_model_that_never_commits_holds_its_candidates_open(bench):
    rows = compared(bench, lambda x, sigma, z: z.mean(0, keepdim=True))
    runs = posterior.run_summary(rows)
    grid = rows[(rows["task"] == "grid")]
    # equal but for the last bits, which the place in a batch may change
    held = grid["candidates_model"].iloc[0]
    assert held > 1.5
    assert grid["candidates_model"].to_numpy() == pytest.approx(held, rel=1e-6)
    assert runs["commitment_model"].isna().all()
    assert runs["commitment_lag"].isna().all()
    assert (runs["own"] > 0).all()
    late = grid[grid["step"] == 7]
    assert (late["kl"] > late["kl_floor"] + 0.3).all()


def test_posterior_table_has_means_by_step_and_by_run(bench):
    rows = compared(bench, ideal)
    table = posterior.posterior_table(rows, resampling=Resampling(100, 0))
    maze = table[(table["task"] == "maze") & (table["prior"] == "rule") & (table["split"] == "all")]
    mine = rows[(rows["task"] == "maze") & (rows["prior"] == "rule")]
    at = maze[(maze["quantity"] == "kl") & (maze["step"] == 2)].iloc[0]
    assert at["mean"] == pytest.approx(mine.loc[mine["step"] == 2, "kl"].mean())
    assert at[["n", "cases"]].tolist() == [2, 1]
    whole = maze[(maze["quantity"] == "kl") & maze["step"].isna()].iloc[0]
    assert whole["mean"] == pytest.approx(mine["kl"].mean())
    chance = maze[maze["quantity"] == "chance"].iloc[0]
    assert chance["mean"] == 1


def test_only_puzzles_whose_answers_are_all_listed_are_compared(bench):
    model, cases, answers = bench
    trajectory = trajectory_of(cases, answers, ideal)
    readouts = read_trajectory(model, trajectory, cases)
    others = trajectory.select([])
    assert len(posterior.compare_shard(model, others, cases, readouts)) == 0
