"""Inside one step: token energy, swaps, patching and ablation, against independent references."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from diffusers import LTX2VideoTransformer3DModel, LTXVideoTransformer3DModel
from hooks import Record, put

from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.layers import ablation, energy, maze_patching, swap
from chain_of_steps.experiments.layers import job as layers
from chain_of_steps.models.wan import WanModel
from chain_of_steps.patching import PARTS, Ledger, Patcher, mixed, resumed
from chain_of_steps.probes import Site, hooked, skip
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.statistics.rates import mean_or_rate_ci, wilson
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks import stream, task_names, task_of
from chain_of_steps.tasks.regions import named_layers, tile_masks
from chain_of_steps.tasks.scene import COLOURS, FLOOR, render_movie, split_tiles

N_STEPS, N_LAYERS, N_FRAMES, SIZE = 4, 3, 5, 32
SIGMAS = flow_sigmas(N_STEPS, 3.0)


@pytest.fixture(scope="module")
def pipe():
    return tiny.pipeline()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A tiny random model that takes the puzzles' pictures and prompts, and two cases a task."""
    model = WanModel(
        tiny.pipeline(
            codec=tiny.LinearCodec(), transformer=tiny.transformer(1, z_dim=6), **tiny.text_parts()
        ),
        max_sequence_length=24,
        name="small",
    )
    root = tmp_path_factory.mktemp("cases")
    index = make_cases(root, ["identify", "maze", "move"], {"in-domain": 2, "out-of-domain": 1}, 0)
    cases = {case.name: case for case in load_cases(root, index["case"].tolist())}
    return SimpleNamespace(model=model, index=index, cases=cases)


def runs(pipe, *, same_prompt=True, guidance=1.0, batch=8, **options) -> Patcher:
    """Four runs: two pictures, each with two seeds."""
    model = WanModel(pipe, guidance=guidance)
    embeds = [tiny.prompt_embeds(0), tiny.prompt_embeds(0 if same_prompt else 1)]
    condition = model.condition(
        [tiny.picture(0), tiny.picture(1)],
        torch.cat(embeds),
        N_FRAMES,
        negative_embeds=tiny.prompt_embeds(2),
    ).repeat(2)
    noise = model.noise_batch([0, 1, 0, 1], N_FRAMES, SIZE, SIZE)
    return Patcher.sampled(model, condition, noise, SIGMAS, batch=batch, **options)


OTHERS = torch.tensor([2, 3, 0, 1])  # the other picture's run with the same noise


class BlocksRun:
    """Counts rows that go through each block's self-attention, whatever calls the block."""

    def __init__(self, model):
        self.rows = 0
        self.handles = [
            block.attn1.register_forward_hook(self.count)
            for expert in model.blocks
            for block in expert
        ]

    def count(self, module, args, output):
        self.rows += len(output)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for handle in self.handles:
            handle.remove()


# Resuming behind a block


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_resuming_behind_a_block_equals_replacing_its_output_and_runs_fewer_blocks(pipe, guidance):
    patcher = runs(pipe, guidance=guidance)
    model, x = patcher.model, patcher.x[:, 0]
    donor = {}
    for layer in range(N_LAYERS):
        site = Site(1, 0, "cond", layer)
        donor[site] = torch.randn(4, 8, 48, generator=torch.Generator().manual_seed(layer))
        velocity = model.velocity(patcher.condition)
        with hooked(velocity, model.blocks, write=put({site: donor[site]})):
            expected = sample(velocity, x, SIGMAS)
        velocity = model.velocity(patcher.condition)
        with BlocksRun(model) as seen, resumed(velocity, model.blocks, {site: donor[site]}) as less:
            assert torch.equal(sample(velocity, x, SIGMAS), expected)
        assert less.blocks == 4 * (layer + 1)
        assert seen.rows == velocity.nfe * N_LAYERS - less.blocks
    assert not torch.equal(expected, patcher.x[:, -1])


