"""Hooks on a tiny random Wan: they change what they say, see where they are, and go away."""

import itertools

import pytest
import tiny
import torch
from diffusers import LayerSkipConfig
from diffusers.hooks import apply_layer_skip
from hooks import Record, put

from chain_of_steps.errors import UserError
from chain_of_steps.models.wan import WanModel
from chain_of_steps.probes import Site, average, hooked, skip
from chain_of_steps.sampling import flow_sigmas, sample

N_STEPS, N_FRAMES, SIZE = 4, 5, 32
SIGMAS = flow_sigmas(N_STEPS, 3.0)  # 1, 0.86, 0.60, 0.01: the boundary of 0.8 is after step 1


class Run:
    """A model, a condition and first latents; each call samples anew."""

    def __init__(self, pipe, guidance=1.0, rows=1, seed=0):
        self.model = WanModel(pipe, guidance=guidance)
        self.condition = self.model.condition(
            [tiny.picture()],
            tiny.prompt_embeds(0),
            N_FRAMES,
            negative_embeds=tiny.prompt_embeds(1),
        ).repeat(rows)
        self.noise = self.model.noise_batch(range(seed, seed + rows), N_FRAMES, SIZE, SIZE)

    def __call__(self, read=None, write=None, x=None, **options):
        velocity = self.model.velocity(self.condition)
        x = self.noise if x is None else x
        with hooked(velocity, self.model.blocks, read=read, write=write):
            return sample(velocity, x, SIGMAS, **options)

    def plain(self, x=None, **options):
        velocity = self.model.velocity(self.condition)
        return sample(velocity, self.noise if x is None else x, SIGMAS, **options)


def hook_count(model):
    modules = [m for expert in model.experts for m in expert.modules()]
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules)


def test_every_site_of_a_guided_two_expert_run_is_seen_under_its_name(two_experts):
    seen = []
    Run(two_experts, guidance=3.0)(read=lambda site, before, after: seen.append(site))
    experts = {0: 0, 1: 0, 2: 1, 3: 1}
    assert seen == [
        Site(step, experts[step], branch, layer)
        for step, branch, layer in itertools.product(range(4), ("cond", "uncond"), range(3))
    ]


def test_sites_of_a_fork_carry_the_step_of_the_run_not_a_count(two_experts):
    run, whole, forked = Run(two_experts, guidance=3.0), Record(), Record()
    run(read=whole)
    middle = run.plain(stop=1)
    run(read=forked, x=middle, start=1)
    assert set(forked.states) == {site for site in whole.states if site.step >= 1}
    for site, state in forked.states.items():
        assert torch.equal(state, whole.states[site])


def test_reading_changes_nothing_and_gets_what_each_block_was_given(one_expert):
    run, states = Run(one_expert), {}
    end = run(read=lambda site, before, after: states.update({site: (before, after)}))
    assert torch.equal(end, run.plain())
    grid = run.model.token_grid(*run.noise.shape[2:])
    for site, (before, after) in states.items():
        assert before.shape == after.shape == (1, grid[0] * grid[1] * grid[2], 48)
        if site.layer > 0:
            assert torch.equal(before, states[site._replace(layer=site.layer - 1)][1])
        assert not torch.equal(before, after)


def test_record_keeps_only_the_named_sites_and_starts_empty(one_expert):
    record = Record(lambda site: site.layer == 1 and site.step < 2)
    Run(one_expert)(read=record)
    assert set(record.states) == {Site(0, 0, "cond", 1), Site(1, 0, "cond", 1)}
    assert not Record().states


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_patching_a_run_with_its_own_states_changes_nothing(two_experts, guidance):
    run, record = Run(two_experts, guidance), Record()
    end = run(read=record)
    assert torch.equal(run(write=put(record.states)), end)
    site = Site(2, 1, "cond", 1)
    assert torch.equal(run(write=put({site: record.states[site]})), end)


