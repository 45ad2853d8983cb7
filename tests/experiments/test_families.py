"""Every experiment runs on a tiny model of each family; what they measure is tested elsewhere."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import tiny
import torch

from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.edits import Bottleneck, Erase, Inject, Loop, Transplant, UTurn
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.ensemble.variants import run_ensembles, variants
from chain_of_steps.experiments.latents.inside import look_inside, passes_apart
from chain_of_steps.experiments.noise.perturbation import conditions_of, perturb_shard
from chain_of_steps.models.codec import LinearVideoCodec
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.ltx2 import LTX2Model
from chain_of_steps.models.wan import WanGivenFrameModel, WanModel
from chain_of_steps.runs import Runs, read_trajectory, rerun, run_shard
from chain_of_steps.study.config import check_config

STEPS, FRAMES, SEEDS = 3, 17, (0, 1)
SAMPLER = {"steps": STEPS, "shift": 3.0}
Z = 8  # channels of the codec


def wan(**parts):
    """A pipeline of one token a tile with the pocket model's codec: 125 tokens, quick to decode."""
    torch.manual_seed(0)
    codec = LinearVideoCodec(Z, latents_mean=[0.0] * Z, latents_std=[1.0] * Z)
    torch.nn.init.normal_(codec.basis, std=0.02)
    return tiny.pipeline(codec=codec, **tiny.text_parts() | parts)


def net(seed=1, **config):
    return tiny.transformer(seed, z_dim=Z, layers=2, patch_size=(1, 1, 1), **config)


def wan_2_1():
    parts = tiny.clip_parts() | {"transformer": net(image_dim=12)}
    return wan(**parts)


FAMILIES = {
    "wan2.2-i2v-a14b": lambda: (
        WanModel,
        wan(transformer=net(1), transformer_2=net(2), boundary_ratio=0.8),
    ),
    "wan2.1-i2v": lambda: (WanModel, wan_2_1()),
    "wan2.2-ti2v": lambda: (
        WanGivenFrameModel,
        wan(transformer=net(in_channels=Z), expand_timesteps=True),
    ),
    "ltx": lambda: (LTXModel, tiny.ltx_pipeline(layers=2)),
    "ltx2": lambda: (LTX2Model, tiny.ltx2_pipeline(layers=2)),
}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    """With guidance, so that both branches are under way."""
    adapter, pipe = FAMILIES[request.param]()
    options = {"guidance": 2.0, "max_sequence_length": 64}
    return adapter(pipe, name=request.param, **options)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    root = tmp_path_factory.mktemp("cases")
    index = make_cases(root, ["maze", "identify"], {"in-domain": 1, "out-of-domain": 0}, seed=0)
    return load_cases(root, index["case"].tolist())


@pytest.fixture(scope="module")
def config():
    return check_config(
        {
            "study": "s",
            "models": {"m": {"path": "p", "guidance": 2.0}},
            "cases": {"tasks": ["maze", "identify"]},
            "sampler": SAMPLER,
            "ensemble": {"k": 2, "averaged": [2], "controls": True},
            "layers": {"steps": STEPS, "stride": 2, "branches": ["cond", "uncond"]},
            "perturbation": {"steps": [1], "frames": [1], "layers": [1], "modes": ["replace"]},
            "execution": {"batch": 2},
        }
    )


def test_noise_at_steps_and_frames(model, cases, config):
    runs = run_shard(model, cases, SEEDS, **SAMPLER, n_frames=FRAMES, batch=2)
    assert runs.experts == ([0, 1, 1] if len(model.blocks) == 2 else [0, 0, 0])
    assert np.isfinite(runs.clean.numpy()).all()
    readouts = read_trajectory(model, runs, cases)
    assert len(readouts) == len(cases) * len(SEEDS) * (STEPS + 1)

    fields = config.perturbation
    conditions = conditions_of(fields, runs.sigmas, runs.x.shape[-3:])
    table, flow, nfe = perturb_shard(
        model, runs, cases, cases[:1], conditions, seeds=SEEDS[:1], layers=fields.layers
    )
    assert nfe > 0
    sweep = table[table["part"] == "sweep"]
    assert sorted(set(sweep["kind"])) == ["clean", "frame", "step"]
    assert sweep.loc[sweep["kind"] != "clean", "injected_l2"].gt(0).all()
    inside = flow[flow["site"].str.contains("layer")]
    assert inside["relative_l2"].gt(0).any()


