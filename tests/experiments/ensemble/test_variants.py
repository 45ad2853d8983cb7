"""The training-free ensemble and its variants, against plain runs."""

import pytest
import tiny
import torch

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.ensemble.settings import Ensemble
from chain_of_steps.experiments.ensemble.variants import (
    Variant,
    band_layers,
    dose_of,
    run_variant,
    variants,
)
from chain_of_steps.models.wan import WanModel
from chain_of_steps.probes import group_mean
from chain_of_steps.sampling import flow_sigmas, sample

STEPS, SHIFT, K, CASES = 4, 3.0, 3, 2


@pytest.fixture(scope="module")
def setting(one_expert):
    """A tiny random model with the condition and noise of 2 cases x 3 seeds."""
    model = WanModel(one_expert)
    pictures = [tiny.picture(seed) for seed in range(CASES)]
    condition = model.condition(pictures, tiny.prompt_embeds(0, CASES), 5).repeat(K)
    noise = model.noise_batch(range(K), 5, *reversed(pictures[0].size))
    return model, condition, noise.repeat(CASES, 1, 1, 1, 1)


def run(setting, variant, k=K):
    model, condition, noise = setting
    return run_variant(model, condition, noise, variant, k=k, steps=STEPS, shift=SHIFT)


def plain(setting):
    model, condition, noise = setting
    return sample(model.velocity(condition), noise, flow_sigmas(STEPS, SHIFT))


def test_one_seed_is_the_plain_run_bit_for_bit(setting):
    for variant in (
        Variant("e", (0.0, 1.0), steps=STEPS),
        Variant("e", (0.0, 1.0), restore=True),
        Variant("s", start=True, restore=True),
        Variant("m", (0.0, 1.0), goes_on="mean"),
    ):
        ran = run(setting, variant, k=1)
        assert torch.equal(ran.ends, plain(setting)), variant
        assert ran.nfe == STEPS


def test_no_band_and_all_go_on_is_k_plain_runs(setting):
    ran = run(setting, Variant("none", None, goes_on="all"))
    assert torch.equal(ran.ends, plain(setting))
    assert ran.nfe == K * STEPS


def test_averaging_the_whole_last_layer_gives_all_seeds_the_same_first_velocity(setting):
    ran = run(setting, Variant("e", (0.0, 1.0), steps=STEPS, goes_on="all"))
    _, _, noise = setting
    moved = (ran.ends - noise).unflatten(0, (-1, K))
    assert torch.allclose(moved, moved[:, :1].expand_as(moved), atol=1e-4)
    free = (plain(setting) - noise).unflatten(0, (-1, K))
    assert not torch.allclose(free, free[:, :1].expand_as(free), atol=1e-4)


@pytest.mark.parametrize(
    ("variant", "nfe"),
    [
        (Variant("first", (0.0, 0.5)), K + STEPS - 1),
        (Variant("mean", (0.0, 0.5), goes_on="mean"), K + STEPS - 1),
        (Variant("all", (0.0, 0.5), goes_on="all"), K * STEPS),
        (Variant("two", (0.0, 0.5), steps=2), 2 * K + STEPS - 2),
        (Variant("start", start=True), STEPS),
        (Variant("finer", finer=3), 3 * STEPS),
    ],
)
def test_counts_every_pass_of_a_case(setting, variant, nfe):
    assert run(setting, variant).nfe == nfe


def test_finer_is_a_single_run_with_more_steps(setting):
    model, condition, noise = setting
    latents = run(setting, Variant("finer", finer=2)).ends
    alone = model.velocity(condition.select([0, 3]))
    assert torch.equal(latents, sample(alone, noise[::K], flow_sigmas(2 * STEPS, SHIFT)))


def test_group_mean_restores_the_spread_that_averaging_takes():
    x = torch.randn(9, 40, 500, generator=torch.Generator().manual_seed(0)) * 2 + 5
    assert group_mean(x, 3).std().item() == pytest.approx(2 / 3**0.5, rel=0.02)
    restored = group_mean(x, 3, restore=True)
    assert restored.std().item() == pytest.approx(2, rel=0.02)
    assert restored.mean().item() == pytest.approx(5, rel=0.01)


@pytest.mark.parametrize(
    ("layers", "band", "expected"),
    [(40, (0.5, 0.75), range(20, 30)), (8, (0.5, 0.75), range(4, 6)), (2, (0.9, 1.0), range(1, 2))],
)
def test_the_band_is_the_papers_at_its_depth(layers, band, expected):
    assert band_layers(layers, band) == expected


def test_a_wrong_band_or_continuation_is_refused(setting):
    with pytest.raises(UserError, match="band"):
        band_layers(8, (0.7, 0.2))
    with pytest.raises(UserError, match="goes_on"):
        run(setting, Variant("x", (0.0, 1.0), goes_on="last"))


def test_the_dose_is_what_averaging_changes_in_the_first_run(setting):
    """Against the plain run after as many steps; it grows with their number."""
    model, condition, noise = setting
    sigmas = flow_sigmas(STEPS, SHIFT)
    doses = []
    for steps in (1, 2, STEPS):
        clean = sample(model.velocity(condition), noise, sigmas, stop=steps)[::K]
        whole = Variant("e", (0.0, 1.0), steps=steps)
        averaged = run(setting, whole).averaged
        # by hand from runs that all go on from there with nothing averaged
        expected = (averaged - clean).flatten(1).norm(dim=1) / clean.flatten(1).norm(dim=1)
        doses.append(dose_of(averaged, clean))
        assert doses[-1].shape == (CASES,)
        assert doses[-1] == pytest.approx(expected.numpy(), rel=1e-4)
    assert (doses[0] > 0).all() and (doses[0] < doses[1]).all() and (doses[1] < doses[2]).all()
    assert torch.equal(averaged, run(setting, whole).ends), "nothing is left after all steps"
    alone = run(setting, Variant("e", (0.0, 1.0)), k=1).averaged
    assert (dose_of(alone, sample(model.velocity(condition), noise, sigmas, stop=1)) == 0).all()


def test_steps_that_a_run_does_not_have_are_all_of_them():
    names = [one.name for one in variants(Ensemble(averaged=[2, 6, 8]), 6)]
    assert names == ["ensemble", "ensemble, 2 steps", "ensemble, all steps"]


def test_the_methods_go_from_the_papers_dose_to_all_steps():
    found = variants(Ensemble(averaged=[8, 2]), 50)
    assert [(one.name, one.steps) for one in found] == [
        ("ensemble", 1),
        ("ensemble, 2 steps", 2),
        ("ensemble, 8 steps", 8),
        ("ensemble, all steps", 50),
    ]
    assert [one.nfe(3, 50) for one in found] == [52, 54, 66, 150]
    more = variants(Ensemble(averaged=[], controls=True), 50)
    assert more[0] == found[0] and len({one.name for one in more}) == len(more) > 6
    silent = variants(Ensemble(averaged=[], controls=True), 50, votes=False)
    assert {one.name for one in more} - {one.name for one in silent} == {
        "ensemble, all go on, vote"
    }
