"""Noise sweeps: forks against whole runs, costs, controls, refusals, comparisons by step."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from chain_of_steps.artifacts import read_table
from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.cases.references import read_references
from chain_of_steps.cli import main
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.noise.ideal import ideal_runs
from chain_of_steps.experiments.noise.perturbation import (
    Meter,
    conditions_of,
    fork,
    mixing_strength,
    perturb_shard,
)
from chain_of_steps.experiments.noise.propagation import (
    Comparison,
    case_floor,
    decisive_places,
    layer_flow,
    repeat_floor,
    seed_floor,
)
from chain_of_steps.experiments.noise.settings import Perturbation as Section
from chain_of_steps.files import read_json
from chain_of_steps.interventions import by_row
from chain_of_steps.manifests import write_manifest
from chain_of_steps.models.codec import LinearVideoCodec
from chain_of_steps.models.wan import WanModel
from chain_of_steps.pocket.pipeline import build_pipeline, build_tokenizer
from chain_of_steps.runs import Runs, batches, edits_of, noise_seeds, run_shard
from chain_of_steps.sampling import StepState, flow_sigmas, sample
from chain_of_steps.study.config import check_config
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.tasks.scene import render_movie, split_tiles
from chain_of_steps.trajectory import Recorder, Trajectory

N_STEPS, GRID = 6, (5, 5, 5)
SETTINGS = {
    "modes": ["replace", "renoise", "add"],
    "add_strength": 0.7,
    "steps": None,
    "steps_every": 2,
    "frames": None,
    "control_cases": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("cases")
    make_cases(root, ["shelf", "odd"], {"in-domain": 1, "out-of-domain": 1}, seed=0)
    return root


@pytest.fixture(scope="module")
def cases(folder):
    return load_cases(folder, read_table(folder / "cases.csv")["case"].tolist())


@pytest.fixture(scope="module")
def model(cases):
    """The pocket architecture, one small untrained block, a random codec of four channels."""
    codec = LinearVideoCodec(4, latents_mean=[0.0] * 4, latents_std=[1.0] * 4)
    generator = torch.Generator().manual_seed(0)
    codec.basis.data = torch.linalg.qr(torch.randn(3072, 4, generator=generator))[0].T.contiguous()
    sizes = {"layers": 2, "heads": 2, "head_dim": 24, "ffn_dim": 32, "text_dim": 16}
    pipe = build_pipeline(codec, build_tokenizer(c.prompt for c in cases), **sizes, seed=1)
    return WanModel(pipe, max_sequence_length=24, name="tiny")


@pytest.fixture(scope="module")
def trajectory(model, cases):
    """Two seeds, batches of 3: of a seed's 4 runs, 3 share a batch."""
    return run_shard(model, cases, [3, 5], steps=N_STEPS, shift=5.0, n_frames=17, batch=3)


def first_batch(model, trajectory, cases):
    clean = trajectory.select(next(batches(trajectory.runs, 3)))
    return clean, Runs.stored(model, clean, cases).condition()


def planned(n_steps=N_STEPS, **changes):
    return conditions_of(Section(**SETTINGS | changes), flow_sigmas(n_steps, 5.0), GRID)


def one_of_each(planned):
    """One perturbation of each kind and mode, the last of them."""
    found = {(p.kind, p.noise.mode): p for p in (*planned.sweep, *planned.controls)}
    return list(found.values())


def with_strength(planned, strength):
    def changed(perturbations):
        return tuple(replace(p, noise=replace(p.noise, strength=strength)) for p in perturbations)

    return replace(planned, sweep=changed(planned.sweep), controls=changed(planned.controls))


# Forks


def test_strength_zero_gives_the_clean_run_bit_for_bit_through_the_stage(model, trajectory, cases):
    nothing = with_strength(planned(), 0)
    clean, condition = first_batch(model, trajectory, cases)
    for perturbation in one_of_each(nothing):
        end = fork(model, condition, clean, perturbation).end
        bits = (x.view(torch.int32) for x in (end, clean.x[:, -1]))
        assert torch.equal(*bits), perturbation
    table, flow, _ = perturb_shard(model, trajectory, cases, cases[:2], nothing, seeds=[3])
    assert (table["score"] == table["clean_score"]).all()
    assert table["answer_same_as_clean"].all()
    assert (table.loc[table["kind"] != "clean", "injected_l2"] == 0).all()
    assert (flow.loc[flow["kind"] == "step", "relative_l2"] == 0).all()