def test_edits_on_given_latents(model, cases):
    """What needs no drawn answer: mistakes and answers are latents that somebody gives."""
    runs = run_shard(model, cases, SEEDS[:1], **SAMPLER, n_frames=FRAMES, batch=2)
    condition = Runs.stored(model, runs, cases).condition()
    given = runs.x.flip(0)[0, -1]  # the result of another case
    tiles = ((0, 0), (1, 1))
    for one in (UTurn(1), Inject(1), Transplant(1, tiles), Erase(1, tiles)):
        again, nfe = rerun(model, condition, runs, 1, edit=one.edit(STEPS, given))
        assert np.isfinite(again.numpy()).all()
        assert nfe == len(cases) * 2 * (STEPS - 1)  # two branches
        assert not torch.equal(again, runs.x[:, -1])
        off = replace(one, strength=0).edit(STEPS, given)
        assert torch.equal(rerun(model, condition, runs, 1, edit=off)[0], runs.x[:, -1])
    through = Bottleneck().edit(STEPS, lambda clean: None)
    assert torch.equal(rerun(model, condition, runs, 1, edit=through)[0], runs.x[:, -1])
    narrow = Bottleneck().edit(STEPS, lambda clean: given)
    assert not torch.equal(rerun(model, condition, runs, 1, edit=narrow)[0], runs.x[:, -1])
    other = rerun(model, condition.select([1, 0]), runs, 1)[0]  # another picture from a step on
    assert not torch.equal(other, runs.x[:, -1])

    options = {**SAMPLER, "n_frames": FRAMES, "batch": 2}
    for passes in (0, 2):
        loop = Loop(sigma=runs.sigmas[1].item(), passes=passes)
        looped = run_shard(model, cases, SEEDS[:1], **options, loop=loop)
        assert looped.made_by["nfe"] == runs.made_by["nfe"] + len(cases) * 2 * passes
        assert torch.equal(looped.x[:, -1], runs.x[:, -1]) == (passes == 0)
        if len(model.blocks) == 2:
            assert looped.experts == [0, *[1] * (STEPS - 1 + passes)]


def test_stock_outputs_by_unipc(model, cases):
    options = {**SAMPLER, "n_frames": FRAMES, "solver": "unipc"}
    if isinstance(model, LTXModel):
        with pytest.raises(UserError, match="LTX pipelines use Euler"):
            run_shard(model, cases, SEEDS[:1], batch=2, **options)
        return
    runs = run_shard(model, cases, SEEDS[:1], batch=2, **options)
    assert torch.equal(runs.sigmas, model.unipc(STEPS, 3.0).sigmas)
    # every batch starts with a solver that remembers nothing
    alone = run_shard(model, cases, SEEDS[:1], batch=1, **options)
    assert torch.allclose(runs.x, alone.x, atol=1e-4)


@pytest.mark.parametrize("analysis", ["energy", "swap", "patching", "ablation"])
def test_layers(model, cases, config, analysis):
    task = {"swap": "identify", "patching": "maze"}.get(analysis)
    chosen = [case for case in cases if task in (None, case.puzzle.task)]
    measure = import_module(f"chain_of_steps.experiments.layers.stage_{analysis}").measure
    options = {"shift": SAMPLER["shift"], "n_frames": FRAMES, "batch": 2}
    tables, ledger = measure(config, model, chosen, chosen, SEEDS[:1], **options)
    assert ledger.nfe > 0
    for table in tables.values():
        assert set(table["layer"]) == {0, 1}
    if analysis == "energy":
        energy = tables["token_energy"]
        assert set(energy["branch"]) == {"cond", "uncond"}
        assert set(energy["frame"]) == set(range(5))


def test_inside_the_steps(model, cases):
    runs = run_shard(model, cases, SEEDS[:1], **SAMPLER, n_frames=FRAMES, batch=2)
    stored = Runs.stored(model, runs, cases)
    tables, nfe = look_inside(model, runs, stored, top=4)
    assert nfe == 2 * STEPS * len(cases)
    guided = tables["guidance"]
    assert guided.loc[guided["frame"] > 0, "gap"].gt(0).all()
    assert set(tables["energy"]["layer"]) == {0, 1} and tables["energy"]["energy"].gt(0).all()
    assert set(tables["energy"]["frame"]) == set(range(5))
    # both passes together are the velocity of the run
    apart = passes_apart(model, stored)
    cond, uncond = (apart[name](runs.x[:, 1], runs.sigmas[1].item(), 1) for name in apart)
    clean = runs.x[:, 1] - runs.sigmas[1] * (uncond + 2.0 * (cond - uncond))
    assert torch.allclose(clean, runs.clean[:, 1], atol=1e-5)


def test_the_ensemble(model, cases, config):
    fields = config.ensemble
    methods = variants(fields, STEPS)
    table = run_ensembles(model, cases, SEEDS, methods, **SAMPLER, n_frames=FRAMES, batch=4)
    assert len(table) == len(cases) * len(methods)
    single = 2 * STEPS  # two branches
    assert set(table["nfe"]) == {single + 2, single + 4, single, 2 * single}