def test_patching_with_another_run_changes_it_from_that_site_on(one_expert):
    run, other, donor, states = Run(one_expert), Run(one_expert, seed=9), Record(), Record()
    before = Record()
    run(read=before)
    other(read=donor)
    site = Site(1, 0, "cond", 1)
    run(read=states, write=put({site: donor.states[site]}))
    assert torch.equal(states.states[site], donor.states[site])
    for at in before.states:
        same = torch.equal(before.states[at], states.states[at])
        assert same == ((at.step, at.layer) < (site.step, site.layer)), at


@pytest.mark.parametrize("step", [0, 2])
def test_replacing_the_last_block_takes_the_other_runs_velocity_for_that_step(one_expert, step):
    run, other, donor = Run(one_expert), Run(one_expert, seed=9), Record()
    states, other_states, patched = [], [], []
    run.plain(watch=states.append)
    other(read=donor, watch=other_states.append)
    site = Site(step, 0, "cond", 2)
    end = run(write=put({site: donor.states[site]}), watch=patched.append)
    assert torch.equal(patched[step].x, states[step].x)
    assert torch.equal(patched[step].v, other_states[step].v)
    x = states[step].x + (SIGMAS[step + 1] - SIGMAS[step]) * other_states[step].v
    assert torch.equal(end, run.plain(x=x, start=step + 1))
    assert not torch.equal(end, run.plain())


def test_one_row_of_a_batch_can_be_patched(one_expert):
    run, record, patched = Run(one_expert, rows=3), Record(), Record()
    run(read=record)
    site = Site(0, 0, "cond", 1)
    donor = record.states[site][[2]]
    run(read=patched, write=put({site: donor}, rows=[0]))
    after = Site(0, 0, "cond", 2)
    assert torch.equal(patched.states[site][0], donor[0])
    assert not torch.equal(patched.states[after][0], record.states[after][0])
    assert torch.equal(patched.states[after][1:], record.states[after][1:])


@pytest.mark.parametrize("layers", [(0,), (1,), (0, 2)])
def test_skipping_blocks_equals_the_layer_skip_of_diffusers(layers):
    run = Run(tiny.pipeline())
    skipped = run(write=skip(lambda site: site.layer in layers))
    assert not torch.equal(skipped, run.plain())
    apply_layer_skip(run.model.experts[0], LayerSkipConfig(indices=list(layers), fqn="blocks"))
    assert torch.equal(skipped, run.plain())


def test_average_gives_the_rows_of_a_group_one_state(one_expert):
    run, record, averaged = Run(one_expert, rows=4), Record(), Record()
    run(read=record)
    site = Site(0, 0, "cond", 1)
    run(read=averaged, write=average(lambda s: s == site, group=2))
    a, b, c, d = record.states[site]
    expected = torch.stack([(a + b) / 2, (a + b) / 2, (c + d) / 2, (c + d) / 2])
    assert torch.allclose(averaged.states[site], expected, atol=1e-6)
    with pytest.raises(UserError, match="group is 3"):
        run(write=average(lambda s: True, group=3))


class Boom(Exception):
    pass


@pytest.mark.parametrize("way", ["read", "write"])
def test_no_hook_is_left_after_an_exception(two_experts, way):
    def boom(site, before, after):
        if site.step == 1 and site.layer == 1:
            raise Boom
        return after

    run = Run(two_experts)
    end = run.plain()
    before = hook_count(run.model)
    velocity = run.model.velocity(run.condition)
    with pytest.raises(Boom), hooked(velocity, run.model.blocks, **{way: boom}):
        assert hook_count(run.model) == before + 6
        sample(velocity, run.noise, SIGMAS)
    assert hook_count(run.model) == before
    assert velocity.site is None
    assert torch.equal(sample(velocity, run.noise, SIGMAS), end)


def test_no_hook_is_left_when_hooking_itself_fails(one_expert):
    run = Run(one_expert)
    before = hook_count(run.model)
    with (
        pytest.raises(AttributeError),
        hooked(run.model.velocity(run.condition), [run.model.blocks[0], ["not a module"]]),
    ):
        pass
    assert hook_count(run.model) == before


