"""Token energy and its maps against the states themselves."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hooks import Record

from chain_of_steps.experiments.layers import energy
from chain_of_steps.probes import Site, hooked
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks.regions import tile_masks


@pytest.fixture(scope="module")
def measured(small):
    cases = [small.cases[f"in-domain/{task}/00000"] for task in ("move", "maze")]
    tables, _ = energy.measure_energy(
        small.model, cases, [3], steps=2, shift=3.0, n_frames=17, batch=64, top=2
    )
    velocity = small.model.velocity(
        small.model.condition([c.image for c in cases], [c.prompt for c in cases], 17)
    )
    record = Record()
    with hooked(velocity, small.model.blocks, read=record):
        sample(velocity, small.model.noise_batch([3, 3], 17, 80, 80), flow_sigmas(2, 3.0))
    states = {site: state.double().numpy() for site, state in record.states.items()}
    return SimpleNamespace(cases=cases, tables=tables, states=states)


def test_energy_is_the_norm_of_the_states_by_frame_and_region(measured):
    table = measured.tables["token_energy"].set_index(["case", "step", "layer", "region", "frame"])
    for site, row in itertools.product(measured.states, (0, 1)):
        state = measured.states[site][row]  # (500, 48)
        case = measured.cases[row]
        massive = np.argsort(-(state**2).mean(0))[:2]
        rest = np.delete(state, massive, axis=1)
        expected = np.stack(
            [
                np.linalg.norm(state, axis=1),
                np.linalg.norm(rest, axis=1),
                state.mean(1),
                state.var(1),
                1 - (rest**2).sum(1) / (state**2).sum(1),
            ],
            axis=1,
        ).reshape(5, 100, 5)
        path = tile_masks(case.puzzle)["path"][0]  # each tile is two tokens high and wide
        path = path.repeat(2, axis=0).repeat(2, axis=1).ravel()
        for frame in range(5):
            for region, inside in (("all", slice(None)), ("path", path)):
                found = table.loc[(case.name, site.step, site.layer, region, frame)]
                wanted = expected[frame][inside]
                assert found["tokens"] == len(wanted)
                assert np.allclose(
                    found[list(energy.QUANTITIES)].tolist(), wanted.mean(0), rtol=1e-4
                )


def test_maps_and_channels_are_those_of_the_states(measured):
    maps, channels = measured.tables["token_maps"], measured.tables["token_channels"]
    state = measured.states[Site(1, 0, "cond", 2)][0]
    here = maps[(maps["step"] == 1) & (maps["layer"] == 2) & (maps["task"] == "move")]
    token = here[(here["frame"] == 3) & (here["row"] == 4) & (here["column"] == 7)]
    assert token["energy"].item() == pytest.approx(np.linalg.norm(state[347]), rel=1e-5)
    here = channels[(channels["step"] == 1) & (channels["layer"] == 2)]
    here = here[here["task"] == "move"].sort_values("channel")
    assert np.allclose(here["mean"], state.mean(0), atol=1e-4)
    assert np.allclose(here["variance"], state.var(0), rtol=1e-3)
    assert np.flatnonzero(here["massive"]).tolist() == sorted(np.argsort(-(state**2).mean(0))[:2])


def test_contrast_is_the_log_ratio_of_means_over_tokens_of_frames_with_the_region():
    rows = [
        {"frame": 0, "region": "all", "tokens": 4, "energy": 3.0},
        {"frame": 0, "region": "named", "tokens": 1, "energy": 6.0},
        # of the later frames, 1 and 2 have the region in part, 3 nowhere, 4 everywhere
        {"frame": 1, "region": "all", "tokens": 4, "energy": 2.0},
        {"frame": 1, "region": "named", "tokens": 1, "energy": 4.0},
        {"frame": 2, "region": "all", "tokens": 4, "energy": 2.5},
        {"frame": 2, "region": "named", "tokens": 2, "energy": 1.0},
        {"frame": 3, "region": "all", "tokens": 4, "energy": 50.0},
        {"frame": 4, "region": "all", "tokens": 4, "energy": 70.0},
        {"frame": 4, "region": "named", "tokens": 4, "energy": 70.0},
    ]
    table = pd.DataFrame(rows).assign(
        model="m", case="c", task="t", split="s", seed=0, branch="cond", step=0, sigma=1.0, layer=0
    )
    table["energy_rest"] = table["variance"] = table["energy"]
    found = energy.contrasts(table).groupby("frames")["contrast"].agg(["count", "mean", "std"])
    inside, outside = (4 + 2) / 3, (8 - 4 + 10 - 2) / (3 + 2)
    expected = {"picture": np.log2(6 / 2), "video": np.log2(inside / outside)}
    assert found["mean"].to_dict() == pytest.approx(expected)
    assert (found["count"] == 3).all() and np.allclose(found["std"], 0)


def test_a_rise_is_the_change_of_a_contrast_since_the_first_layer_in_the_same_case():
    inside = {("a", 0): 2.0, ("a", 1): 8.0, ("b", 0): 1.0, ("b", 1): 32.0}  # outside: 1
    rows = [
        {"case": case, "layer": layer, "region": region, "tokens": tokens, "energy": energy}
        for (case, layer), value in inside.items()
        for region, tokens, energy in (("all", 2, (value + 1) / 2), ("named", 1, value))
    ]
    table = pd.DataFrame(rows).assign(
        model="m", task="t", split="s", seed=0, branch="cond", step=0, sigma=1.0, frame=1
    )
    for name in set(energy.QUANTITIES) - {"energy"}:
        table[name] = table["energy"]
    found = energy.summarise_energy(table, resampling=Resampling(100, 0))
    rises = found[found["quantity"] == "rise_energy"]
    assert set(rises["steps"]) == {"first", "all"}
    assert (rises["layer"] == 1).all()
    assert (rises["region"] == "named").all()
    assert (rises[["n", "mean", "low", "high"]] == [2, 3.5, 2, 5]).all(axis=None)  # 2 and 5
    assert set(found["quantity"]) > {"rise_energy_rest", "rise_variance", "contrast_energy"}


def test_the_branch_that_is_not_asked_for_is_not_read():
    sums = energy.TokenSums(top=1)
    x = torch.ones(1, 2, 3)
    for branch in ("cond", "uncond"):
        sums(Site(0, 0, branch, 0), x, x)
    assert list(sums.tokens) == [Site(0, 0, "cond", 0)]
