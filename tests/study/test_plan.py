"""The plan of a study: its NFE are those that the stages count when they run."""

import json
import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tiny
from repository import ROOT

from chain_of_steps import cli
from chain_of_steps.artifacts import write_tables
from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.cases.sources import Shape
from chain_of_steps.costs import Makeup
from chain_of_steps.experiments.ensemble.plain import run_plain
from chain_of_steps.experiments.ensemble.variants import run_ensembles, variants
from chain_of_steps.experiments.layers.cost import ANALYSES
from chain_of_steps.experiments.layers.job import pick_cases, share_of_job
from chain_of_steps.experiments.noise.perturbation import conditions_of, perturb_shard
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import read_trajectory, run_shard
from chain_of_steps.study import plan
from chain_of_steps.study.config import check_config, load_config
from chain_of_steps.tasks import task_names

TASK_NAMES = ["identify", "maze"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A model of two blocks with its configs in a folder, and the cases of a study."""
    root = tmp_path_factory.mktemp("plan")
    pipe = tiny.pipeline(
        codec=tiny.LinearCodec(),
        transformer=tiny.transformer(1, z_dim=6, layers=2),
        **tiny.text_parts(),
    )
    pipe.vae.save_config(root / "model/vae")
    pipe.transformer.save_config(root / "model/transformer")
    make_cases(root / "cases", TASK_NAMES, {"in-domain": 2, "out-of-domain": 1}, 0)
    return SimpleNamespace(pipe=pipe, root=root)


LAYERS = {"steps": 3, "stride": 2, "jobs": 2, "swap_cases": 2, "patching_cases": 1}
LAYERS["swap_steps"] = [2, 1, 5]
NOISE = {"steps_every": 2, "frames": [1], "control_cases": 1, "layers": [0]}


def settings(small, guidance=1.0, **fields):
    base = {
        "study": "small",
        "models": {"small": {"path": str(small.root / "model"), "guidance": guidance}},
        "cases": {"tasks": TASK_NAMES, "in-domain": 2, "out-of-domain": 1},
        "sampler": {"steps": 3},
        "video": {"frames": 17},
        "seeds": [0, 1],
        "ensemble": {"k": 2, "cases": 1, "averaged": [2], "controls": True},
        "loops": {"few_steps": [1, 2], "above": 2, "below": 1},
        "perturbation": NOISE,
        "layers": LAYERS,
        "execution": {"shard": 4, "batch": 4},
        "experiments": ["decision", "noise", "ensemble", "layers"],
    }
    return check_config(base | fields)


def cases_of(small):
    names = [
        path.parent.relative_to(small.root / "cases") for path in small.root.rglob("meta.json")
    ]
    # as the index has them
    order = [f"{split}/{task}" for task in TASK_NAMES for split in ("in-domain", "out-of-domain")]
    names = sorted(map(str, names), key=lambda n: (order.index(n.rsplit("/", 1)[0]), n))
    return load_cases(small.root / "cases", names)


def model_of(small, guidance):
    return WanModel(small.pipe, guidance=guidance, max_sequence_length=32, name="small")


def planned(config):
    lines = plan.stages(config, plan.groups(config)[0])
    return {line.name: line for line in lines}


@pytest.mark.parametrize(("swept", "per"), [(None, "task"), (1, "task"), (1, "study")])
def test_noise_and_ensemble_cost_what_was_planned(small, monkeypatch, swept, per):
    noise = {**NOISE, "cases": swept, "control_cases": 1 + (per == "study")}
    noise["control_cases_per"] = per
    config, model = settings(small, 2.0, perturbation=noise), model_of(small, 2.0)
    cases = cases_of(small)
    steps, shift, frames, shard = 3, 5.0, 17, 4
    first_ones = {case.name for case in cases if case.name.endswith("/00000")}
    found = {"sample": 0, "perturb": 0, "ensemble": 0}
    decoded, decode = [0], model.decode

    def counting(latents, frames=None):
        decoded[0] += len(latents)
        return decode(latents, frames)

    monkeypatch.setattr(model, "decode", counting)
    decodes = dict.fromkeys(("read", "perturb", "ensemble"), 0)

    def since() -> int:
        number, decoded[0] = decoded[0], 0
        return number

    controls_left = {(t, s): 1 for t in TASK_NAMES for s in ("in-domain", "out-of-domain")}
    # two of the four that are swept: the first, and the one in the middle
    spread = {cases[0].name, cases[3].name}
    options = {"steps": steps, "shift": shift, "n_frames": frames, "batch": 4}
    for first in range(0, len(cases), shard):
        part = cases[first : first + shard]
        trajectory = run_shard(model, part, [0, 1], **options)
        found["sample"] += trajectory.made_by["nfe"]
        read_trajectory(model, trajectory, part)
        decodes["read"] += since()
        controls = [c for c in part if controls_left.pop((c.task, c.split), 0)]
        if per == "study":
            controls = [c for c in part if c.name in spread]
        planned_noise = conditions_of(
            config.perturbation, trajectory.sigmas, trajectory.x.shape[-3:]
        )
        mine = [c for c in part if swept is None or c.name in first_ones]
        kept = trajectory.runs["case"].isin([case.name for case in mine])
        runs = trajectory.select(np.flatnonzero(kept))
        found["perturb"] += perturb_shard(
            model, runs, mine, controls, planned_noise, seeds=[0], layers=[0]
        )[2]
        decodes["perturb"] += since()
        some = [case for case in part if case.name in first_ones]
        methods = variants(config.ensemble, steps)
        outcomes = run_ensembles(model, some, [0, 1], methods, plain=trajectory, **options)
        found["ensemble"] += int(outcomes["nfe"].sum())
        options_of_plain = {name: options[name] for name in ("shift", "n_frames", "batch")}
        plain, nfe = run_plain(model, some, [0, 1], config.loops, **options_of_plain)
        found["ensemble"] += nfe
        # a loop takes one pass more than it costs, with guidance two, as others may share it
        assert nfe == plain["nfe"].sum() + 2 * len(some)
        decodes["ensemble"] += since()
    lines = planned(config)
    assert {name: lines[name].nfe for name in found} == found
    assert {name: lines[name].decodes for name in decodes} == decodes
    assert lines["sample"].jobs == 2
    assert lines["sample"].runs == 12


# one branch of two patched, both, and a model without guidance
@pytest.mark.parametrize(
    ("analysis", "guidance", "branches"),
    [
        ("energy", 1.0, ["cond"]),
        ("swap", 2.0, ["cond"]),
        ("patching", 2.0, ["cond", "uncond"]),
        ("ablation", 1.0, ["cond"]),
    ],
)
def test_layer_analyses_cost_what_was_planned(small, analysis, guidance, branches):
    config = settings(small, guidance, layers=LAYERS | {"branches": branches})
    model, cases = model_of(small, guidance), {case.name: case for case in cases_of(small)}
    index = pd.DataFrame({"case": n, "task": c.task, "split": c.split} for n, c in cases.items())
    names = pick_cases(index, analysis, getattr(config.layers, f"{analysis}_cases"))
    everyone, spent = [cases[name] for name in names], 0
    for job in range(2):
        mine = [cases[name] for name in share_of_job(names, job, 2)]
        options = {"shift": config.sampler.shift, "n_frames": 17, "batch": 4}
        measure = import_module(f"chain_of_steps.experiments.layers.stage_{analysis}").measure
        spent += measure(config, model, mine, everyone, [0], **options)[1].nfe
    assert planned(config)[analysis].nfe == spent


def test_only_what_is_asked_for_is_planned(small):
    config = settings(small, experiments=["layers"])
    assert list(planned(config)) == list(ANALYSES)
    assert list(planned(settings(small, experiments=["decision"]))) == ["sample", "read"]


def test_puzzles_are_planned_at_the_size_they_are_drawn_at(small):
    groups, note = plan.groups(settings(small))
    assert note is None
    assert {(g.task, g.split): g.cases for g in groups} == {
        (task, split): n
        for task in TASK_NAMES
        for split, n in (("in-domain", 2), ("out-of-domain", 1))
    }
    image = cases_of(small)[0].image
    assert {(g.shape.width, g.shape.height) for g in groups} == {image.size}
    assert set(TASK_NAMES) <= set(task_names())


# What is printed


BENCH = {
    "study": "bench",
    "experiments": ["vbvr"],
    "models": {"big": {"path": "someone/big", "guidance": 5.0}},
    "sampler": {"steps": 20},
    "seeds": [1],
    "cases": {"source": "vbvr-bench", "path": "no-data", "tasks": None}
    | {"in-domain": 1, "out-of-domain": 1},
    "video": {"frames": 81, "area": 147456},
    "ensemble": {"k": 1, "averaged": []},
}


def printed(capsys, tmp_path, monkeypatch, **fields) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text(json.dumps(BENCH | fields))
    assert cli.main(["plan", "--configfile", "c.json"]) == 0
    return capsys.readouterr().out


def test_a_plan_needs_neither_data_nor_weights_and_says_what_it_assumes(
    capsys, tmp_path, monkeypatch
):
    out = printed(capsys, tmp_path, monkeypatch)
    assert "100 cases, 20 steps" in out
    assert "384 x 384 pixels, 81 frames" in out
    assert "assumed: no-data is not there" in out
    assert "assumed to be those of Wan A14B" in out
    assert f"{100 * 20 * 2:,}" in out  # guidance makes two of each
    assert "seconds per NFE unknown" in out
    # 16 channels x 21 x 48 x 48, float32, 41 tensors a run
    assert f"{100 * 41 * 16 * 21 * 48 * 48 * 4 / 1e9:.1f} GB on disk" in out


def test_estimates_that_are_derived_take_no_disk(capsys, tmp_path, monkeypatch):
    out = printed(capsys, tmp_path, monkeypatch, execution={"estimates": "derived"})
    assert f"{100 * 21 * 16 * 21 * 48 * 48 * 4 / 1e9:.1f} GB on disk" in out


def test_hours_are_from_the_configured_speed(capsys, tmp_path, monkeypatch):
    model = {**BENCH["models"]["big"], "seconds_per_nfe": 9.0, "weights_gb": 69}
    device = {"device": "cuda", "shard": 1}
    out = printed(capsys, tmp_path, monkeypatch, models={"big": model}, execution=device)
    assert "GPU hours" in out
    assert "10.00" in out  # 4000 passes of 9 s
    assert "9 s per NFE, as configured" in out
    assert "weights 69.0 GB" in out


def test_hours_are_from_the_manifests_of_the_study(capsys, tmp_path, monkeypatch):
    folder = tmp_path / "results/bench/trajectories/big"
    folder.mkdir(parents=True)
    for shard, seconds in enumerate((100, 260)):
        path = folder / f"{shard}.safetensors.manifest.json"
        path.write_text(json.dumps({"nfe": 40, "seconds": seconds}))
    out = printed(capsys, tmp_path, monkeypatch)
    assert "4.5 s per NFE, measured in 2 jobs of this study" in out
    assert "CPU hours" in out
    assert "5.00" in out


def test_afterwards_every_job_is_counted_once_whatever_it_wrote(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.json").write_text(json.dumps(BENCH))
    given = ["cost", "--config", "c.json", "--out", "cost.md"]
    assert cli.main(given) == 1  # nothing has run yet
    table, results = pd.DataFrame({"a": [1]}), Path("results/bench")
    for shard in range(2):
        files = {results / f"layers/big/{shard}/{name}.parquet": table for name in ("map", "swap")}
        write_tables(files, parameters={}, nfe=600, seconds=90.0)
    (results / "cases").mkdir()
    (results / "cases/video.bin").write_bytes(bytes(2_500_000))
    assert cli.main(given) == 0
    rows = [line.strip("| ").split(" | ") for line in Path("cost.md").read_text().splitlines()]
    disk = sum(path.stat().st_size for path in (results / "layers").rglob("*") if path.is_file())
    assert ["cases", "0", "0", "0.0", "2.5"] in rows
    assert ["layers", "2", "1,200", "3.0", f"{disk / 1e6:.1f}"] in rows
    assert ["all", "2", "1,200", "3.0", f"{(disk + 2_500_000) / 1e6:.1f}"] in rows


def test_an_experiment_that_is_not_counted_is_named(small):
    config = settings(small).model_copy(update={"experiments": ["decision", "telepathy"]})
    assert "not counted: telepathy" in "\n".join(plan.report(config, small.root))


@pytest.mark.parametrize("name", ["vbvr-wan2.2", "wan2.1", "ltx", "ltx2", "ti2v-5b"])
def test_no_shipped_bench_study_inherits_the_small_pictures_of_the_pocket_model(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = load_config([Path("config.yaml"), Path(f"config/{name}.yaml")])
    shapes = {group.shape for group in plan.groups(config)[0]}
    assert all(shape.width * shape.height >= 256**2 and shape.frames > 17 for shape in shapes)


def test_table_1_and_loops_stay_within_their_share_of_the_default_study(monkeypatch):
    """100,000 passes of depth 3; a pass costs as its blocks do."""
    monkeypatch.chdir(ROOT)
    config = load_config([Path("config.yaml")])
    blocks = {name: config.train.get(name) for name in config.models}
    lines = plan.stages(config, plan.groups(config)[0])
    spent = [
        line.nfe * (blocks[line.model].layers if blocks[line.model] else 3) / 3
        for line in lines
        if line.name in ("ensemble", "loops")
    ]
    assert len(spent) == 1 + len(config.models)
    assert sum(spent) <= 100_000


# Counted costs


def of_real(*names, **fields):
    files = [ROOT / "config.yaml", *(ROOT / "config" / f"{name}.yaml" for name in names)]
    return load_config(files, fields)


@pytest.mark.parametrize(
    ("side", "frames", "tokens", "petaflops", "attention"),
    [
        (1024, 101, 106496, 11.84, 0.78),
        (624, 81, 31941, 1.60, 0.53),
        (480, 81, 18900, 0.74, 0.39),
    ],
)
def test_a_pass_of_the_14b_costs_what_was_counted_by_hand(
    side, frames, tokens, petaflops, attention
):
    """The figures are those of a count made apart from this code, for square pictures."""
    makeup = Makeup.of(next(iter(of_real("vbvr-wan2.2").models.values())))
    shape = Shape(side, side, frames)
    weights, of_attention = makeup.flops(shape)
    assert makeup.tokens(shape) == tokens
    assert (weights + of_attention) / 1e15 == pytest.approx(petaflops, abs=0.006)
    assert of_attention / (weights + of_attention) == pytest.approx(attention, abs=0.011)
    assert makeup.weights == pytest.approx(69e9, rel=0.01)


def test_a_plan_counts_hours_on_cards_and_doubts_what_no_card_reaches():
    study = of_real("vbvr-wan2.2", "vbvr-wan2.2-reduced")
    said = "\n".join(plan.report(study, Path("none")))
    line = next(line for line in said.splitlines() if "hours of one card" in line)
    assert "A100" in line and "RTX 4090" in line and "assumed to be" not in said
    nfe = 100 * 20 * 2
    hours = float(line.split("A100 ")[1].split(" ")[0].replace(",", ""))
    # 1,024 x 1,024 pictures are brought to at most 480 x 832 pixels: 624 x 624
    assert hours == pytest.approx(nfe * 1.6e15 / (312e12 * 0.5) / 3600, rel=0.06)
    assert "no pass is known" not in said

    measured = {"models": {"vbvr-wan2.2": {"seconds_per_nfe": 5.25}}}
    said = "\n".join(plan.report(of_real("vbvr-wan2.2", "vbvr-wan2.2-reduced", **measured), Path()))
    assert "A100 98%" in said
    assert "so on A100" in said and "was another size" in said


def test_a_plan_says_what_a_video_costs_to_decode_and_where_weights_have_room():
    said = "\n".join(plan.report(of_real("ti2v-5b", "real-puzzles", "ti2v-5b-puzzles"), Path()))
    decode = next(line for line in said.splitlines() if "decoded" in line)
    assert "1,347 TFLOP" in decode
    assert float(decode.split(", ")[-1].split("%")[0]) == pytest.approx(232, abs=5)


def on_card(*names: str, offload: str) -> str:
    said = plan.report(of_real(*names), Path())
    return next(line for line in said if f"on the card, counted, offload {offload}" in line)


@pytest.mark.parametrize(
    ("names", "offload"),
    [
        (("ti2v-5b", "real-puzzles", "ti2v-5b-puzzles"), "model"),
        (("ti2v-5b",), "model"),
        (("wan2.1-fun-1.3b", "real-puzzles", "wan2.1-fun-1.3b-puzzles"), "none"),
        (("wan2.1-fun-1.3b",), "none"),
    ],
)
def test_a_plan_says_that_a_small_model_has_room_on_a_card_of_24_gb(names, offload):
    """With the text encoder, passes and decoding below 22 GiB."""
    said = on_card(*names, offload=offload)
    assert float(said.split("at its peak ")[1].split()[0]) < 22
    assert said.endswith("RTX 4090")


ON_GPUS = [path.stem for path in (ROOT / "config").glob("*.yaml") if "cuda" in path.read_text()]


@pytest.mark.parametrize("name", sorted(ON_GPUS))
def test_every_configuration_of_a_real_model_has_hours_and_memory_on_named_cards(name):
    said = list(plan.report(of_real(name), Path()))
    for words in ("hours of one card, counted", "offload none", "offload model", "main memory"):
        line = next(line for line in said if words in line)
        assert "main memory" in words or "H100" in line or "no card" in line
    # and is for one process a GPU, with controls of the study
    assert any("once for each GPU" in line for line in said)
    assert of_real(name).perturbation.control_cases_per == "study"


def test_a_plan_says_what_has_no_room_on_a_card_of_24_gb():
    # experts and codec take 12.8 GB, the text encoder 11.4
    assert "RTX 4090" not in on_card("ti2v-5b", offload="none")
    assert on_card("ti2v-5b", offload="none").count("text 22.5,") == 1
    assert "RTX 4090" not in on_card("vbvr-wan2.2", offload="model")  # an expert takes 28.6


def test_a_plan_says_what_loading_takes(monkeypatch):
    monkeypatch.setattr("chain_of_steps.models.loading.free_memory", lambda: 60e9)
    said = "\n".join(plan.report(of_real("vbvr-wan2.2", "vbvr-wan2.2-reduced"), Path()))
    assert "loading takes 34 s at 2 GB/s of disk, assumed, once for each GPU" in said
    # 69 GB, 41 latents of 16 x 21 x 78 x 78 float32 twice, and 4 GB
    most = 69 + 2 * 41 * 16 * 21 * 78 * 78 * 4e-9 + 4
    assert f"up to {most:.1f} GB of main memory" in said
    assert "60.0 GB are free: too few" in said
    alone = of_real("vbvr-wan2.2", "vbvr-wan2.2-reduced", processes={"resident": False})
    jobs = sum(line.jobs for line in plan.stages(alone, plan.groups(alone)[0]))
    each = f"in each of {jobs} jobs or more: {jobs * 69 / 2 / 3600:.2f} hours"
    assert jobs >= 100 and each in "\n".join(plan.report(alone, Path()))


def test_a_plan_counts_what_reading_decodes_by_each_decoder():
    """34 cases, 2 seeds, 50 steps and the result, of which 8 steps of a seed are checked."""
    names = ("ti2v-5b", "real-puzzles", "ti2v-5b-puzzles")
    said = "\n".join(plan.report(of_real(*names), Path()))
    read = next(line for line in said.splitlines() if "looks are read" in line)
    assert f"{34 * 2 * 51:,} looks" in read
    petaflops = {
        word: float(re.search(f"{word} ([0-9.,e+-]+) ", read)[1].replace(",", ""))
        for word in ("full", "tiny", "projection")
    }
    assert petaflops["full"] == pytest.approx(34 * 2 * 51 * 1.348, rel=0.01)
    assert petaflops["tiny"] == pytest.approx(34 * 2 * 51 * 0.00665, rel=0.01)
    # 48 channels of 3 x 3 positions for 3 colours of every pixel of 2 frames
    hand = 34 * 2 * 51 * 2 * 48 * 9 * 3 * 704 * 1280 * 2 / 1e15
    assert petaflops["projection"] == pytest.approx(hand, rel=0.01)
    mixed = next(line for line in said.splitlines() if "by the codec" in line)
    # each result to compare, to fit and to read; each look where no step agrees
    assert f"{34 * 8 + 3 * 34 * 2:,} of them or up to {34 * 8 + 34 * 2 + 34 * 2 * 51:,}" in mixed

    full = {"reading": {"decoder": "full"}, "experiments": ["decision"]}
    said = "\n".join(plan.report(of_real(*names, **full), Path()))
    assert "looks are read" in said and "by the codec" not in said
    # LTX's codec takes 8.76e5 FLOP for each pixel of 121 frames of 640 x 640
    said = "\n".join(plan.report(of_real("ltx", "real-puzzles", "ltx-puzzles"), Path()))
    counted = re.search(r"PFLOP by decoder: full ([\d,.]+) \(.*?\), projection", said)
    hand = 34 * 2 * 51 * 8.76e5 * 121 * 640 * 640 / 1e15
    assert float(counted[1].replace(",", "")) == pytest.approx(hand, rel=0.01)


def test_what_files_say_counts_before_what_is_published(small):
    config = settings(small)
    makeup = Makeup.of(config.models["small"])
    assert (makeup.dim, makeup.ffn_dim, makeup.num_layers) == (48, 64, 2)
    assert makeup.patch_size == (1, 2, 2) and makeup.z_dim == 6
    assert makeup.family is None and not makeup.assumed
    weights, attention = makeup.flops(Shape(80, 80, 17))  # 5 x 20 x 20 latents, 500 tokens
    assert weights == 2 * (6 * 48**2 + 2 * 48 * 64) * 2 * 500
    assert attention == 4 * 500**2 * 48 * 2
