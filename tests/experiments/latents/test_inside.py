"""Both passes, token energy and what settles, against loops over what the transformers gave."""

from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from hooks import Record

from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.experiments.latents.commitment import CLOSE
from chain_of_steps.experiments.latents.inside import gap, look_inside, spread
from chain_of_steps.models.wan import WanModel
from chain_of_steps.probes import hooked
from chain_of_steps.runs import Runs, run_shard
from chain_of_steps.sampling import sample

STEPS, FRAMES, TOP = 3, 9, 2
OPTIONS = {"steps": STEPS, "shift": 3.0, "n_frames": FRAMES, "batch": 2}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    root = tmp_path_factory.mktemp("cases")
    index = make_cases(root, ["maze", "identify"], {"in-domain": 1, "out-of-domain": 0}, seed=0)
    return load_cases(root, index["case"].tolist())


def model_of(guidance):
    """Two experts, of which the second answers from step 1 or 2 on."""
    nets = {
        name: tiny.transformer(seed, z_dim=6) for seed, name in enumerate(["transformer", "_2"])
    }
    parts = {"transformer": nets["transformer"], "transformer_2": nets["_2"]}
    pipe = tiny.pipeline(codec=tiny.LinearCodec(), boundary_ratio=0.8, **parts, **tiny.text_parts())
    return WanModel(pipe, guidance=guidance, max_sequence_length=24, name="tiny")


@pytest.fixture(scope="module")
def seen(cases):
    """Guided runs looked into, and what the networks gave and the blocks held as they were made."""
    model, given, record = model_of(4.0), [], Record()
    handles = [
        net.register_forward_hook(lambda module, args, output: given.append(output[0]))
        for net in model.experts
    ]
    runs = run_shard(model, cases, [5], **OPTIONS)
    for handle in handles:
        handle.remove()
    runs.clean[:, 1, :, -1, ::2] += 9.0  # some places settle later, which no pass is asked about
    planned = Runs.stored(model, runs, cases)
    velocity = model.velocity(planned.condition())
    with hooked(velocity, model.blocks, read=record):
        sample(velocity, planned.noise(), runs.sigmas)
    tables, nfe = look_inside(model, runs, planned, TOP)
    passes = torch.stack(given).unflatten(0, (STEPS, 2)).double().numpy()  # (N, 2, B, C, F, h, w)
    return SimpleNamespace(runs=runs, tables=tables, nfe=nfe, passes=passes, states=record.states)


def test_the_gap_is_that_of_what_the_networks_gave(seen, cases):
    assert seen.nfe == 2 * STEPS * len(cases) and seen.runs.experts == [0, 1, 1]
    table = seen.tables["guidance"]
    assert len(table) == len(cases) * STEPS * 3
    for row in table.itertuples():
        n = [case.name for case in cases].index(row.case)
        cond, uncond = (branch[n, :, row.frame] for branch in seen.passes[row.step])
        wanted = np.linalg.norm(cond - uncond) / np.linalg.norm(cond)
        assert row.gap == pytest.approx(wanted, rel=1e-5)
        assert row.sigma == pytest.approx(seen.runs.sigmas[row.step].item())
    assert table["gap"].min() > 1e-4  # or nothing is compared


def test_energy_is_the_norm_of_the_states_by_frame(seen, cases):
    table = seen.tables["energy"].set_index(["case", "step", "layer", "frame"])
    sites = [site for site in seen.states if site.branch == "cond"]
    assert len(table) == len(cases) * len(sites) * 3
    for site in sites:
        for n, case in enumerate(cases):
            state = seen.states[site][n].double().numpy().reshape(3, -1, 48)
            power = (state**2).mean((0, 1))
            rest = np.delete(state, np.argsort(-power)[:TOP], axis=2)
            for frame in range(3):
                found = table.loc[(case.name, site.step, site.layer, frame)]
                wanted = [np.linalg.norm(part[frame], axis=1).mean() for part in (state, rest)]
                assert found[["energy", "energy_rest"]].to_numpy(float) == pytest.approx(
                    wanted, 1e-4
                )


def test_places_settle_when_they_never_leave_again(seen, cases):
    table = seen.tables["settled"].set_index(["case", "row", "column"])["step"]
    clean, end = seen.runs.clean.double().numpy(), seen.runs.x[:, -1].double().numpy()
    for n, case in enumerate(cases):
        scale = np.sqrt((end[n] ** 2).sum(0).mean())
        for y, x in np.ndindex(end.shape[-2:]):
            far = [
                k
                for k in range(STEPS)
                if np.linalg.norm(clean[n, k, :, -1, y, x] - end[n, :, -1, y, x]) >= CLOSE * scale
            ]
            assert table[(case.name, y, x)] == max(far, default=-1) + 1
    assert len(set(table)) > 1


def test_without_guidance_there_is_one_pass(cases):
    model = model_of(1.0)
    runs = run_shard(model, cases[:1], [5], **OPTIONS)
    tables, nfe = look_inside(model, runs, Runs.stored(model, runs, cases), TOP)
    assert nfe == STEPS and tables["guidance"].empty
    assert {"model", "case", "frame", "step", "gap"} <= set(tables["guidance"])
    assert tables["energy"]["energy"].gt(0).all()


def test_a_solver_with_its_own_clock_is_told_it_again(cases):
    model, told = model_of(1.0), []

    def keep(module, args, kwargs):
        told.append(kwargs["timestep"].flatten()[0].item())

    handles = [net.register_forward_pre_hook(keep, with_kwargs=True) for net in model.experts]
    runs = run_shard(model, cases[:1], [5], **OPTIONS, solver="unipc")
    look_inside(model, runs, Runs.stored(model, runs, cases), TOP)
    for handle in handles:
        handle.remove()
    assert told[:STEPS] == told[STEPS:]
    assert told[:STEPS] != [1000 * sigma for sigma in runs.sigmas[:-1].tolist()]


def test_cases_are_spread():
    assert spread(list("abcdefgh"), 4) == ["a", "c", "e", "g"]
    assert spread(list("abc"), 2) == ["a", "b"]
    assert spread(list("ab"), 4) == ["a", "b"]


def test_nothing_has_no_gap():
    v = torch.zeros(1, 2, 2, 1, 1)
    v[0, :, 1] = 3.0
    assert gap(v, v / 2)[0].isnan().tolist() == [True, False]
    assert gap(v, v / 2)[0, 1] == 0.5