def test_a_fork_is_the_whole_run_with_the_same_edit_and_leaves_earlier_steps(
    model, trajectory, cases
):
    clean, condition = first_batch(model, trajectory, cases)
    for perturbation in one_of_each(planned()):
        first = perturbation.noise.first_step
        recorder = Recorder()
        whole = sample(
            model.velocity(condition),
            clean.x[:, 0],
            clean.sigmas,
            edit=by_row(edits_of(perturbation.noise, clean)),
            watch=recorder,
        )
        x, estimates = recorder.stacked(whole)
        assert torch.equal(fork(model, condition, clean, perturbation).end, whole), perturbation
        assert torch.equal(x[:, :first], clean.x[:, :first])
        assert torch.equal(estimates[:, :first], clean.clean[:, :first])
        assert not torch.equal(x[:, first], clean.x[:, first])


def test_noise_belongs_to_the_run_not_to_its_batch(trajectory):
    noise = planned().sweep[1].noise
    assert len(set(noise_seeds(trajectory.runs))) == len(trajectory.runs)
    x, estimate = trajectory.x[:, 2], trajectory.clean[:, 1]
    together = by_row(edits_of(noise, trajectory))(2, 0.9, x, estimate)
    alone = by_row(edits_of(noise, trajectory.select([7])))(2, 0.9, x[7:8], estimate[7:8])
    assert torch.equal(together[7:8], alone)
    assert not torch.equal(together[7], together[6])


# Costs


def test_nfe_is_the_closed_formula(model, trajectory, cases):
    few = cases[:2]
    table, _, nfe = perturb_shard(model, trajectory, cases, few, planned(), seeds=[3])
    sweep = (6 + 4 + 2) + 5 * 6  # steps 0, 2, 4 of 6; 5 frames
    others = 2 * sweep  # renoise and add
    controls = 6 + 5 * 6 + 2 * 6 + others + 2 * 5 * 6  # clean, last step, tokens, ..., energy
    assert nfe == len(cases) * sweep + len(few) * controls
    assert nfe == planned().nfe(N_STEPS, len(cases), len(few)) == table["nfe"].sum()


@pytest.mark.parametrize("n_steps", [50, 100])
def test_a_sweep_of_every_step_costs_at_most_052_of_running_again(n_steps):
    steps = [p for p in planned(n_steps, steps_every=1).sweep if p.kind == "step"]
    nfe = sum(p.nfe(n_steps) for p in steps)
    assert len(steps) == n_steps
    assert nfe == n_steps * (n_steps + 1) / 2
    assert nfe <= 0.52 * n_steps * len(steps)


def test_frames_are_known_to_be_read_or_not(model, trajectory, cases):
    """The readers of these puzzles look at the last pixel frame, which is in latent frame 4."""
    assert all(Observer(case.puzzle).key_frames == (16,) for case in cases)
    table, _, _ = perturb_shard(model, trajectory, cases, [], planned(), seeds=[3])
    read = table[table["frame_is_read"]]
    assert set(read["kind"]) == {"frame"}
    assert set(read["index"]) == {4}
    assert set(table.loc[table["index"] == 4, "kind"]) == {"step", "frame"}


def test_only_the_chosen_seeds_are_run_and_paired_with_their_own_clean_run(
    model, trajectory, cases
):
    table, _, _ = perturb_shard(model, trajectory, cases, [], planned(), seeds=[5])
    assert set(table["seed"]) == {5}
    assert set(table["part"]) == {"sweep"}
    again = table[table["kind"] == "clean"].set_index("case")
    for row in table.itertuples():
        assert row.clean_score == again.loc[row.case, "score"]


# Controls


def cells(perturbation, n_steps, grid):
    noise = perturbation.noise
    return [int(noise.mask(k, grid).sum()) for k in noise.touched_steps(n_steps)]