def test_resuming_leaves_no_trace_even_after_an_exception(pipe):
    patcher = runs(pipe)
    model = patcher.model
    wrapped, plain = model.blocks[0][0], model.blocks[0][1]
    inner = wrapped.forward
    wrapped.forward = lambda *args, **kwargs: inner(*args, **kwargs)  # as offloading does
    kept = wrapped.forward
    try:
        with (
            pytest.raises(RuntimeError, match="boom"),
            resumed(model.velocity(patcher.condition), model.blocks, {}),
        ):
            assert "forward" in vars(plain)
            raise RuntimeError("boom")
        assert wrapped.forward is kept
        assert "forward" not in vars(plain)
    finally:
        del wrapped.forward


def test_two_states_in_one_pass_are_refused(pipe):
    patcher = runs(pipe)
    states = {Site(0, 0, "cond", layer): torch.zeros(1) for layer in (0, 2)}
    with (
        pytest.raises(UserError, match="later one only"),
        resumed(patcher.model.velocity(patcher.condition), patcher.model.blocks, states),
    ):
        pass


# Patching


def test_parts_take_from_the_donor_what_they_say():
    generator = torch.Generator().manual_seed(0)
    before, after, b, a = (torch.randn(2, 6, 3, generator=generator) for _ in range(4))
    assert torch.equal(mixed("all", before, after, (b, a), 2), a)
    picture = mixed("picture", before, after, (b, a), 2)
    assert torch.equal(picture, torch.cat([a[:, :2], after[:, 2:]], dim=1))
    video = mixed("video", before, after, (b, a), 2)
    assert torch.equal(video, torch.cat([after[:, :2], a[:, 2:]], dim=1))
    assert torch.allclose(mixed("update", before, after, (b, a), 2), before + (a - b), atol=1e-6)
    with pytest.raises(UserError, match="part is 'some'"):
        mixed("some", before, after, (b, a), 2)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_run_patched_with_its_own_states_keeps_every_bit(pipe, guidance):
    branches = ("cond",) if guidance == 1 else ("cond", "uncond")
    patcher = runs(pipe, guidance=guidance, batch=3, branches=branches)
    own = torch.arange(4)
    for step in (0, 2):
        states = patcher.states(step)
        assert set(states) == set(branches)
        for layer, part in itertools.product(range(N_LAYERS), PARTS):
            x, estimate = patcher.patched(states, own, step, layer, part)
            assert torch.equal(x, patcher.x[:, step + 1]), (step, layer, part)
            assert torch.equal(estimate, patcher.clean[:, step])
        assert torch.equal(patcher.finished([x], step)[0], patcher.x[:, -1])


def test_swapping_all_tokens_at_the_last_block_takes_the_donors_velocity(pipe):
    patcher = runs(pipe, same_prompt=False)
    for step in range(N_STEPS):
        x, _ = patcher.patched(patcher.states(step), OTHERS, step, N_LAYERS - 1, "all")
        velocities = []
        sample(
            patcher.model.velocity(patcher.condition),
            patcher.x[:, step],
            SIGMAS,
            start=step,
            stop=step + 1,
            watch=lambda state, seen=velocities: seen.append(state.v),
        )
        change = (SIGMAS[step + 1] - SIGMAS[step]).item() * velocities[0][OTHERS]
        assert torch.equal(x, patcher.x[:, step] + change)


@pytest.mark.parametrize("same_prompt", [True, False])
def test_with_one_prompt_swapping_all_tokens_is_the_same_at_every_block(pipe, same_prompt):
    patcher = runs(pipe, same_prompt=same_prompt)
    states = patcher.states(1)
    x = [patcher.patched(states, OTHERS, 1, layer, "all")[0] for layer in range(N_LAYERS)]
    assert all(torch.equal(x[0], other) for other in x) == same_prompt
    video = [patcher.patched(states, OTHERS, 1, layer, "video")[0] for layer in range(N_LAYERS)]
    assert not torch.equal(video[0], video[1])