def test_hooks_leave_other_velocities_over_the_same_blocks_alone(one_expert):
    run, seen = Run(one_expert), Record()
    end = run.plain()
    velocity = run.model.velocity(run.condition)
    with hooked(velocity, run.model.blocks, read=seen, write=skip(lambda site: True)):
        assert torch.equal(run.plain(), end)
    assert not seen.states


def test_a_write_of_another_shape_is_refused_with_its_site(one_expert):
    with pytest.raises(UserError, match="layer=1"):
        Run(one_expert)(write=lambda site, b, a: a[:, 1:] if site.layer == 1 else a)


class TupleBlock(torch.nn.Module):
    """A block in the manner of LTX: keyword input, and a tuple with the hidden states first."""

    def forward(self, hidden_states, extra):
        return 2 * hidden_states, extra


class TupleModel:
    """Two tuple blocks behind a velocity."""

    def __init__(self):
        self.blocks = torch.nn.ModuleList([TupleBlock(), TupleBlock()])
        self.site = None

    def __call__(self, x, sigma, k):
        self.site = (k, 0, "cond")
        extra = "kept"
        for block in self.blocks:
            output = block(hidden_states=x, extra=extra)
            assert type(output) is tuple
            x, extra = output
        assert extra == "kept"
        self.site = None
        return x


def test_blocks_that_return_tuples_are_read_and_written_at_the_first_item():
    model, record, x = TupleModel(), Record(), torch.ones(1, 3, 2)
    with hooked(model, [model.blocks], read=record):
        assert torch.equal(model(x, 1.0, 0), 4 * x)
    assert torch.equal(record.states[Site(0, 0, "cond", 0)], 2 * x)
    with hooked(model, [model.blocks], write=skip(lambda site: site.layer == 0)):
        assert torch.equal(model(x, 1.0, 0), 2 * x)
    with hooked(model, [model.blocks], write=put({Site(0, 0, "cond", 1): 7 * x})):
        assert torch.equal(model(x, 1.0, 0), 7 * x)


# Inside a block


def test_parts_of_a_block_are_read_under_their_names_and_nothing_changes(one_expert):
    run, seen, direct = Run(one_expert), {}, {}
    velocity = run.model.velocity(run.condition)
    block = run.model.blocks[0][1]
    handles = [
        getattr(block, name).register_forward_hook(
            lambda module, args, out, name=name: direct.update({name: (args[0], out)})
        )
        for name in ("attn1", "attn2", "ffn")
    ]
    plain = velocity(run.noise, 0.9, 0)
    for handle in handles:
        handle.remove()

    def read(site, before, after):
        seen[site] = before, after

    with hooked(velocity, run.model.blocks, read=read, parts=run.model.PARTS):
        assert torch.equal(velocity(run.noise, 0.9, 0), plain)
    assert hook_count(run.model) == 0
    parts = ("self-attention", "cross-attention", "feed-forward", "block")
    assert list(seen) == [
        Site(0, 0, "cond", layer, part) for layer, part in itertools.product(range(3), parts)
    ]
    for part, name in run.model.PARTS.items():
        for found, expected in zip(seen[Site(0, 0, "cond", 1, part)], direct[name], strict=True):
            assert torch.equal(found, expected)


def test_a_part_that_is_written_is_what_its_block_goes_on_with(one_expert):
    """Without its cross-attention a block is as with weights of zero behind it."""
    run = Run(one_expert)
    velocity = run.model.velocity(run.condition)
    site = Site(0, 0, "cond", 1, "cross-attention")

    def write(at, before, after):
        return torch.zeros_like(after) if at == site else after

    with hooked(velocity, run.model.blocks, write=write, parts=run.model.PARTS):
        without = velocity(run.noise, 0.9, 0)
    pipe = tiny.pipeline()
    for weight in pipe.transformer.blocks[1].attn2.to_out.parameters():
        weight.data.zero_()
    other = Run(pipe)
    assert torch.equal(other.model.velocity(other.condition)(other.noise, 0.9, 0), without)
    assert not torch.equal(without, velocity(run.noise, 0.9, 0))