@pytest.mark.parametrize(("n_steps", "grid"), [(6, GRID), (50, GRID), (50, (21, 30, 52))])
def test_token_controls_disturb_as_many_cells_as_a_step_and_as_a_frame(n_steps, grid):
    kinds = {
        p.kind: p
        for p in conditions_of(Section(**SETTINGS), flow_sigmas(n_steps, 5.0), grid).controls
    }
    assert sum(cells(kinds["tokens_step"], n_steps, grid)) == math.prod(grid)
    assert len(cells(kinds["tokens_step"], n_steps, grid)) > 1
    last_clean = cells(kinds["frame_last_clean"], n_steps, grid)
    one = grid[1] * grid[2]
    assert last_clean == [one] * (n_steps - 1)
    assert cells(kinds["tokens_frame"], n_steps, grid) == [one] * n_steps


@pytest.mark.parametrize("share", [0.1, 0.4, 1.0])
def test_mixing_strength_gives_the_share_of_the_energy(share):
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 200_000, generator=generator, dtype=torch.float64)
    a = mixing_strength(share)
    energy = (math.sqrt(1 - a**2) * x + a * noise - x).square().mean()
    assert energy == pytest.approx(2 * share, rel=0.02)


@pytest.mark.parametrize("mode", ["replace", "renoise"])
def test_equal_energy_holds_in_the_unit_of_its_mode(mode):
    """Frame noise over 50 steps on ideal latents has the L2 of one step of noise."""
    sigmas = flow_sigmas(50, 5.0).tolist()
    shape = (36, *GRID)
    rows = [p for p in planned(50).controls if p.noise.mode == mode and p.kind == "frame_energy"]
    step = replace(planned(50).sweep[0], noise=replace(planned(50).sweep[0].noise, mode=mode))
    generator = torch.Generator().manual_seed(1)
    found = []
    for perturbation in (rows[0], step):
        meter = Meter(perturbation.noise.edit(50, shape), 1)
        for k, sigma in enumerate(sigmas[:-1]):
            noise, estimate = torch.randn(2, 1, *shape, generator=generator)
            x = noise if mode == "replace" else (1 - sigma) * estimate + sigma * noise
            meter(k, sigma, x, estimate if k else None)
        found.append((meter.plain if mode == "replace" else meter.relative).sqrt().item())
    assert found[0] == pytest.approx(found[1], rel=0.05)
    assert found[1] == pytest.approx(math.sqrt(2 * 36 * math.prod(GRID)), rel=0.05)


def test_meter_sums_squares_plain_and_in_units_of_sigma():
    meter = Meter(lambda k, sigma, x, clean: x + torch.tensor([0.0, 3.0]).view(2, 1, 1, 1, 1), 2)
    for sigma, value in ((1.0, 1.0), (0.5, 6.0)):
        meter(0, sigma, torch.full((2, 1, 1, 2, 2), value), None)
    assert meter.plain.tolist() == [0, 2 * 4 * 9]
    assert meter.relative.tolist() == [0, 4 * 9 + 4 * 4 * 9]
    assert meter.share.tolist() == pytest.approx([0, 3**2 + 0.5**2])


def test_the_dose_of_noise_is_what_it_changes_of_the_latent(model, trajectory, cases):
    """N(0, I) in place of x changes it by sqrt(1 + 1 / mean square of x); nothing by 0."""
    table, _, _ = perturb_shard(model, trajectory, cases, [], planned(), seeds=[3])
    assert table.loc[table["kind"] == "clean", "dose"].isna().all()
    rows = table[(table["kind"] == "step") & (table["index"] == 2)]
    for row in rows.itertuples():
        here = (trajectory.runs["case"] == row.case) & (trajectory.runs["seed"] == 3)
        x = trajectory.x[int(np.flatnonzero(here)[0]), 2]
        assert row.dose == pytest.approx(math.sqrt(1 + 1 / x.square().mean().item()), rel=0.1)
        assert row.dose == pytest.approx(row.injected_l2 / x.norm().item(), rel=1e-4)


# Which steps and frames


def test_levels_name_the_nearest_steps_but_never_the_first():
    found = planned(50, steps=None, levels=[0.999, 0.95, 0.88, 0.02])
    steps = [p.index for p in found.sweep if p.kind == "step"]
    sigmas = flow_sigmas(50, 5.0)[:-1].numpy()
    assert steps == [1, *(int(np.abs(sigmas - s).argmin()) for s in (0.95, 0.88, 0.02))]
    assert steps[-1] == 49