def test_the_conditional_pass_alone_is_patched_unless_both_are_asked_for(pipe):
    results = {}
    for branches in (("cond",), ("cond", "uncond")):
        patcher = runs(pipe, guidance=3.0, branches=branches)
        states = patcher.states(0)
        results[len(branches)] = patcher.patched(states, OTHERS, 0, 1, "all")[0]
        record = Record(lambda site: site.step == 0 and site.layer == 1)
        velocity = patcher.model.velocity(patcher.condition)
        with hooked(velocity, patcher.model.blocks, read=record):
            sample(velocity, patcher.x[:, 0], SIGMAS, stop=1)
        given = {s: t[OTHERS] for s, t in record.states.items() if s.branch in branches}
        velocity = patcher.model.velocity(patcher.condition)
        with hooked(velocity, patcher.model.blocks, write=put(given)):
            expected = sample(velocity, patcher.x[:, 0], SIGMAS, stop=1)
        assert torch.equal(results[len(branches)], expected)
    assert not torch.equal(results[1], results[2])


def test_no_block_before_the_patch_runs_again_and_the_ledger_says_so(pipe):
    patcher = runs(pipe, batch=2)
    with BlocksRun(patcher.model) as seen:
        before = patcher.ledger.evaluated
        states = patcher.states(2)
        nexts = [patcher.patched(states, OTHERS, 2, k, "video")[0] for k in (0, 2)]
        same = [patcher.patched(states, OTHERS, 2, k, "all")[0] for k in (0, 1)]
        patcher.finished([*nexts, *same], 2)
    # the states; blocks 1, 2 and none; 1, 2 and 2; then one step of three different runs
    expected = 4 * (3 + (2 + 0) + (2 + 1) + 3 * 3)
    assert patcher.ledger.evaluated - before == seen.rows == expected
    assert before == patcher.ledger.naive == 4 * N_STEPS * N_LAYERS
    patcher.count_naive(N_STEPS)
    assert str(patcher.ledger) == "116 of 96 blocks (120.8%)"
    assert Ledger(8, evaluated=17).nfe == 3


def test_edits_belong_to_rows(pipe):
    edits = [None, lambda k, sigma, x, clean: x + 1.0, None, None]
    plain, edited = runs(pipe, batch=3), runs(pipe, batch=3, edits=edits)
    same = [torch.equal(a, b) for a, b in zip(plain.x, edited.x, strict=True)]
    assert same == [True, False, True, True]


# The swap on identify


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


# Mazes


def test_effects_are_0_where_nothing_changes_and_1_where_all_is_restored():
    clean, perturbed = np.array([0.9, 0.9, 0.9, 0.5]), np.array([0.1, 0.1, 0.1, 0.4])
    found = maze_patching.effects(np.array([0.1, 0.5, 1.0, 0.5]), clean, perturbed, "denoising")
    assert np.allclose(found, [0, 0.5, 1, np.nan], equal_nan=True)
    found = maze_patching.effects(np.array([0.9, 0.3, 0.0, 0.5]), clean, perturbed, "noising")
    assert np.allclose(found, [0, 0.75, 1, np.nan], equal_nan=True)


def test_maze_patches_start_at_the_noise_and_pair_clean_with_perturbed(small):
    cases = [small.cases[name] for name in layers.pick_cases(small.index, "patching", 2)]
    table, ledger = maze_patching.patch_mazes(
        small.model, cases, [0], steps=4, noise_at=0.5, shift=3.0, n_frames=17, batch=5
    )
    assert sorted(table["step"].unique()) == [2, 3]
    assert len(table) == 2 * 3 * 2 * len(PARTS) * N_LAYERS * 2
    sides = table.groupby("direction")[["clean_score", "perturbed_score"]].mean()
    assert np.allclose(sides.loc["noising"], sides.loc["denoising"])
    assert 0 < ledger.evaluated < ledger.naive
    summary = maze_patching.summarise_patching(
        table.assign(effect=0.25), resampling=Resampling(100, 0)
    )
    assert (summary["n"] == 3).all() and np.allclose(summary["mean"], 0.25)


