"""The swap of tokens on identify: its donors, what counts as flipped, its tables."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hooks import Record

from chain_of_steps.experiments.layers import job as layers
from chain_of_steps.experiments.layers import swap
from chain_of_steps.patching import PARTS
from chain_of_steps.probes import hooked
from chain_of_steps.sampling import sample
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.scene import render_movie


@pytest.fixture(scope="module")
def pairs(small):
    cases = [small.cases[name] for name in layers.pick_cases(small.index, "swap", 1)]
    return swap.Pairs.sampled(small.model, cases, [0, 5], steps=3, shift=3.0, n_frames=17, batch=64)


def test_donors_are_the_twin_and_the_next_case_with_the_same_seed(pairs):
    table = pairs.table
    assert len(table) == 2 * 2 * 2
    for kind in (swap.TWIN, swap.UNRELATED):
        given = table.iloc[pairs.donors(kind).tolist()].reset_index(drop=True)
        assert (given["seed"] == table["seed"]).all()
        assert ((given["case"] == table["case"]) == (kind == swap.TWIN)).all()
        assert sorted(pairs.donors(kind).tolist()) == list(range(8))
    twins = table.iloc[pairs.donors(swap.TWIN).tolist()].reset_index(drop=True)
    assert (twins["direction"] != table["direction"]).all()
    noise = pairs.patcher.x[:, 0]
    assert torch.equal(noise, noise[pairs.donors(swap.TWIN)])


def test_outcomes_read_the_videos_of_the_donor_as_flipped(small, pairs):
    """The true videos of the puzzles in place of a model's: every answer is known."""
    movies = [
        render_movie(task_of("identify").movie(r.puzzle, r.puzzle.shown)) for r in pairs.readers
    ]
    latents = torch.from_numpy(np.stack(movies)).permute(0, 4, 1, 2, 3)
    videos = SimpleNamespace(
        decode=lambda latents, frames: latents[:, :, list(frames)].permute(0, 2, 3, 4, 1)
    )
    shown = swap.Pairs(pairs.table, pairs.readers, SimpleNamespace(model=videos), pairs.seeds)
    eligible = np.ones(8, bool)
    eligible[0] = False
    for kind in (swap.TWIN, swap.UNRELATED):
        donors = shown.donors(kind)
        half = (latents + latents[donors]) / 2
        looks = torch.stack([latents, latents[donors], half])
        own, other, between = shown.read(looks, latents, kind, eligible)
        assert own["kept"].all() and not own["flipped"].any() and not own["follows"].any()
        assert other["follows"].all() and not other["kept"].any()
        assert other["flipped"].all() == (kind == swap.TWIN)
        assert np.allclose([own["moved"], other["moved"], between["moved"]], [[0], [1], [0.5]])
        lost = [r for r in range(8) if 0 in (r, donors[r], shown.donors(swap.TWIN)[r])]
        assert np.flatnonzero(~own["eligible"]).tolist() == lost


def test_swap_tables_have_every_site_and_the_estimate_of_a_full_swap_is_the_twins(pairs):
    table = swap.swap_at_step(pairs, stride=2)
    sites = table.groupby(["look", "donor", "part", "step"])["layer"].unique().map(sorted)
    assert {tuple(found) for found in sites} == {(0, 1, 2)}
    expected = {("estimate", "twin", p, k) for p in PARTS for k in (0, 2)}
    expected |= {("final", "twin", "all", k) for k in (0, 2)}
    expected |= {(look, "unrelated", "all", 0) for look in ("estimate", "final")}
    assert set(sites.index) == expected
    assert (table.groupby(["look", "donor", "part", "step", "layer"]).size() == 8).all()
    # same noise, so at step 0 the twin's velocity gives the twin's estimate
    first = table[(table["step"] == 0) & (table["look"] == "estimate") & (table["part"] == "all")]
    assert np.allclose(first[first["donor"] == "twin"]["moved"], 1, atol=1e-4)
    # one step of three has been taken: the final latent has moved part of the way
    final = table[(table["step"] == 0) & (table["look"] == "final") & (table["part"] == "all")]
    assert final["moved"].between(0.001, 0.999).mean() > 0.5


def test_swapping_at_every_step_equals_doing_it_with_the_twins_recorded_states(pairs):
    table = swap.swap_at_every_step(pairs)
    assert set(table["part"]) == set(PARTS) - {"all"}
    patcher, layer = pairs.patcher, 1
    donors = pairs.donors(swap.TWIN)
    record = Record(lambda site: site.layer == layer)
    velocity = patcher.model.velocity(patcher.condition)
    with hooked(velocity, patcher.model.blocks, read=record):
        sample(velocity, patcher.x[:, 0], patcher.sigmas)

    def write(site, before, after):
        if site.layer != layer:
            return after
        frames = after.unflatten(1, (5, -1)).clone()  # five latent frames
        frames[:, 1:] = record.states[site][donors].unflatten(1, (5, -1))[:, 1:]
        return frames.flatten(1, 2)

    velocity = patcher.model.velocity(patcher.condition)
    with hooked(velocity, patcher.model.blocks, write=write):
        end = sample(velocity, patcher.x[:, 0], patcher.sigmas)
    own = patcher.x[:, -1]
    way = (own[donors] - own).flatten(1).double()
    moved = ((end - own).flatten(1) * way).sum(1) / way.square().sum(1)
    found = table[(table["part"] == "video") & (table["layer"] == layer)]["moved"]
    assert np.allclose(found, moved, atol=1e-4)


def test_a_single_case_has_no_unrelated_donor(small):
    case = [small.cases["in-domain/identify/00000"]]
    table, ledger = swap.swap_identify(
        small.model, case, [0], steps=2, every_steps=1, stride=2, shift=3.0, n_frames=17, batch=4
    )
    assert set(table["donor"]) == {"twin"}
    assert set(table["span"]) == {"one", "every"}
    assert 0 < ledger.evaluated < ledger.naive


def test_rates_of_the_swap_count_eligible_runs_by_case():
    rows = pd.DataFrame(
        [
            {"case": case, "direction": d, "eligible": case != "d", "flipped": float(hit)}
            for case, d, hit in [
                ("a", "a to b", 1),
                ("a", "b to a", 1),
                ("b", "a to b", 1),
                ("b", "b to a", 0),
                ("c", "a to b", 1),
                ("c", "b to a", 0),
                ("d", "a to b", 0),
            ]
        ]
    ).assign(
        model="m", steps=2, span="one", look="final", donor="twin", part="all", step=0, sigma=1.0,
        layer=3, kept=0.0, follows=0.0, moved=0.5,
    )  # fmt: skip
    found = swap.summarise_swap(rows, resampling=Resampling(200, 0)).set_index(
        ["quantity", "direction"]
    )
    assert found.loc[("flipped", "both"), ["n", "mean"]].tolist() == [6, pytest.approx(4 / 6)]
    ahead = found.loc[("flipped", "a to b")]
    assert (ahead["n"], ahead["mean"], ahead["high"]) == (3, 1, 1)
    assert ahead["low"] == pytest.approx(wilson(3, 3).low)
    assert found.loc[("moved", "both"), ["low", "high"]].tolist() == [0.5, 0.5]