def test_frames_left_out_of_the_sweep_are_disturbed_in_the_controls():
    assert planned(frames=[-1]) == planned(frames=[4]) == planned(frames=[4, -1])
    found = planned(frames=[4])
    assert [p.index for p in found.sweep if p.kind == "frame"] == [4]
    mine = [p for p in found.controls if p.noise.mode == "replace"]
    assert [p.index for p in mine if p.kind == "frame"] == [0, 1, 2, 3, 4]
    assert [p.index for p in mine if p.kind == "frame_last_clean"] == [4]
    whole = [p for p in planned().controls if p.noise.mode == "replace"]
    assert not [p for p in whole if p.kind == "frame"]


# Refusals


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"steps": [3, 60]}, "perturbation.steps has 60"),
        ({"modes": ["replce"]}, "did you mean replace?"),
        ({"frames": [5]}, "perturbation.frames has 5, but a run has 5 of them"),
        ({"seeds": [9]}, "perturbation.seeds has 9"),
        ({"add_strength": -1}, "perturbation.add_strength is -1"),
        ({"step": [1]}, "did you mean steps?"),
    ],
)
def test_a_bad_config_is_refused_before_a_model_loads(tmp_path, monkeypatch, capsys, field, words):
    def refused(*a):
        pytest.fail("a model was loaded")

    monkeypatch.setattr("chain_of_steps.models.adapters.load_model", refused)
    config = {"study": "s", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["odd"]}}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config | {"perturbation": field}))
    places = [f"--{name}={tmp_path / name}" for name in ("cases", "trajectory", "out", "flow")]
    assert main(["perturb", "--config", str(path), "--model", "m", *places]) == 1
    assert words in capsys.readouterr().err


def test_what_does_not_fit_the_stored_runs_is_refused_before_a_model_loads(
    tmp_path, monkeypatch, capsys, trajectory, folder
):
    """The configuration speaks of 50 steps, the trajectory has 6."""

    def refused(*a):
        pytest.fail("a model was loaded")

    monkeypatch.setattr("chain_of_steps.models.adapters.load_model", refused)
    stored = tmp_path / "0.safetensors"
    trajectory.save(stored)
    write_manifest(stored, parameters={}, seconds=0)
    config = {"study": "s", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["odd"]}}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config | {"perturbation": {"steps": [7]}}))
    places = [f"--cases={folder}", f"--trajectory={stored}", f"--out={tmp_path / 'a.csv'}"]
    places.append(f"--flow={tmp_path / 'b.csv'}")
    assert main(["perturb", "--config", str(path), "--model", "m", *places]) == 1
    assert "step is 7: write a whole number, at least 0, below 6" in capsys.readouterr().err


def test_layers_beyond_the_model_are_refused_before_sampling(model, trajectory, cases):
    with pytest.raises(UserError, match="layers has 2, but the model has 2 blocks"):
        perturb_shard(model, trajectory, cases, [], planned(), seeds=[3], layers=[2])


def test_defaults_fit_the_default_study():
    config = check_config(
        yaml.safe_load("{study: s, models: {m: {path: p}}, cases: {tasks: [odd]}}")
    )
    fields = config.perturbation
    n_steps = config.sampler.steps
    found = conditions_of(fields, flow_sigmas(n_steps, config.sampler.shift), GRID)
    assert [p.index for p in found.sweep if p.kind == "step"] == list(range(0, 50, 5))
    assert [p.index for p in found.sweep if p.kind == "frame"] == list(range(5))
    nfe = found.nfe(n_steps, 260, 13 * 2 * fields.control_cases)
    assert nfe <= 200_000, "about nine minutes on two cores"


