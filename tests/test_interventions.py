"""Noise interventions: what they touch, what they leave, their statistics, what is refused."""

import math

import pytest
import torch

from chain_of_steps.errors import UserError
from chain_of_steps.interventions import (
    MODES,
    NoiseAtFrame,
    NoiseAtStep,
    NoiseAtTokens,
    by_row,
    draw,
)
from chain_of_steps.sampling import FunctionVelocity, flow_sigmas, sample

N_STEPS = 6
SHAPE = (3, 4, 6, 5)  # C, F, h, w


@FunctionVelocity
def velocity(x, sigma, k):
    return torch.sin(3 * x) + sigma * x.mean(dim=(1, 2, 3, 4), keepdim=True)


def latents(rows=2, seed=0, shape=SHAPE):
    return torch.randn(rows, *shape, generator=torch.Generator().manual_seed(seed))


def run(edit=None, x=None, **options):
    """All StepStates of a run and its end."""
    states = []
    x = latents() if x is None else x
    end = sample(velocity, x, flow_sigmas(N_STEPS, 3.0), edit=edit, watch=states.append, **options)
    return states, end


def some(mode="replace", **options):
    """One intervention of each kind."""
    return [
        NoiseAtStep(2, mode=mode, **options),
        NoiseAtFrame(1, mode=mode, **options),
        NoiseAtTokens(7, steps=(2, 4), mode=mode, **options),
    ]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", range(3))
