"""The denoising loop against the stock schedule and against data whose velocity is known."""

import math

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from chain_of_steps.errors import UserError
from chain_of_steps.sampling import (
    FunctionVelocity,
    Velocity,
    flow_sigmas,
    levels_of,
    sample,
    sample_by,
    single_shift,
)

MEAN, SPREAD = 0.7, 0.4


def gaussian_velocity(x, sigma, k=None):
    """E[x_1 - x_0 | x_sigma] for data N(MEAN, SPREAD^2), from the joint Gaussian."""
    variance = ((1 - sigma) * SPREAD) ** 2 + sigma**2
    covariance = sigma - (1 - sigma) * SPREAD**2
    return covariance / variance * (x - (1 - sigma) * MEAN) - MEAN


def bent_velocity(x, sigma, k=None):
    """Something non-linear that mixes all entries of a row."""
    return torch.sin(3 * x) + sigma * x.mean(dim=(1, 2, 3, 4), keepdim=True)


GAUSSIAN, BENT = FunctionVelocity(gaussian_velocity), FunctionVelocity(bent_velocity)


def latents(rows=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 3, 2, 4, 4, generator=generator)


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0, 5.0, 5.1, 8.0])
@pytest.mark.parametrize("n_steps", [1, 2, 6, 20, 50])
def test_sigmas_are_those_of_the_stock_scheduler(n_steps, shift):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(n_steps)
    sigmas = flow_sigmas(n_steps, shift)
    assert torch.equal(sigmas, scheduler.sigmas)
    assert (sigmas.diff() < 0).all()


def test_a_single_shift_is_that_of_the_official_tools():
    """As diffusers has it where it is given even levels, and as read in the tools' own code."""
    for n_steps in (1, 4, 50):
        scheduler = FlowMatchEulerDiscreteScheduler(shift=5.0)
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 0.0, n_steps + 1)[:-1])
        assert torch.allclose(single_shift(n_steps, 5.0), scheduler.sigmas, atol=1e-6)
    read = {10: 0.9524, 25: 0.8333, 40: 0.5556, 48: 0.1724, 49: 0.0926}
    once, twice = single_shift(50, 5.0), flow_sigmas(50, 5.0)
    assert {k: round(once[k].item(), 4) for k in read} == read
    assert [round(twice[k].item(), 3) for k in (40, 49)] == [0.536, 0.024]
    with pytest.raises(UserError, match="write a flow shift above 0"):
        single_shift(3, 0)


def test_levels_of_a_list_are_of_runs_of_its_length():
    listed = [1.0, 0.9, 0.5]
    assert levels_of(listed, 3, 5.0).tolist() == pytest.approx([*listed, 0])
    assert torch.equal(levels_of(listed, 4, 5.0), single_shift(4, 5.0))
    assert torch.equal(levels_of("diffusers", 4, 5.0), flow_sigmas(4, 5.0))
    assert torch.equal(levels_of("diffusers", 4, 5.0, single_shift), single_shift(4, 5.0))


def test_loop_matches_a_float64_recursion():
    sigmas = flow_sigmas(20, 3.0)
    x = latents()
    expected = x.double()
    for s, s_next in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
        expected = expected + (s_next - s) * gaussian_velocity(expected, s)
    assert torch.allclose(sample(GAUSSIAN, x, sigmas).double(), expected, atol=1e-6)


def test_euler_approaches_the_closed_form_at_first_order():
    # The flow carries a Gaussian to a Gaussian without turning it: x_0 = MEAN + SPREAD x_1.
    x = latents()
    errors = [
        (sample(GAUSSIAN, x, flow_sigmas(n, 1.0)) - (MEAN + SPREAD * x)).abs().max().item()
        for n in (50, 100, 200)
    ]
    assert errors[0] < 0.05
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.15)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.15)


def test_clean_estimate_is_x_minus_sigma_v():
    states = []
    end = sample(BENT, latents(), flow_sigmas(6, 3.0), watch=states.append)
    for state in states:
        v = bent_velocity(state.x, state.sigma)
        assert torch.equal(state.v, v)
        assert torch.allclose(state.clean, state.x - state.sigma * v, atol=1e-6, rtol=0)
    assert torch.allclose(states[-1].clean, end, atol=1e-6, rtol=0)