def test_the_stage_writes_two_tables_and_says_what_it_did(
    tmp_path, monkeypatch, capsys, model, trajectory, folder
):
    monkeypatch.setattr("chain_of_steps.models.adapters.load_model", lambda *a: model)
    stored = tmp_path / "0.safetensors"
    trajectory.save(stored)
    write_manifest(stored, parameters={}, seconds=0)
    config = {"study": "s", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["odd"]}}
    config |= {"sampler": {"steps": N_STEPS}, "seeds": [3, 5]}
    config |= {"perturbation": {"steps": [4], "frames": [2], "control_cases": 1}}
    config |= {"ensemble": {"k": 2}}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    out, flow = tmp_path / "a.parquet", tmp_path / "b.parquet"
    places = [f"--cases={folder}", f"--trajectory={stored}", f"--out={out}", f"--flow={flow}"]
    assert main(["perturb", "--config", str(path), "--model", "m", *places]) == 0
    manifest = read_json(tmp_path / "a.parquet.manifest.json")
    table = read_table(out)
    assert f"{manifest['nfe']} NFE" in capsys.readouterr().out
    assert table["nfe"].sum() == manifest["nfe"]
    assert manifest["parameters"]["sweep"][0]["noise"]["mode"] == "replace"
    assert set(table.loc[table["part"] == "controls", "case"]) == {
        f"{split}/{task}/00000"
        for split in ("in-domain", "out-of-domain")
        for task in ("shelf", "odd")
    }
    assert set(read_table(flow)["kind"]) == {"step", "other seed", "other case", "repeat"}


@pytest.mark.parametrize("per", ["task", "study"])
def test_the_first_cases_of_each_task_alone_are_swept(tmp_path, monkeypatch, model, per):
    monkeypatch.setattr("chain_of_steps.models.adapters.load_model", lambda *a: model)
    index = make_cases(tmp_path / "cases", ["odd"], {"in-domain": 3, "out-of-domain": 1}, seed=0)
    names = index["case"].tolist()
    cases = load_cases(tmp_path / "cases", names)
    options = {"steps": N_STEPS, "shift": 5.0, "n_frames": 17, "batch": 3}
    stored = tmp_path / "0.safetensors"
    run_shard(model, cases, [3], **options).save(stored)
    write_manifest(stored, parameters={}, seconds=0)
    config = {"study": "s", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["odd"]}}
    config |= {"sampler": {"steps": N_STEPS}, "seeds": [3], "ensemble": {"k": 1}}
    config |= {"perturbation": {"cases": 2, "steps": [4], "frames": [2], "control_cases": 9}}
    config["perturbation"] |= {"control_cases_per": per, "control_cases": 9 if per == "task" else 2}
    path, out = tmp_path / "config.yaml", tmp_path / "a.parquet"
    path.write_text(yaml.safe_dump(config))
    places = ["--cases", tmp_path / "cases", "--trajectory", stored, "--out", out]
    places += ["--flow", tmp_path / "b.parquet"]
    assert main(["perturb", "--config", str(path), "--model", "m", *map(str, places)]) == 0
    table = read_table(out)
    swept, controls = (
        set(table.loc[table["part"] == part, "case"]) for part in ("sweep", "controls")
    )
    assert swept == {*names[:2], names[3]}
    # two of those three, the first and the one after half of them
    assert controls == (swept if per == "task" else set(names[:2]))


# Comparisons along the steps


def synthetic(runs, n_steps=3, seed=0):
    """Random clean estimates of 12 positions and 3 channels."""
    table = pd.DataFrame(runs, columns=["case", "seed"])
    table = table.assign(model="m", task="t", split="s")
    generator = torch.Generator().manual_seed(seed)
    clean = torch.randn(len(runs), n_steps, 3, 3, 2, 2, generator=generator)
    x = torch.cat([clean, clean[:, -1:]], dim=1)
    return Trajectory(table, flow_sigmas(n_steps, 5.0), x, clean, [0] * n_steps, {"batch": 9})


def brute_cka(a, b):
    """Unbiased CKA of (C, F, h, w) latents by sums over index tuples without repeats."""
    rows = [x.flatten(1).T.double().numpy() for x in (a, b)]
    k, l = (x @ x.T for x in rows)  # noqa: E741

    def hsic(k, l):  # noqa: E741
        n = len(k)
        pairs = triples = quads = 0.0
        for i in range(n):
            for j in range(n):
                if i == j:
                    continue
                pairs += k[i, j] * l[i, j]
                rest = [q for q in range(n) if q not in (i, j)]
                triples += k[i, j] * l[i, rest].sum()
                inner = l[np.ix_(rest, rest)]
                quads += k[i, j] * (inner.sum() - np.trace(inner))
        two = n * (n - 1)
        return pairs / two - 2 * triples / (two * (n - 2)) + quads / (two * (n - 2) * (n - 3))

    return hsic(k, l) / math.sqrt(hsic(k, k) * hsic(l, l))