# Token energy


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


# Regions


@pytest.mark.parametrize("task", task_names())
def test_masks_agree_with_the_pixels(task):
    for puzzle in itertools.islice(stream(task, "in-domain", "evaluation", 0), 5):
        masks = tile_masks(puzzle)
        tiles = split_tiles(render_movie(task_of(task).movie(puzzle, puzzle.shown)))
        changes = np.abs(tiles - tiles[:1]).max((0, 3, 4, 5)) > 1e-3
        assert (masks["path"] == changes).all()
        assert (masks["objects"] ^ masks["background"]).all()
        coloured = (tiles.max(-1) - tiles.min(-1) > 0.2).any((3, 4))
        assert masks["objects"][coloured].all()
        bare = (np.abs(tiles - np.array(FLOOR) / 255) < 1e-3).all((3, 4, 5))
        assert masks["background"][bare].all()
        assert not (masks["named"] & ~masks["objects"]).any()


def test_the_named_object_is_followed_through_the_frames():
    for puzzle in itertools.islice(stream("move", "in-domain", "evaluation", 0), 5):
        _, (_, colour) = puzzle.layout["objects"][0]
        named = tile_masks(puzzle)["named"]
        tiles = split_tiles(render_movie(task_of("move").movie(puzzle, puzzle.shown)))
        assert (named.sum((1, 2)) == 1).all()
        centres = tiles[named][:, 8, 8]
        assert np.allclose(centres, np.array(COLOURS[colour]) / 255, atol=0.02)
        assert (named[0] != named[-1]).any()


def test_prompts_name_their_layers():
    assert named_layers("Mark the red disc or the two objects like a cyan cross.") == (
        "disc:red:",
        "cross:cyan:",
    )
    assert named_layers("Draw the way through the maze from the green dot to the red frame.") == (
        "disc:green:",
        "goal",
    )
    assert named_layers("One object is different from all the others. Mark it.") == ()
    assert tile_masks(next(stream("odd", "in-domain", "evaluation", 0)))["named"].sum() == 0


