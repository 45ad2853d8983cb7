"""Runs that go on from a patched hidden state, against whole runs that hooks change."""

import itertools

import pytest
import tiny
import torch
from diffusers import LTX2VideoTransformer3DModel, LTXVideoTransformer3DModel
from hooks import Record, put

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.layers import energy
from chain_of_steps.models.wan import WanModel
from chain_of_steps.patching import PARTS, Ledger, Patcher, mixed, resumed
from chain_of_steps.probes import Site, hooked, skip
from chain_of_steps.sampling import flow_sigmas, sample

N_STEPS, N_LAYERS, N_FRAMES, SIZE = 4, 3, 5, 32
SIGMAS = flow_sigmas(N_STEPS, 3.0)


@pytest.fixture(scope="module")
def pipe():
    return tiny.pipeline()


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