def test_comparison_names_the_step_and_the_run_it_compared():
    clean = synthetic([("a", 0), ("b", 0)])
    seen = Comparison(clean, {})
    other = synthetic([("a", 0), ("b", 0)], seed=1).clean
    for k in (1, 2):
        seen(StepState(k, 0.5, 0.4, other[:, k], other[:, k], other[:, k], 0))
    table = seen.table().set_index(["case", "step"])
    assert len(table) == 4
    for row, case in enumerate("ab"):
        for k in (1, 2):
            found = table.loc[(case, k)]
            expected = 1 - brute_cka(other[row, k], clean.clean[row, k])
            assert found["dissimilarity"] == pytest.approx(expected, abs=1e-9)
            distance = (other[row, k] - clean.clean[row, k]).norm() / clean.clean[row, k].norm()
            assert found["relative_l2"] == pytest.approx(distance.item(), rel=1e-5)
            assert found["sigma"] == clean.sigmas[k]


def test_rotated_scaled_and_shifted_channels_are_no_difference():
    """CKA sees what positions have in common, L2 sees every change."""
    clean = synthetic([("a", 0)])
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))[0]
    moved = 2 * torch.einsum("dc,bcfhw->bdfhw", rotation, clean.clean[:, 0]) + 5
    seen = Comparison(clean, {})
    seen(StepState(0, 1.0, 0.9, moved, moved, moved, 0))
    assert seen.table()["dissimilarity"][0] == pytest.approx(0, abs=1e-9)
    assert seen.table()["relative_l2"][0] > 1


