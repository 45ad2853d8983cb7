"""Edits that put in what a run could have: what they touch, their statistics, what is refused."""

from dataclasses import replace

import pytest
import torch

from chain_of_steps.edits import (
    Bottleneck,
    Erase,
    Inject,
    Loop,
    Transplant,
    UTurn,
    dose,
    in_turn,
)
from chain_of_steps.errors import UserError
from chain_of_steps.interventions import NoiseAtStep, by_row, draw
from chain_of_steps.sampling import FunctionVelocity, flow_sigmas, sample

N_STEPS = 6
SHAPE = (3, 4, 6, 5)  # C, F, h, w
BIG = (4, 8, 40, 40)  # 12,800 positions a channel: standard error of a mean 0.009
TILES = ((1, 2), (4, 0))
SIGMAS = flow_sigmas(N_STEPS, 3.0)


@FunctionVelocity
def velocity(x, sigma, k):
    return torch.sin(3 * x) + sigma * x.mean(dim=(1, 2, 3, 4), keepdim=True)


def latents(rows=2, seed=0, shape=SHAPE):
    return torch.randn(rows, *shape, generator=torch.Generator().manual_seed(seed))


def run(edit=None, x=None, sigmas=SIGMAS, **options):
    """All StepStates of a run and its end."""
    states = []
    x = latents() if x is None else x
    end = sample(velocity, x, sigmas, edit=edit, watch=states.append, **options)
    return states, end


def puts(step=2, tiles=TILES, **options):
    """One of each that puts a video in."""
    return [
        UTurn(step, **options),
        Inject(step, 1, **options),
        Transplant(step, tiles, 1, **options),
        Erase(step, tiles, **options),
    ]


every_put = pytest.mark.parametrize("kind", range(4))


@every_put
def test_strength_zero_gives_the_same_bits(kind):
    y = latents(1, seed=3)[0]
    edit = puts(strength=0)[kind].edit(N_STEPS, y)
    x = latents()
    x[0, 0, 0, 0, 0] = -0.0
    out = edit(2, 0.7, x, latents(seed=1))
    assert torch.equal(out.view(torch.int32), x.view(torch.int32))
    assert torch.equal(run(edit)[1], run()[1])


@every_put
def test_what_is_not_touched_has_its_bits_and_what_is_has_the_noise_of_its_place(kind):
    y, x = latents(1, seed=3)[0], latents()
    before = x.clone()
    one = puts(seed=5)[kind]
    out = one.edit(N_STEPS, y)(2, 0.7, x, None)
    touched = torch.ones(SHAPE[1:], dtype=torch.bool)
    if kind > 1:
        touched = torch.zeros(SHAPE[1:], dtype=torch.bool)
        for row, column in TILES:
            touched[:, row, column] = True
    assert torch.equal(out[:, :, ~touched], before[:, :, ~touched])
    expected = 0.3 * y + 0.7 * draw(5, 2, SHAPE)
    assert torch.allclose(out[:, :, touched], expected[:, touched].expand(2, -1, -1), atol=1e-6)
    assert torch.equal(x, before), "the stored latent is left alone"
    assert torch.equal(one.edit(N_STEPS, y)(3, 0.5, x, None), x), "one step alone"


@every_put
@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("fresh", [True, False])
def test_clean_part_and_noise_are_those_of_the_level(kind, strength, fresh):
    sigma, tiles = 0.7, tuple((r, c) for r in range(40) for c in range(0, 40, 2))
    clean, y = 1 + 0.5 * latents(1, seed=1, shape=BIG), 3 - latents(1, seed=2, shape=BIG)[0]
    old = latents(1, shape=BIG)
    x = (1 - sigma) * clean + sigma * old
    one = puts(tiles=tiles, strength=strength, fresh=fresh)[kind]
    touched = one.mask(BIG[1:])
    out = one.edit(N_STEPS, y)(2, sigma, x, clean)
    middle = (1 - sigma) * (clean + strength * (y - clean))
    noise = ((out - middle) / sigma)[:, :, touched]
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(1, abs=0.01)
    kept = torch.corrcoef(torch.stack([noise.flatten(), old[:, :, touched].flatten()]))[0, 1]
    expected = (1 - strength**2) ** 0.5 if fresh else 1
    assert kept.item() == pytest.approx(expected, abs=0.02)
    of_y = torch.corrcoef(torch.stack([noise.flatten(), y[:, touched].flatten()]))[0, 1]
    assert abs(of_y) < 0.02


@pytest.mark.parametrize("k", [0, 3])
def test_a_transplant_of_its_own_tiles_gives_the_same_bits(k):
    states, end = run()
    own = states[k - 1].clean[0] if k else latents(1, seed=4)[0]  # at sigma 1 nothing shows
    edit = Transplant(k, TILES, fresh=False).edit(N_STEPS, own)
    assert torch.equal(run(edit)[1][0], end[0])


@pytest.mark.parametrize("k", [1, 3, N_STEPS - 1])
def test_a_u_turn_of_its_own_estimate_with_its_old_noise_gives_the_same_bits(k):
    states, end = run()
    edit = UTurn(k, fresh=False).edit(N_STEPS, states[k - 1].clean[0])
    assert torch.equal(run(edit)[1][0], end[0])