def test_a_latent_frame_is_in_a_region_where_any_of_its_frames_is():
    puzzle = next(stream("move", "in-domain", "evaluation", 0))
    tiles = tile_masks(puzzle)["named"]
    masks = energy.token_masks(puzzle, (5, 10, 5))[1 + energy.REGIONS.index("named")]
    for frame, row, column in np.ndindex(masks.shape):
        pixel_frames = [0] if frame == 0 else range(4 * frame - 3, 4 * frame + 1)
        assert masks[frame, row, column] == any(tiles[t, row // 2, column] for t in pixel_frames)


# Ablation


def test_bands_are_the_thirds_of_a_run():
    assert ablation.step_bands(50) == {
        "early": range(0, 17),
        "middle": range(17, 33),
        "late": range(33, 50),
    }
    assert ablation.step_bands(1)["late"] == range(1, 1)


def test_ablation_skips_the_block_in_its_band_only(small):
    case = [small.cases["in-domain/move/00000"]]
    ends = {}

    def read(model, readers, looks):
        ends["all"] = looks
        return {name: np.zeros(looks.shape[:2]) for name in ("score", "correct", "answer")}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ablation, "read_looks", read)
        table, ledger = ablation.ablate(
            small.model, case, case, [2], steps=3, shift=3.0, n_frames=17, batch=4
        )
    condition = small.model.condition([case[0].image], [case[0].prompt], 17)
    noise, sigmas = small.model.noise(2, 17, 80, 80), flow_sigmas(3, 3.0)
    clean = sample(small.model.velocity(condition), noise, sigmas)
    assert torch.equal(ends["all"][0], clean)
    for n, row in enumerate(table.itertuples(), start=1):
        step = ["early", "middle", "late"].index(row.band)
        site = (step, 0, "cond", row.layer)
        velocity = small.model.velocity(condition)
        with hooked(velocity, small.model.blocks, write=skip(lambda s, site=site: s == site)):
            skipped = sample(velocity, noise, sigmas)
        if row.mode == "skip":
            assert torch.equal(ends["all"][n], skipped)
            assert not torch.equal(skipped, clean)
        else:  # the mean over one case is that case's own update
            assert torch.allclose(ends["all"][n], clean, atol=1e-4)
    assert len(table) == 2 * 3 * 3
    assert ledger.evaluated == 3 * (3 + 3 + 2 * 3 * (3 + 2 + 1))
    assert ledger.naive == 3 * (3 + 3 + 2 * 3 * 3 * 3)


def test_the_mean_update_is_over_all_runs_of_all_batches():
    generator = torch.Generator().manual_seed(0)
    before, after = (torch.randn(5, 4, 3, generator=generator) for _ in range(2))
    site, mean = Site(0, 0, "cond", 1), ablation.MeanUpdate()
    for rows in (slice(0, 3), slice(3, 5)):
        mean(site, before[rows], after[rows])
    write = ablation.replace_update(mean.means(), lambda s: s == site)
    expected = before + torch.from_numpy((after - before).numpy().mean(0))
    assert torch.allclose(write(site, before, after), expected, atol=1e-6)
    assert write(site._replace(layer=2), before, after) is after


def test_ablation_summary_compares_with_the_clean_run():
    table = pd.DataFrame(
        {
            "model": "m", "steps": 3, "mode": "skip", "layer": 0, "band": "late",
            "case": list("abcd"), "task": ["t", "t", "u", "u"], "split": "s",
            "score": [0.5, 0.7, 1.0, 1.0], "clean_score": [1.0, 0.9, 1.0, 1.0],
            "correct": [False, False, True, True], "clean_correct": True,
            "answer": [0, -1, 2, 2], "clean_answer": [0, 1, 2, 2],
        }
    )  # fmt: skip
    found = ablation.summarise_ablation(table, resampling=Resampling(100, 0)).set_index(
        ["task", "quantity"]
    )
    assert found.loc[("t", "score_change"), "mean"] == pytest.approx(-0.35)
    assert found.loc[("all", "correct_change"), "mean"] == pytest.approx(-0.5)
    assert found.loc[("t", "answer_kept"), "mean"] == 0.5
    assert found.loc[("u", "correct"), "low"] == pytest.approx(wilson(2, 2).low)
    assert found.loc[("u", "score_change"), "low"] == pytest.approx(-wilson(0, 2).high)


# Which cases, which intervals


def test_jobs_share_the_first_cases_of_each_split(small):
    assert layers.pick_cases(small.index, "swap", 1) == [
        "in-domain/identify/00000",
        "out-of-domain/identify/00000",
    ]
    everyone = layers.pick_cases(small.index, "ablation", 2)
    assert sorted(everyone) == sorted(small.cases)
    parts = [layers.share_of_job(everyone, job, 2) for job in (0, 1)]
    assert sorted(itertools.chain(*parts)) == sorted(everyone)
    for job, jobs in ((2, 2), (-1, 2), (9, 10)):
        with pytest.raises(UserError, match=f"job {job} of {jobs}"):
            layers.share_of_job(everyone, job, jobs)
    with pytest.raises(UserError, match="no identify"):
        layers.pick_cases(small.index[small.index["task"] == "maze"], "swap", 1)


def test_a_rate_that_is_always_0_or_1_has_wilsons_interval_over_clusters():
    frame = pd.DataFrame(
        {"g": list("aaaabbbb"), "c": [1, 1, 2, 2] * 2, "v": [1.0, 1, 1, 1, 0, 1, 0, 0]}
    )
    found = mean_or_rate_ci(frame, ["g"], "v", "c", resampling=Resampling(100, 0)).set_index("g")
    assert found.loc["a", ["low", "high"]].tolist() == [wilson(2, 2).low, 1.0]
    assert found.loc["b", "mean"] == 0.25
    unchanged = frame.assign(v=0.0)
    found = mean_or_rate_ci(unchanged, ["g"], "v", "c", resampling=Resampling(100, 0), signed=True)
    bound = wilson(0, 2).high
    assert found[["low", "high"]].to_numpy().tolist() == [[-bound, bound]] * 2


# LTX


class Blocks:
    """A velocity over an LTX transformer; `kind` says which of its forms."""

    def __init__(self, net, arguments):
        self.net, self.arguments, self.site = net, arguments, None

    def __call__(self, x, sigma, k):
        self.site = (k, 0, "cond")
        try:
            return self.net(hidden_states=x, **self.arguments, return_dict=False)[0]
        finally:
            self.site = None


def ltx():
    torch.manual_seed(0)
    net = LTXVideoTransformer3DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=12,
        cross_attention_dim=24, num_layers=3, caption_channels=8,
    ).eval()  # fmt: skip
    text = {"encoder_hidden_states": torch.randn(1, 5, 8), "timestep": torch.tensor([500.0])}
    mask = {"encoder_attention_mask": torch.ones(1, 5)}
    return Blocks(net, text | mask | {"num_frames": 2, "height": 2, "width": 3})