def test_strength_zero_gives_the_same_bits(kind, mode):
    edit = some(mode, strength=0)[kind].edit(N_STEPS, SHAPE)
    x = latents()
    x[0, 0, 0, 0, 0] = -0.0
    out = edit(2, 0.7, x, latents(seed=1))
    assert torch.equal(out.view(torch.int32), x.view(torch.int32))
    assert torch.equal(run(edit)[1], run()[1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", range(3))
def test_strength_one_changes_what_it_says(kind, mode):
    change = some(mode)[kind]
    edit = change.edit(N_STEPS, SHAPE)
    x, clean = latents(), latents(seed=1)
    before = x.clone()
    out = edit(2, 0.7, x, clean)
    touched = {
        0: torch.ones(SHAPE[1:], dtype=torch.bool),
        1: (torch.arange(SHAPE[1]) == 1).view(-1, 1, 1).expand(SHAPE[1:]),
        2: change.mask(2, SHAPE[1:]),
    }[kind]
    assert torch.equal(x, before), "the latent that was passed in is left alone"
    assert (out[:, :, touched] != x[:, :, touched]).all()
    assert torch.equal(out[:, :, ~touched], x[:, :, ~touched])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", range(N_STEPS))
def test_noise_at_a_step_leaves_earlier_steps_and_changes_the_rest(step, mode):
    clean_run, _ = run()
    change = NoiseAtStep(step, mode=mode, strength=0.5)
    noisy_run, _ = run(change.edit(N_STEPS, SHAPE))
    assert change.first_step == step
    for a, b in zip(clean_run, noisy_run, strict=True):
        assert torch.equal(a.x, b.x) == (a.k < step)
        assert torch.equal(a.clean, b.clean) == (a.k < step)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", range(3))
def test_fork_at_the_first_step_gives_the_bits_of_the_whole_run(kind, mode):
    change = some(mode, strength=0.8)[kind]
    edit = change.edit(N_STEPS, SHAPE)
    states, _ = run()
    k = change.first_step
    clean = states[k - 1].clean if k else None
    assert torch.equal(run(edit, x=states[k].x, start=k, clean=clean)[1], run(edit)[1])


def test_first_steps():
    assert NoiseAtFrame(0).first_step == 0
    assert NoiseAtFrame(0, last_step_clean=True).first_step == 0
    assert NoiseAtTokens(3).first_step == 0
    assert NoiseAtTokens(3, steps=(4, 2)).first_step == 2


@pytest.mark.parametrize("last_step_clean", [False, True])
def test_noise_at_a_frame_comes_before_every_step(last_step_clean):
    edit = NoiseAtFrame(2, last_step_clean=last_step_clean).edit(N_STEPS, SHAPE)
    states, _ = run(edit)
    noised = [torch.equal(s.x[0, :, 2], draw(0, s.k, SHAPE)[:, 2]) for s in states]
    assert noised == [True] * (N_STEPS - 1) + [not last_step_clean]
    assert not torch.equal(states[0].x[0, :, 2], states[1].x[0, :, 2]), "fresh noise each step"


def test_tokens_are_as_many_as_asked_and_spread():
    fixed, fresh = NoiseAtTokens(30, seed=1), NoiseAtTokens(30, seed=1, fixed=False)
    grid = SHAPE[1:]
    assert all(change.mask(k, grid).sum() == 30 for change in (fixed, fresh) for k in range(6))
    assert torch.equal(fixed.mask(0, grid), fixed.mask(5, grid))
    assert not torch.equal(fresh.mask(0, grid), fresh.mask(5, grid))
    assert (fixed.mask(0, grid).sum(dim=(1, 2)) > 0).all(), "every frame has some"
    assert not torch.equal(NoiseAtTokens(30, seed=2).mask(0, grid), fixed.mask(0, grid))
    hits = sum(NoiseAtTokens(30, seed=s).mask(0, grid).float() for s in range(400)) / 400
    assert torch.allclose(hits, torch.tensor(30 / math.prod(grid)), atol=0.12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", range(3))
def test_noise_does_not_depend_on_the_batch(kind, mode):
    edit = some(mode, strength=0.8)[kind].edit(N_STEPS, SHAPE)
    x, clean = latents(5), latents(5, seed=1)
    together = edit(2, 0.7, x, clean)
    for row in range(5):
        alone = edit(2, 0.7, x[row : row + 1], clean[row : row + 1])
        assert torch.equal(alone, together[row : row + 1])


def test_seed_and_step_decide_the_noise_and_the_first_latent_is_another_draw():
    noise = {(s, k): draw(s, k, SHAPE) for s in (0, 1) for k in (0, 1)}
    first_latent = torch.randn(*SHAPE, generator=torch.Generator().manual_seed(0))
    draws = torch.stack([*noise.values(), first_latent]).flatten(1)
    assert torch.equal(draw(0, 1, SHAPE), noise[0, 1])
    correlation = torch.corrcoef(draws) - torch.eye(5)
    assert correlation.abs().max() < 0.25


def test_by_row_gives_each_row_its_own():
    changes = [NoiseAtStep(2, seed=s) for s in (5, 6)]
    edits = [c.edit(N_STEPS, SHAPE) for c in changes]
    x = latents(3)
    out = by_row([edits[0], None, edits[1]])(2, 0.7, x, None)
    assert torch.equal(out[0], draw(5, 2, SHAPE))
    assert torch.equal(out[1], x[1])
    assert torch.equal(out[2], draw(6, 2, SHAPE))
    renoise = NoiseAtStep(2, mode="renoise").edit(N_STEPS, SHAPE)
    clean = latents(3, seed=1)
    assert torch.equal(
        by_row([renoise] * 3)(2, 0.7, x, clean)[1:2], renoise(2, 0.7, x[1:2], clean[1:2])
    )
    with pytest.raises(UserError, match="2 edits for 3 latents"):
        by_row(edits)(2, 0.7, x, None)


BIG = (4, 8, 40, 40)  # 12,800 cells a channel: standard error of a mean 0.009


def changed(x, mode, strength=1.0):
    return NoiseAtStep(2, mode=mode, strength=strength).edit(N_STEPS, BIG)(2, 0.7, x, None)


def moments(cells):
    flat = cells.flatten(2)
    return flat.mean(-1), flat.std(-1)


def test_replace_at_full_strength_is_standard_normal_and_forgets():
    x = 3 + 2 * latents(1, shape=BIG)
    out = changed(x, "replace")
    mean, spread = moments(out)
    assert torch.allclose(mean, torch.zeros_like(mean), atol=0.04)
    assert torch.allclose(spread, torch.ones_like(spread), atol=0.03)
    assert torch.corrcoef(torch.stack([x.flatten(), out.flatten()]))[0, 1].abs() < 0.02
    assert torch.equal(out[0], draw(0, 2, BIG))


@pytest.mark.parametrize("strength", [0.3, 0.7])
def test_replace_in_part_keeps_the_spread_of_noise(strength):
    x = latents(1, shape=BIG)
    out = changed(x, "replace", strength)
    assert moments(out)[1].mean().item() == pytest.approx(1, abs=0.02)
    kept = torch.corrcoef(torch.stack([x.flatten(), out.flatten()]))[0, 1].item()
    assert kept == pytest.approx(math.sqrt(1 - strength**2), abs=0.02)


def test_add_adds_noise_of_the_given_strength():
    x = 3 + 2 * latents(1, shape=BIG)
    out = changed(x, "add", 2.5)
    assert (out - x).std().item() == pytest.approx(2.5, abs=0.03)
    assert (out - x).mean().item() == pytest.approx(0, abs=0.05)


def test_matched_keeps_mean_and_spread_of_every_channel():
    x = (3 + 2 * latents(1, shape=BIG)) * torch.tensor([1.0, 2, 3, 4]).view(1, 4, 1, 1, 1)
    out = changed(x, "matched")
    for before, after in zip(moments(x), moments(out), strict=True):
        assert torch.allclose(before, after, rtol=1e-4)
    assert torch.corrcoef(torch.stack([x[0, 0].flatten(), out[0, 0].flatten()]))[0, 1].abs() < 0.03
    half = changed(x, "matched", 0.5)
    for before, after in zip(moments(x), moments(half), strict=True):
        assert torch.allclose(before, after, rtol=0.03)


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_renoise_keeps_the_clean_estimate_and_the_noise_level(strength):
    sigma, clean = 0.7, 1 + 0.5 * latents(1, seed=1, shape=BIG)
    old_noise = latents(1, shape=BIG)
    x = (1 - sigma) * clean + sigma * old_noise
    edit = NoiseAtStep(2, mode="renoise", strength=strength).edit(N_STEPS, BIG)
    new_noise = (edit(2, sigma, x, clean) - (1 - sigma) * clean) / sigma
    assert new_noise.std().item() == pytest.approx(1, abs=0.02)
    kept = torch.corrcoef(torch.stack([old_noise.flatten(), new_noise.flatten()]))[0, 1].item()
    assert kept == pytest.approx(math.sqrt(1 - strength**2), abs=0.02)


def test_renoise_at_the_start_needs_no_clean_estimate_and_later_says_so():
    edit = NoiseAtStep(0, mode="renoise").edit(N_STEPS, SHAPE)
    assert torch.equal(edit(0, 1.0, latents(1), None)[0], draw(0, 0, SHAPE))
    later = NoiseAtStep(3, mode="renoise").edit(N_STEPS, SHAPE)
    with pytest.raises(UserError, match="clean"):
        run(later, start=3)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (NoiseAtStep(N_STEPS), "step"),
        (NoiseAtStep(-1), "step"),
        (NoiseAtStep(1.5), "step"),
        (NoiseAtStep(True), "step"),
        (NoiseAtFrame(4), "frame"),
        (NoiseAtFrame(-1), "frame"),
        (NoiseAtTokens(0), "count"),
        (NoiseAtTokens(4, steps=()), "steps"),
        (NoiseAtTokens(4, steps=(0, N_STEPS)), "steps"),
        (NoiseAtStep(1, mode="erase"), "mode"),
        (NoiseAtStep(1, strength=-0.1), "strength"),
        (NoiseAtStep(1, strength=1.1), "strength"),
        (NoiseAtStep(1, strength="1"), "strength"),
        (NoiseAtStep(1, mode="add", strength=math.inf), "strength"),
        (NoiseAtStep(1, mode="add", strength=math.nan), "strength"),
        (NoiseAtStep(1, seed=0.5), "seed"),
    ],
)
def test_values_out_of_range_are_refused_by_name_before_anything_runs(change, field):
    with pytest.raises(UserError, match=rf"^{field} is"):
        change.validate(N_STEPS, n_latent_frames=4)
    with pytest.raises(UserError, match=rf"^{field} is"):
        change.edit(N_STEPS, SHAPE)


def test_more_tokens_than_the_latent_has_are_refused_before_anything_runs():
    assert NoiseAtTokens(120).edit(N_STEPS, SHAPE)
    with pytest.raises(UserError, match=r"^count is 121"):
        NoiseAtTokens(121).edit(N_STEPS, SHAPE)


def test_values_at_the_edge_of_the_range_are_taken():
    for change in (
        NoiseAtStep(0),
        NoiseAtStep(N_STEPS - 1),
        NoiseAtFrame(3),
        NoiseAtStep(1, mode="add", strength=5),
        NoiseAtTokens(4, steps=(0, N_STEPS - 1)),
    ):
        change.validate(N_STEPS, n_latent_frames=4)