def test_a_u_turn_of_nothing_at_all_is_the_renoised_run():
    """Putting the clean estimate itself under fresh noise is the mode `renoise` of plain noise."""
    states, _ = run()
    clean = states[2].clean
    renoised = NoiseAtStep(3, mode="renoise", seed=4).edit(N_STEPS, SHAPE)
    turned = UTurn(3, seed=4).edit(N_STEPS, clean[0])
    x = states[3].x[:1]
    assert torch.allclose(turned(3, 0.6, x, clean[:1]), renoised(3, 0.6, x, clean[:1]), atol=1e-6)


@every_put
def test_a_fork_at_the_first_step_is_the_whole_run(kind):
    states, _ = run()
    one = puts(strength=0.6)[kind]
    edit = one.edit(N_STEPS, latents(1, seed=3)[0])
    k = one.first_step
    assert torch.equal(
        run(edit, x=states[k].x, start=k, clean=states[k - 1].clean)[1], run(edit)[1]
    )


@every_put
def test_rows_of_a_batch_have_their_own(kind):
    ys = latents(3, seed=3)
    edits = [puts(seed=n)[kind].edit(N_STEPS, y) for n, y in enumerate(ys)]
    x = latents(3)
    together = by_row(edits)(2, 0.7, x, None)
    for n in range(3):
        assert torch.equal(together[n : n + 1], edits[n](2, 0.7, x[n : n + 1], None))
    noise = (together - 0.3 * ys)[:, :, :, 1, 2].flatten(1)
    assert torch.corrcoef(noise).sub(torch.eye(3)).abs().max() < 0.9


def test_edits_in_turn_see_what_the_ones_before_them_leave():
    y = latents(1, seed=3)[0]
    first, second = Inject(2, 0).edit(N_STEPS, y), Erase(2, TILES, seed=9).edit(N_STEPS, 0 * y)
    x = latents()
    expected = second(2, 0.7, first(2, 0.7, x, None), None)
    assert torch.equal(in_turn(first, second)(2, 0.7, x, None), expected)
    assert not torch.equal(in_turn(second, first)(2, 0.7, x, None), expected)
    assert torch.equal(in_turn()(2, 0.7, x, None), x)


def test_the_dose_is_how_far_a_latent_was_moved():
    x = latents()
    assert dose(x, x).tolist() == [0, 0]
    assert dose(x, x * torch.tensor([1.5, -1.0]).view(2, 1, 1, 1, 1)).tolist() == pytest.approx(
        [0.5, 2]
    )
    # what acts inside a step moves the latent behind it no farther than the clean estimate moved
    s, on = SIGMAS[1].item(), SIGMAS[2].item()
    v, other = velocity(x, s, 1), velocity(latents(seed=5), s, 1)
    after, swapped = x + (on - s) * v, x + (on - s) * other
    apart = (x - s * other) - (x - s * v)
    share = 1 - on / s
    expected = share * apart.flatten(1).norm(dim=1) / after.flatten(1).norm(dim=1)
    assert torch.allclose(dose(after, swapped), expected, rtol=1e-4)


# Loops


def test_no_loop_is_the_plain_run():
    loop = Loop(sigma=0.6, passes=0)
    assert torch.equal(loop.schedule(SIGMAS), SIGMAS)
    assert list(loop.steps(SIGMAS)) == []
    assert torch.equal(run(loop.edit(SIGMAS, SHAPE))[1], run()[1])


def test_passes_that_renew_nothing_end_where_the_plain_run_does():
    """An Euler step between equal levels moves nothing."""
    loop = Loop(sigma=0.6, passes=4, strength=0)
    sigmas = loop.schedule(SIGMAS)
    states, end = run(loop.edit(SIGMAS, SHAPE), sigmas=sigmas)
    assert len(states) == N_STEPS + 4
    assert torch.equal(end, run()[1])


def test_a_loop_is_the_formula_written_out():
    loop = Loop(sigma=0.6, passes=3, seed=7)
    k = loop.step(SIGMAS)
    s = SIGMAS[k].item()
    assert abs(s - 0.6) == min(abs(one - 0.6) for one in SIGMAS.tolist()[:-1])
    sigmas = loop.schedule(SIGMAS)
    assert sigmas.tolist() == [*SIGMAS[:k].tolist(), *[s] * 3, *SIGMAS[k:].tolist()]
    states, end = run(loop.edit(SIGMAS, SHAPE), sigmas=sigmas)
    x = run(stop=k)[1]
    for n in range(3):
        clean = x - s * velocity(x, s, k)
        x = (1 - s) * clean + s * draw(7, k + 1 + n, SHAPE)
        assert torch.allclose(states[k + 1 + n].x, x, atol=1e-6)
        x = states[k + 1 + n].x
    assert torch.allclose(end, run(x=x, start=k)[1], atol=1e-6)
    fork = run(loop.edit(SIGMAS, SHAPE), x=states[k].x, sigmas=sigmas, start=k)
    assert torch.equal(fork[1], end)