def ltx2():
    torch.manual_seed(0)
    net = LTX2VideoTransformer3DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=12,
        cross_attention_dim=24, audio_in_channels=4, audio_out_channels=4,
        audio_num_attention_heads=2, audio_attention_head_dim=12, audio_cross_attention_dim=24,
        num_layers=3, caption_channels=8,
    ).eval()  # fmt: skip
    text = {"encoder_hidden_states": torch.randn(1, 5, 8), "timestep": torch.tensor([500.0])}
    audio = {
        "audio_hidden_states": torch.randn(1, 4, 4),
        "audio_encoder_hidden_states": torch.randn(1, 5, 8),
        "audio_num_frames": 4,
    }
    size = {"num_frames": 2, "height": 2, "width": 3}
    return Blocks(net, text | audio | size)


@pytest.mark.parametrize(("make", "returns_tuple"), [(ltx, False), (ltx2, True)])
@torch.no_grad()
def test_blocks_of_ltx_are_read_and_written(make, returns_tuple):
    velocity = make()
    blocks = [velocity.net.transformer_blocks]
    x = torch.randn(1, 12, 4)
    raw = []
    handle = blocks[0][1].register_forward_hook(lambda module, args, output: raw.append(output))
    plain = velocity(x, 0.5, 0)
    handle.remove()
    assert isinstance(raw[0], tuple) == returns_tuple

    record, sums = Record(), energy.TokenSums(top=2)

    def read(site, before, after):
        record(site, before, after)
        sums(site, before, after)

    with hooked(velocity, blocks, read=read):
        assert torch.equal(velocity(x, 0.5, 0), plain)
    assert list(record.states) == [Site(0, 0, "cond", layer) for layer in range(3)]
    site = Site(0, 0, "cond", 1)
    hidden = raw[0][0] if returns_tuple else raw[0]
    assert torch.equal(record.states[site], hidden)
    assert torch.allclose(sums.quantities(site)[..., 0], hidden.norm(dim=-1).double(), rtol=1e-5)

    with hooked(velocity, blocks, write=put(record.states)):
        assert torch.equal(velocity(x, 0.5, 0), plain)
    with hooked(velocity, blocks, write=put({site: hidden + 1})):
        assert not torch.allclose(velocity(x, 0.5, 0), plain, atol=1e-4)
    record.states.clear()
    with hooked(velocity, blocks, read=record, write=skip(lambda s: s == site)):
        velocity(x, 0.5, 0)
    assert torch.equal(record.states[site], record.states[Site(0, 0, "cond", 0)])