def test_floors_compare_seeds_and_repeats_of_the_same_case():
    stored = synthetic([("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)])
    floor = seed_floor(stored, [2], {}).set_index(["case", "step"])
    assert len(floor) == 6, "the last seed is compared with the first"
    expected = 1 - brute_cka(stored.clean[5, 1], stored.clean[3, 1])
    assert floor.loc[("b", 1), "dissimilarity"] == pytest.approx(expected, abs=1e-9)
    again = stored.select([4, 1])
    again.clean[0, 2] += 1
    repeat = repeat_floor(stored, again, {}).set_index(["case", "step"])["relative_l2"]
    assert (repeat.drop(("b", 2)) == 0).all()
    assert repeat[("b", 2)] > 0
    assert seed_floor(stored.select([0, 3]), [0], {}).empty


def test_another_case_is_the_next_one_of_the_task_or_of_the_shard():
    stored = synthetic([("a", 0), ("b", 0), ("c", 0)])
    stored.runs["task"] = ["t", "u", "t"]
    floor = case_floor(stored, {}).set_index(["case", "step"])["dissimilarity"]
    for case, row, other in (("a", 0, 2), ("c", 2, 0), ("b", 1, 2)):
        expected = 1 - brute_cka(stored.clean[row, 1], stored.clean[other, 1])
        assert floor[(case, 1)] == pytest.approx(expected, abs=1e-9)
    assert case_floor(stored.select([1]), {}).empty


def test_places_are_those_where_the_videos_of_the_candidates_differ(cases):
    for case in cases:
        movie = task_of(case.task).movie
        videos = np.stack(
            [render_movie(movie(case.puzzle, n)) for n in range(len(case.puzzle.candidates))]
        )
        # (T, rows, columns): any pixel of a tile; the first frame, then four to a latent frame
        tiles = split_tiles(np.ptp(videos, axis=0)).max((3, 4, 5)) > 0
        expected = np.stack([tiles[0], *tiles[1:].reshape(4, 4, 5, 5).any(1)])
        found = decisive_places([case], GRID)[case.name].numpy()
        assert (found == expected).all()
        assert 0 < found.sum() < found.size


def test_the_measures_on_places_see_nothing_else():
    clean = synthetic([("a", 0)])
    places = torch.zeros(3, 2, 2, dtype=torch.bool)
    places[1:] = True
    elsewhere, there = clean.clean[:, 0].clone(), clean.clean[:, 0].clone()
    elsewhere[:, :, 0] += torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(3))
    there[:, :, 1] += torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(3))
    for x, differs in ((elsewhere, False), (there, True)):
        seen = Comparison(clean, {"a": places})
        seen(StepState(0, 1.0, 0.9, x, x, x, 0))
        row = seen.table().iloc[0]
        assert row["dissimilarity"] > 0.01
        assert (row["tiles_dissimilarity"] > 0.01) == (row["tiles_l2"] > 0) == differs
        kept = (x[0][:, 1:], clean.clean[0, 0][:, 1:])
        assert row["tiles_dissimilarity"] == pytest.approx(1 - brute_cka(*kept), abs=1e-9)
    places[2] = False  # too few of them
    seen = Comparison(clean, {"a": places})
    seen(StepState(0, 1.0, 0.9, there, there, there, 0))
    assert np.isnan(seen.table()["tiles_dissimilarity"][0])


def test_layers_are_compared_inside_the_batch(model, trajectory, cases):
    clean, condition = first_batch(model, trajectory, cases)
    perturbation = planned().sweep[1]
    table, nfe = layer_flow(model, condition, clean, edits_of(perturbation.noise, clean), 2, [0, 1])
    assert nfe == 2 * 3 * (N_STEPS - 2)
    assert set(table["step"]) == {2, 3, 4, 5}
    assert set(table["site"]) == {"layer 0", "layer 1"}
    assert (table["dissimilarity"] > 1e-6).all()
    nothing = with_strength(planned(), 0).sweep[1]
    table, _ = layer_flow(model, condition, clean, edits_of(nothing.noise, clean), 2, [1])
    assert table["dissimilarity"].abs().max() < 1e-12
    assert (table["relative_l2"] == 0).all()


# The exact posterior


def test_an_exact_denoiser_loses_nothing_and_may_change_between_right_answers(
    model, tmp_path_factory
):
    root = tmp_path_factory.mktemp("several")
    index = make_cases(root, ["grid", "odd"], {"in-domain": 2, "out-of-domain": 0}, seed=0)
    cases = load_cases(root, index["case"].tolist())
    stored = run_shard(model, cases, [3], steps=N_STEPS, shift=5.0, n_frames=17, batch=3)
    # the codec of this file keeps too little of a video to be read; a whole one does
    whole = SimpleNamespace(
        encode=lambda videos: videos[:, ::4].permute(0, 4, 1, 2, 3),
        decode=lambda x, frames: x[:, :, [f // 4 for f in frames]].permute(0, 2, 3, 4, 1),
        compression=model.compression,
        ahead=model.ahead,
    )
    noise = torch.randn(len(cases), 3, *(5, 80, 80), generator=torch.Generator().manual_seed(0))
    stored = replace(stored, x=noise[:, None].repeat(1, N_STEPS + 1, 1, 1, 1, 1))
    sweep = planned(steps=[0, 3, 5], frames=[4]).sweep
    rows = ideal_runs(whole, stored, cases, sweep)
    several = {case.name for case in cases if len(case.puzzle.solutions) > 1}
    assert several and set(rows["case"]) == several
    assert len(rows) == len(several) * (1 + len(sweep))
    assert (rows["score"] == 1).all() and rows["correct"].all()
    assert (rows["nfe"].fillna(0) == 0).all() and set(rows["part"]) == {"ideal"}
    late = rows[(rows["kind"] == "step") & (rows["index"] == 5)]
    early = rows[(rows["kind"] == "step") & (rows["index"] == 0)]
    assert not early["answer_same_as_clean"].all(), "at step 0 noise draws the answer again"
    assert (late["dose"] > 0).all()


# References


def test_references_are_read_as_a_models_videos_are(cases):
    table = read_references(cases).pivot_table(index="case", columns="kind", values="score")
    assert (table["truth"] == 1).all()
    assert (table["static"] == 0).all()
    assert (table["other"] < 1).all()
    assert len(table) == len(cases)
