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


def test_donors_are_the_twin_with_the_same_seed(pairs):
    table = pairs.table
    assert len(table) == 2 * 2 * 2
    given = table.iloc[pairs.donors.tolist()].reset_index(drop=True)
    assert (given[["case", "seed"]] == table[["case", "seed"]]).all(axis=None)
    assert (given["direction"] != table["direction"]).all()
    assert sorted(pairs.donors.tolist()) == list(range(8))
    noise = pairs.patcher.x[:, 0]
    assert torch.equal(noise, noise[pairs.donors])


def test_outcomes_read_the_videos_of_the_donor_as_flipped(pairs):
    """The true videos of the puzzles in place of a model's: every answer is known."""
    movies = [
        render_movie(task_of("identify").movie(r.puzzle, r.puzzle.shown)) for r in pairs.readers
    ]
    latents = torch.from_numpy(np.stack(movies)).permute(0, 4, 1, 2, 3)
    videos = SimpleNamespace(
        decode=lambda latents, frames: latents[:, :, list(frames)].permute(0, 2, 3, 4, 1)
    )
    donors = pairs.donors
    ends = latents.clone()
    ends[0] = latents[donors[0]]  # the first run does not end right
    patcher = SimpleNamespace(model=videos, x=ends[:, None])
    shown = swap.Pairs(pairs.table, pairs.readers, patcher, pairs.seeds)
    half = (latents + latents[donors]) / 2
    own, other, between = shown.read(torch.stack([latents, latents[donors], half]), latents)
    assert own["kept"].all() and not own["flipped"].any()
    assert other["flipped"].all() and not other["kept"].any()
    assert np.allclose([own["moved"], other["moved"], between["moved"]], [[0], [1], [0.5]])
    assert np.flatnonzero(~own["eligible"]).tolist() == [0, donors[0]]


def test_swap_tables_have_every_site_and_the_estimate_of_a_full_swap_is_the_twins(pairs):
    table = swap.swap_at_step(pairs, stride=2)
    sites = table.groupby(["look", "part", "step"])["layer"].unique().map(sorted)
    assert {tuple(found) for found in sites} == {(0, 1, 2)}
    expected = {("estimate", p, k) for p in PARTS for k in (0, 2)} | {("final", "all", 0)}
    assert set(sites.index) == expected
    assert (table.groupby(["look", "part", "step", "layer"]).size() == 8).all()
    # same noise, so at step 0 the twin's velocity gives the twin's estimate
    first = table[(table["step"] == 0) & (table["look"] == "estimate") & (table["part"] == "all")]
    assert np.allclose(first["moved"], 1, atol=1e-4)
    # one step of three has been taken: the final latent has moved part of the way
    final = table[(table["step"] == 0) & (table["look"] == "final") & (table["part"] == "all")]
    assert final["moved"].between(0.001, 0.999).mean() > 0.5


def test_the_dose_is_how_far_the_latent_has_moved_when_the_swap_is_over(pairs):
    """With all tokens that is how far the twin's run is away."""
    table = swap.swap_first(pairs, [1, 2])
    x = pairs.patcher.x.double()
    for count in (1, 2, 3):
        rows = table[(table["swapped"] == count) & (table["part"] == "all")]
        away = (x[pairs.donors, count] - x[:, count]).flatten(1).norm(dim=1)
        expected = (away / x[:, count].flatten(1).norm(dim=1)).numpy()
        for layer in range(3):
            assert np.allclose(rows.loc[rows["layer"] == layer, "dose"], expected, rtol=1e-4)
        assert np.allclose(rows["until"], pairs.patcher.sigmas[count])
    whole = table[(table["swapped"] == 3) & (table["part"] == "all")]
    assert np.allclose(whole["moved"], 1, atol=1e-5)


def test_which_parts_and_layers_are_swapped_at_the_first_steps(pairs):
    table = swap.swap_first(pairs, [2, 9])
    found = {key: set(rows["layer"]) for key, rows in table.groupby(["swapped", "part"])}
    assert found == {
        **{(2, part): {0, 1, 2} for part in ("all", *swap.FORKED)},
        **{(3, part): {0, 1, 2} for part in PARTS},
    }
    assert swap.first_middle_last(40) == {0, 20, 39}
    assert swap.first_middle_last(1) == {0}


@pytest.mark.parametrize("count", [1, 3])
def test_swapping_the_first_steps_equals_doing_it_with_the_twins_recorded_states(pairs, count):
    table = swap.swap_first(pairs, [1])
    patcher, layer, donors = pairs.patcher, 1, pairs.donors
    record = Record(lambda site: site.layer == layer)
    velocity = patcher.model.velocity(patcher.condition)
    with hooked(velocity, patcher.model.blocks, read=record):
        sample(velocity, patcher.x[:, 0], patcher.sigmas)
    own = patcher.x[:, -1]
    way = (own[donors] - own).flatten(1).double()
    for name, part in (("video", slice(1, None)), ("picture", slice(1)), ("all", slice(None))):

        def write(site, before, after, part=part):
            if site.layer != layer or site.step >= count:
                return after
            frames = after.unflatten(1, (5, -1)).clone()  # five latent frames
            frames[:, part] = record.states[site][donors].unflatten(1, (5, -1))[:, part]
            return frames.flatten(1, 2)

        velocity = patcher.model.velocity(patcher.condition)
        with hooked(velocity, patcher.model.blocks, write=write):
            end = sample(velocity, patcher.x[:, 0], patcher.sigmas)
        moved = ((end - own).flatten(1) * way).sum(1) / way.square().sum(1)
        found = table[(table["part"] == name) & (table["layer"] == layer)]
        found = found.loc[found["swapped"] == count, "moved"]
        assert np.allclose(found, moved, atol=1e-4), name


def test_both_swaps_are_in_one_table(small):
    case = [small.cases["in-domain/identify/00000"]]
    options = {"shift": 3.0, "n_frames": 17, "batch": 4}
    table, ledger = swap.swap_identify(
        small.model, case, [0], steps=2, first_steps=1, stride=2, counts=[1], **options
    )
    assert set(table["span"]) == {"one", "first"}
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
        model="m", steps=2, span="one", look="final", part="all", step=0, swapped=1, sigma=1.0,
        until=0.9, layer=3, kept=0.0, moved=0.5, dose=0.1,
    )  # fmt: skip
    found = swap.summarise_swap(rows, resampling=Resampling(200, 0)).set_index("quantity")
    assert found.loc["flipped", ["n", "mean"]].tolist() == [6, pytest.approx(4 / 6)]
    assert found.loc["kept", "high"] == pytest.approx(wilson(0, 3).high)
    assert found.loc["moved", ["low", "high"]].tolist() == [0.5, 0.5]
    assert found.loc["dose", "mean"] == pytest.approx(0.1)