def test_clean_estimate_of_one_known_datum_is_that_datum_at_every_step():
    datum, clean = latents(seed=1), []
    sample(
        FunctionVelocity(lambda x, sigma, k: (x - datum) / sigma),
        latents(),
        flow_sigmas(6, 3.0),
        watch=lambda state: clean.append(state.clean),
    )
    assert len(clean) == 6
    assert all(torch.allclose(c, datum, atol=1e-5) for c in clean)


def test_watch_sees_every_step_with_its_sigmas_and_expert():
    class TwoExperts(Velocity):
        def expert(self, sigma):
            return int(sigma < 0.8)

        def __call__(self, x, sigma, k):
            calls.append(k)
            return bent_velocity(x, sigma)

    calls, states = [], []
    sigmas = flow_sigmas(6, 3.0)
    sample(TwoExperts(), latents(), sigmas, watch=states.append)
    assert calls == [s.k for s in states] == list(range(6))
    assert [s.sigma for s in states] == sigmas[:-1].tolist()
    assert [s.sigma_next for s in states] == sigmas[1:].tolist()
    assert [s.expert for s in states] == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("fork", range(7))
def test_fork_gives_the_bits_of_the_uninterrupted_run(fork):
    sigmas, x = flow_sigmas(6, 3.0), latents()
    whole, forked = [], []
    end = sample(BENT, x, sigmas, watch=whole.append)
    middle = sample(BENT, x, sigmas, stop=fork)
    assert torch.equal(sample(BENT, middle, sigmas, start=fork, watch=forked.append), end)
    for a, b in zip(whole[fork:], forked, strict=True):
        assert (a.k, a.sigma) == (b.k, b.sigma)
        assert torch.equal(a.x, b.x)
        assert torch.equal(a.clean, b.clean)


def test_edit_comes_before_the_model_and_gets_the_last_clean_estimate():
    seen, states = [], []

    def edit(k, sigma, x, clean):
        seen.append((k, sigma, clean))
        return x + k

    x, sigmas = latents(), flow_sigmas(3, 3.0)
    sample(BENT, x, sigmas, edit=edit, watch=states.append)
    assert [(k, sigma) for k, sigma, _ in seen] == [(s.k, s.sigma) for s in states]
    assert seen[0][2] is None
    assert seen[1][2] is states[0].clean
    x_1 = states[0].x + (sigmas[1] - sigmas[0]) * states[0].v
    assert torch.equal(states[1].x, x_1 + 1)

    stored = latents(seed=3)
    sample(BENT, x, sigmas, start=2, clean=stored, edit=edit)
    assert seen[-1][0] == 2
    assert seen[-1][2] is stored


def test_state_is_float32_and_the_given_latent_stays_as_it_was():
    x = latents().bfloat16()
    before = x.clone()
    states = []
    velocity = FunctionVelocity(lambda x, s, k: x.bfloat16())
    end = sample(velocity, x, flow_sigmas(3, 3.0), watch=states.append)
    assert torch.equal(x, before)
    assert end.dtype == torch.float32
    assert {t.dtype for s in states for t in (s.x, s.v, s.clean)} == {torch.float32}


def test_no_gradient_is_kept():
    weight = torch.ones(1, requires_grad=True)
    velocity = FunctionVelocity(lambda x, s, k: weight * x)
    end = sample(velocity, latents(), flow_sigmas(3, 3.0))
    assert not end.requires_grad


def test_a_stock_scheduler_tells_the_velocity_its_times_and_nobody_elses():
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(6)
    velocity, states = FunctionVelocity(bent_velocity), []
    end = sample_by(scheduler, velocity, latents(), watch=states.append)
    assert torch.allclose(end, sample(BENT, latents(), flow_sigmas(6, 3.0)), atol=1e-5)
    assert [velocity.clock[state.sigma] for state in states] == list(scheduler.timesteps)
    assert [state.expert for state in states] == [0] * 6
    assert not BENT.clock


@pytest.mark.parametrize("bounds", [(-1, 3), (4, 3), (0, 7), (7, None)])
def test_steps_outside_the_run_are_refused(bounds):
    start, stop = bounds
    with pytest.raises(UserError, match="start"):
        sample(BENT, latents(), flow_sigmas(6, 3.0), start=start, stop=stop)


@pytest.mark.parametrize(
    ("n_steps", "shift", "field"), [(0, 3.0, "n_steps"), (4, 0.0, "shift"), (4, math.nan, "shift")]
)
def test_schedules_that_make_no_sense_are_refused(n_steps, shift, field):
    with pytest.raises(UserError, match=field):
        flow_sigmas(n_steps, shift)