def test_the_control_of_a_loop_takes_nothing_on():
    y = latents(1, seed=3)[0]
    loop = Loop(sigma=0.6, passes=3)
    states, _ = run(loop.edit(SIGMAS, SHAPE, y), sigmas=loop.schedule(SIGMAS))
    last = loop.steps(SIGMAS)[-1]
    s = states[last].sigma
    assert torch.allclose(states[last].x[0], (1 - s) * y + s * draw(0, last, SHAPE), atol=1e-6)
    assert torch.equal(states[last].x[0], states[last].x[1]), "whatever came before"


def test_a_loop_from_text():
    assert Loop.parse("0.7x12") == Loop(sigma=0.7, passes=12)
    assert Loop.parse(" .65x0 ") == Loop(sigma=0.65, passes=0)
    for text in ("0.7", "0.7 12", "x12", "0.7x", "0.7x-1", "0.7x1.5", "0.7*12"):
        with pytest.raises(UserError, match="write a noise level, an x and how many passes"):
            Loop.parse(text)
    for text in ("0x3", "1x3", "1.5x3"):
        with pytest.raises(UserError, match=r"sigma is .*: write a noise level between 0 and 1"):
            Loop.parse(text)


# The bottleneck


def test_a_bottleneck_that_is_off_is_the_plain_run():
    def read(clean):
        raise AssertionError("nothing is read")

    for off in (Bottleneck(steps=()), Bottleneck(strength=0)):
        assert torch.equal(run(off.edit(N_STEPS, read))[1], run()[1])


def test_what_cannot_be_read_passes_as_it_is():
    asked = []

    def read(clean):
        asked.append(clean)
        return None

    assert torch.equal(run(Bottleneck().edit(N_STEPS, read))[1], run()[1])
    assert len(asked) == 2 * (N_STEPS - 1)


def test_only_what_is_read_passes():
    """What a row shows is read from its own clean estimate, and is all that its next step has."""
    answers = {row: latents(1, seed=20 + row)[0] for row in range(2)}
    states, seen = [], []

    def read(clean):
        seen.append(clean)
        return answers[len(seen) % 2]

    sample(
        velocity,
        latents(),
        SIGMAS,
        edit=Bottleneck(steps=(2, 3), seed=3).edit(N_STEPS, read),
        watch=states.append,
    )
    for place, (k, row) in enumerate([(2, 0), (2, 1), (3, 0), (3, 1)]):
        assert torch.equal(seen[place], states[k - 1].clean[row])
        s, y = states[k].sigma, answers[(place + 1) % 2]
        assert torch.allclose(states[k].x[row], (1 - s) * y + s * draw(3, k, SHAPE), atol=1e-6)


def test_a_bottleneck_of_the_clean_estimate_itself_with_its_old_noise_is_the_plain_run():
    edit = Bottleneck(fresh=False).edit(N_STEPS, lambda clean: clean)
    assert torch.equal(run(edit)[1], run()[1])


# Refusals


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (UTurn(N_STEPS), "step is 6"),
        (UTurn(-1), "step is -1"),
        (Inject(2, -1), "answer is -1"),
        (Inject(2, True), "answer is True"),
        (UTurn(2, strength=1.5), "strength is 1.5"),
        (UTurn(2, strength="1"), "strength is '1'"),
        (UTurn(2, seed=0.5), "seed is 0.5"),
        (Transplant(2, ()), "tiles is empty"),
        (Transplant(2, ((6, 0),)), "the row in tiles is 6"),
        (Erase(2, ((0, 5),)), "the column in tiles is 5"),
    ],
)
def test_values_out_of_range_are_refused_by_name_before_anything_runs(one, said):
    with pytest.raises(UserError, match=said):
        one.edit(N_STEPS, latents(1)[0])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Loop(sigma=0.5, passes=-1), "passes is -1"),
        (lambda: Loop(sigma=0.5, passes=2.0), "passes is 2.0"),
        (lambda: Loop(sigma=0.5, passes=2, strength=-1), "strength is -1"),
        (lambda: Loop(sigma="0.5", passes=2), "sigma is '0.5'"),
        (lambda: Bottleneck(steps=(0,)).edit(N_STEPS, lambda clean: None), "steps is 0"),
    ],
)
def test_loops_and_bottlenecks_out_of_range_are_refused(make, said):
    with pytest.raises(UserError, match=said):
        make()


def test_a_fork_without_the_clean_estimate_that_is_needed_says_so():
    y = latents(1, seed=3)[0]
    for one in (UTurn(2, strength=0.5), UTurn(2, fresh=False)):
        with pytest.raises(UserError, match="step 2 starts without the clean estimate of step 1"):
            run(one.edit(N_STEPS, y), start=2)
    with pytest.raises(UserError, match="step 2 starts without the clean estimate of step 1"):
        run(Bottleneck().edit(N_STEPS, lambda clean: y), start=2)
    whole = replace(UTurn(2), strength=1.0).edit(N_STEPS, y)
    assert torch.isfinite(run(whole, start=2)[1]).all()
