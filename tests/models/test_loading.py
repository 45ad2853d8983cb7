"""Loading: which adapter a directory gets, LoRA, memory, and one sentence for what is missing."""

import importlib.util
import json
import os
import shutil
import sys

import pytest
import tiny
import torch
from diffusers import DiffusionPipeline
from hooks import Record
from huggingface_hub.errors import LocalEntryNotFoundError, RevisionNotFoundError
from safetensors.torch import load_file, save_file

from chain_of_steps.cli import main
from chain_of_steps.errors import UserError
from chain_of_steps.models import adapters, loading
from chain_of_steps.models.adapters import adapter_for, load_codec, load_model
from chain_of_steps.models.cogvideox import CogVideoXModel
from chain_of_steps.models.files import directory_digest, model_files, not_finite
from chain_of_steps.models.loading import count_parameters, fetch, weight_bytes
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.ltx2 import LTX2Model
from chain_of_steps.models.placement import (
    GB,
    Placement,
    check_offload,
    choose_offload,
    module_bytes,
)
from chain_of_steps.models.wan import SkyReelsModel, WanGivenFrameModel, WanModel
from chain_of_steps.probes import hooked
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.study.config import check_config

SIZE, N_FRAMES = 32, 5


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A two-expert pipeline on disk, with text parts."""
    folder = tmp_path_factory.mktemp("models") / "a14b"
    tiny.pipeline(experts=2, codec=tiny.LinearCodec(), **tiny.text_parts()).save_pretrained(folder)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def run(model, experts=None, **options):
    condition = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES)
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    velocity = model.velocity(condition)
    return sample(velocity, noise, flow_sigmas(4, 3.0), **options)


# Which adapter


def index(folder, **fields):
    folder.mkdir(exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(fields))
    return folder


@pytest.mark.parametrize(
    ("fields", "adapter"),
    [
        ({"_class_name": "WanImageToVideoPipeline"}, WanModel),
        ({"_class_name": "WanImageToVideoPipeline", "expand_timesteps": True}, WanGivenFrameModel),
        ({"_class_name": "WanPipeline", "expand_timesteps": True}, WanGivenFrameModel),
        ({"_class_name": "LTXImageToVideoPipeline"}, LTXModel),
        ({"_class_name": "LTXConditionPipeline"}, LTXModel),
        ({"_class_name": "LTX2ImageToVideoPipeline"}, LTX2Model),
        ({"_class_name": "LTX2Pipeline"}, LTX2Model),
        ({"_class_name": "SkyReelsV2ImageToVideoPipeline"}, SkyReelsModel),
        ({"_class_name": "CogVideoXImageToVideoPipeline"}, CogVideoXModel),
    ],
)
def test_the_adapter_follows_from_the_class_of_the_pipeline(tmp_path, fields, adapter):
    assert adapter_for(index(tmp_path / "m", **fields)) is adapter


@pytest.mark.parametrize("name", ["WanPipeline", "FluxPipeline", None, "LTX2HDRPipeline"])
def test_a_pipeline_of_no_such_family_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=f"is a {name}, which .*: write"):
        adapter_for(index(tmp_path / "m", _class_name=name))


def test_a_configured_model_is_loaded_with_its_settings(tmp_path):
    ltx, ti2v = tmp_path / "ltx", tmp_path / "ti2v"
    tiny.ltx_pipeline().save_pretrained(ltx)
    tiny.given_frame_pipeline(**tiny.text_parts()).save_pretrained(ti2v)
    # as the repository of TI2V-5B has it
    content = json.loads((ti2v / "model_index.json").read_text()) | {"_class_name": "WanPipeline"}
    for name in ("image_encoder", "image_processor"):
        del content[name]
    (ti2v / "model_index.json").write_text(json.dumps(content))
    models = {
        "l": {"path": str(ltx), "guidance": 3.0},
        "t": {"path": str(ti2v), "negative_prompt": "blue"},
    }
    study = {"study": "s", "models": models, "cases": {"tasks": ["odd"]}}
    loaded = load_model(check_config(study | {"execution": {"vae_tiling": True}}), "l")
    assert isinstance(loaded, LTXModel)
    assert (loaded.name, loaded.guidances) == ("l", (3.0, 3.0))
    assert loaded.pipe.vae.use_tiling
    config, ends = check_config(study), []
    for model in (load_model(config, "l"), LTXModel(tiny.ltx_pipeline(), guidance=3.0)):
        given = {"negative_embeds": tiny.prompt_embeds(1)}
        condition = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES, **given)
        noise = model.noise(4, N_FRAMES, SIZE, SIZE)
        ends.append(sample(model.velocity(condition), noise, model.sigmas(3, 2.0)))
    assert torch.equal(*ends)
    assert isinstance(load_model(config, "t"), WanGivenFrameModel)


def test_an_ltx2_model_is_loaded_from_a_repository_that_names_another_pipeline(tmp_path):
    folder = tmp_path / "ltx2"
    tiny.ltx2_pipeline().save_pretrained(folder)
    content = json.loads((folder / "model_index.json").read_text()) | {
        "_class_name": "LTX2Pipeline"
    }
    (folder / "model_index.json").write_text(json.dumps(content))
    length = {"max_sequence_length": tiny.PROMPT_LENGTH}
    models = {"l": {"path": str(folder), "guidance": 3.0, **length}}
    config = check_config({"study": "s", "models": models, "cases": {"tasks": ["odd"]}})
    ends = []
    for model in (load_model(config, "l"), LTX2Model(tiny.ltx2_pipeline(), guidance=3.0, **length)):
        condition = model.condition([tiny.picture()], ["go to the red dot"], N_FRAMES)
        noise = model.noise(4, N_FRAMES, SIZE, SIZE)
        ends.append(sample(model.velocity(condition), noise, model.sigmas(3, 2.0)))
    assert torch.equal(*ends)


@pytest.mark.parametrize("family", ["wan", "ltx"])
def test_runs_have_the_noise_levels_that_are_configured(tmp_path, family):
    pipe = tiny.pipeline(**tiny.text_parts()) if family == "wan" else tiny.ltx_pipeline()
    pipe.save_pretrained(tmp_path / "m")
    study = {
        "study": "s",
        "models": {"m": {"path": str(tmp_path / "m")}},
        "cases": {"tasks": ["odd"]},
    }
    levels = [1.0, 0.9, 0.3]
    fields = {
        "diffusers": {},
        "single-shift": {"schedule": "single-shift"},
        "list": {"schedule": "list", "levels": levels},
    }
    found = {}
    for name, field in fields.items():
        config = check_config(study | {"sampler": {"steps": 3, "shift": 3.0, **field}})
        found[name] = load_model(config, "m").sigmas(3, 3.0).tolist()
    assert found["single-shift"] == pytest.approx([1, 6 / 7, 3 / 5, 0])
    assert found["list"] == pytest.approx([*levels, 0])
    stock = flow_sigmas(3, 3.0).tolist()
    assert (found["diffusers"] == stock) == (family == "wan")
    assert found["diffusers"] != found["single-shift"]


def test_two_experts_are_loaded_with_boundary_and_guidance(saved):
    model = WanModel.load(saved, boundary=0.3, guidance=3.0, guidance_2=1.5)
    assert model.boundary == 0.3
    assert model.guidances == (3.0, 1.5)
    assert WanModel.load(saved).boundary == 0.8


# LoRA


def lora(rank=2, seed=0, width=48, name="blocks.{}.self_attn.q.lora_{}.default.weight"):
    """Of the query projections of all three blocks, as DiffSynth names them."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for block in range(3):
        state[name.format(block, "A")] = torch.randn(rank, width, generator=generator)
        state[name.format(block, "B")] = torch.randn(width, rank, generator=generator)
    return state


DIFFUSERS = "transformer.blocks.{}.attn1.to_q.lora_{}.weight"


@pytest.mark.parametrize("name", [None, DIFFUSERS])
def test_loras_are_merged_into_their_experts(saved, tmp_path, name):
    options = {} if name is None else {"name": name}
    high, low = lora(seed=1, **options), lora(seed=2, **options)
    save_file(high, tmp_path / "high.safetensors")
    save_file(low, tmp_path / "low.safetensors")
    fields = {
        "high": {"path": str(tmp_path / "high.safetensors"), "weight": 0.5},
        "low": {"path": str(tmp_path / "low.safetensors")},
    }
    plain, model = WanModel.load(saved), WanModel.load(saved, lora=fields)
    for expert, state, weight in ((0, list(high.values()), 0.5), (1, list(low.values()), 1.0)):
        before, after = plain.experts[expert], model.experts[expert]
        for block in range(3):
            a, b = state[2 * block], state[2 * block + 1]
            expected = before.blocks[block].attn1.to_q.weight + weight * b @ a
            assert torch.allclose(after.blocks[block].attn1.to_q.weight, expected, atol=1e-5)
        assert dict(before.named_parameters()).keys() == dict(after.named_parameters()).keys()
        same = before.blocks[0].attn1.to_k.weight
        assert torch.equal(after.blocks[0].attn1.to_k.weight, same)
    assert [m.expert for m in model.loras] == ["transformer", "transformer_2"]
    assert all(0.9 * 3 * 48 * 48 < m.changed <= 3 * 48 * 48 for m in model.loras)
    assert not torch.equal(run(model), run(plain))
    # the identity of the model has files and weights of its LoRAs in it
    half = {**fields, "low": {**fields["low"], "weight": 0.25}}
    digests = {m.digest for m in (plain, model, WanModel.load(saved, lora=half))}
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (lora(name="other.{}.attn.lora_{}.weight"), "does not fit this expert"),
        (lora(width=40), "does not fit this expert"),
        ({k: 0 * v for k, v in lora().items()}, "it changes no weight"),
        ({**lora(), **lora(name="blocks.7{}.self_attn.q.lora_{}.weight")}, "does not fit"),
        ({"blocks.0.norm.diff": torch.zeros(3)}, "does not fit this expert"),
    ],
)
@pytest.mark.parametrize("field", ["high", "low"])
def test_a_lora_that_does_not_fit_is_refused(saved, tmp_path, field, state, words):
    save_file(state, tmp_path / "it.safetensors")
    with pytest.raises(UserError, match=rf"lora\.{field}: .*{words}"):
        WanModel.load(saved, lora={field: {"path": str(tmp_path / "it.safetensors")}})


def test_a_lora_that_is_not_there_or_has_no_expert_is_refused(saved, tmp_path, monkeypatch):
    def missing(*args, **options):
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", missing)
    for path in ("nowhere.safetensors", "owner/repository/it.safetensors"):
        with pytest.raises(UserError, match=rf"lora\.high: there is no file {path}: write"):
            WanModel.load(saved, lora={"high": {"path": path}})
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(b"no tensors")
    with pytest.raises(UserError, match=r"lora\.high: .* cannot be read"):
        WanModel.load(saved, lora={"high": {"path": str(torn)}})
    one = tmp_path / "one"
    tiny.pipeline(codec=tiny.LinearCodec(), **tiny.text_parts()).save_pretrained(one)
    with pytest.raises(UserError, match=r"lora\.low is given, but the model has no such expert"):
        WanModel.load(one, lora={"low": {"path": str(torn)}})


# What is missing


def no_package(monkeypatch, name):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        loading.importlib.util, "find_spec", lambda n: None if n == name else find(n)
    )


def test_a_missing_package_is_named(saved, monkeypatch):
    model = WanModel.load(saved, max_sequence_length=tiny.PROMPT_LENGTH)
    no_package(monkeypatch, "ftfy")
    with pytest.raises(UserError, match=r"ftfy is not installed, .*: write pip install ftfy"):
        model.encode_prompts(["go"])
    no_package(monkeypatch, "peft")
    with pytest.raises(UserError, match=r"peft is not installed, but lora\.high"):
        WanModel.load(saved, lora={"high": {"path": "x"}})


def test_missing_and_torn_weights_are_one_sentence(copied):
    weights = copied / "transformer_2" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.unlink()
    with pytest.raises(UserError, match=r"is not whole .*: fetch or train it again"):
        WanModel.load(copied)
    for content in (whole[: len(whole) // 2], whole[:3], b""):
        weights.write_bytes(content)
        with pytest.raises(UserError, match="is not whole"):
            WanModel.load(copied)
    weights.write_bytes(whole)
    tensors = load_file(weights)
    del tensors["blocks.1.attn1.to_q.weight"]
    save_file(tensors, weights)
    with pytest.raises(
        UserError, match=r"transformer_2 has no weight blocks\.1\.attn1\.to_q\.weight"
    ):
        WanModel.load(copied)
    (copied / "model_index.json").write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        WanModel.load(copied)


def test_a_repository_or_revision_that_is_not_there_is_one_sentence(monkeypatch):
    def wrong_revision(*args, **options):
        raise RevisionNotFoundError.__new__(RevisionNotFoundError)

    monkeypatch.setattr("huggingface_hub.model_info", wrong_revision)
    with pytest.raises(UserError, match=r"owner/model has no revision 'abc': write the commit"):
        fetch("owner/model", "abc")

    monkeypatch.undo()

    def offline(*args, **options):
        raise OSError("cannot reach the Hub")

    monkeypatch.setattr(DiffusionPipeline, "download", offline)
    with pytest.raises(UserError, match="No pipeline at owner/model: give a directory"):
        fetch("owner/model")


def test_a_text_encoder_without_words_is_refused(saved, monkeypatch):
    pipe = tiny.pipeline(codec=tiny.LinearCodec(), **tiny.text_parts())
    loading.check_text_encoder(pipe)
    pipe.text_encoder.encoder.embed_tokens = torch.nn.Embedding(16, tiny.TEXT_DIM)
    with pytest.raises(UserError, match="without its word embeddings"):
        loading.check_text_encoder(pipe)


def test_a_device_that_is_not_there_is_refused_before_anything_loads(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(loading, "fetch", lambda *a: pytest.fail("something was fetched"))
    config = {"study": "s", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["odd"]}}
    config = check_config(config | {"execution": {"device": "cuda:77"}})
    with pytest.raises(UserError, match=r"execution\.device is 'cuda:77', which torch cannot use"):
        load_model(config, "m")


# Memory


def test_weights_are_counted_from_their_heads(saved):
    model = WanModel.load(saved)
    for dtype, width in ((torch.float32, 4), (torch.bfloat16, 2)):
        sizes = weight_bytes(saved, dtype)
        count = sum(p.numel() for p in model.experts[1].parameters())
        assert sizes["transformer_2"] == count * width
        assert sizes["vae"] == 4
        assert sizes["text_encoder"] > 0


def hierarchy(root, version, limits):
    """Control groups, the outermost first: limit, what is taken, and how much of it is cache."""
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]
    (root / "proc/self").mkdir(parents=True)
    lines = {1: "5:cpu,cpuacct:/x\n4:memory:/slurm/job\n0::/\n", 2: "0::/slurm/job\n"}
    (root / "proc/self/cgroup").write_text(lines[version])
    folder = root / "sys/fs/cgroup" / ("memory" if version == 1 else "")
    for place, (limit, taken, cache) in zip((".", "slurm", "slurm/job"), limits, strict=True):
        group = folder / place
        group.mkdir(parents=True, exist_ok=True)
        if limit is not None:
            (group / names[0]).write_text(f"{limit}\n")
        (group / names[1]).write_text(f"{taken}\n")
        (group / "memory.stat").write_text(f"anon 7\n{names[2]} {cache}\n")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("limits", "free"),
    [
        ([(None, 0, 0), (900, 500, 0), (1000, 100, 0)], 400),  # the group around it is the tighter
        ([(None, 0, 0), ("max", 500, 0), (800, 300, 50)], 550),  # cache is given back
        ([(None, 0, 0), ("max", 0, 0), (100, 300, 0)], 0),
        ([(None, 0, 0), (10**15, 0, 0), (10**15, 0, 0)], 5000),  # no limit, as version 1 has it
    ],
)
def test_memory_is_what_the_control_groups_leave(tmp_path, monkeypatch, version, limits, free):
    class Machine:
        available = 5000

    monkeypatch.setattr("psutil.virtual_memory", lambda: Machine)
    hierarchy(tmp_path, version, limits)
    assert loading.free_memory(tmp_path) == free
    assert loading.free_memory(tmp_path / "nowhere") == 5000
    assert 0 < loading.free_memory() <= 5000


def test_too_little_memory_is_refused_before_loading(saved, monkeypatch):
    class Little:
        available = 100_000

    monkeypatch.setattr("psutil.virtual_memory", lambda: Little)
    monkeypatch.setattr(
        "diffusers.WanImageToVideoPipeline.from_pretrained", lambda *a, **b: pytest.fail("loaded")
    )
    with pytest.raises(UserError, match=r"take 0\.\d GB, but 0\.0 GB of memory are free: "):
        WanModel.load(saved)


@pytest.mark.parametrize(
    ("free", "mode"), [(140, "none"), (85, "none"), (80, "model"), (48, "model"), (24, "group")]
)
def test_offload_follows_from_free_memory(free, mode):
    """The A14B experts in bfloat16 take 28.6 GB each, the codec in float32 half a GB."""
    assert choose_offload([int(28.6 * GB)] * 2, int(0.5 * GB), int(free * GB)) == mode


@pytest.mark.parametrize(
    ("free", "encoder", "mode"),
    [
        (25.7, 11.4, "none"),  # TI2V-5B on an empty card of 24 GiB, with UMT5-XXL
        (25.0, 11.4, "model"),  # on one with a desktop there is no room for both
        (25.0, 24.0, "none"),  # Gemma-12B never fits, and encodes on the CPU
        (12.0, 11.4, "group"),
    ],
)
def test_offload_counts_the_encoder_while_it_visits(free, encoder, mode):
    """The experts of TI2V-5B in bfloat16 take 10 GB, its codec in float32 2.8."""
    sizes = [int(10.0 * GB)], int(2.8 * GB), int(free * GB), int(encoder * GB)
    assert choose_offload(*sizes) == mode


def test_an_offload_that_cannot_fit_is_refused():
    sizes = [int(28.6 * GB)] * 2
    check_offload("none", sizes, int(GB), int(80 * GB))
    check_offload("group", sizes, int(GB), int(8 * GB))
    with pytest.raises(UserError, match=r"offload is none.* 58\.2 GB, but 48\.0 GB .* write model"):
        check_offload("none", sizes, int(GB), int(48 * GB))
    with pytest.raises(UserError, match=r"offload is model.* 28\.6 GB.* write group"):
        check_offload("model", sizes, int(GB), int(24 * GB))


class Moves(torch.nn.Module):
    """Says where it is sent."""

    def __init__(self, name, log):
        super().__init__()
        self.name, self.log = name, log

    def to(self, device):
        self.log.append((self.name, str(device)))
        return self


def test_only_the_expert_in_use_is_on_the_device():
    log = []
    high, low, codec, text = (Moves(name, log) for name in ("high", "low", "codec", "text"))
    free = 1.0
    placement = Placement("model", torch.device("cuda"), lambda: free)
    placement.install([high, low], codec)
    assert log == []
    assert placement.expert([high, low], 0) is high
    assert placement.expert([high, low], 1) is low
    assert placement.expert([high, low], 1) is low
    assert log == [("high", "cuda"), ("high", "cpu"), ("low", "cuda")]
    log.clear()
    with placement.visiting(text) as device:
        assert (device.type, log) == ("cuda", [("text", "cuda")])
    with placement.codec(codec):
        assert log[2:] == [("low", "cpu"), ("codec", "cuda")]
    assert log[4:] == [("codec", "cpu")]
    log.clear()
    # an encoder that finds no room has the expert leave, and stays away if that does not help
    placement.expert([high, low], 0)
    text.weight = torch.nn.Parameter(torch.zeros(10))
    free = 38.0
    with placement.visiting(text) as device:
        assert (device.type, log) == ("cpu", [("high", "cuda"), ("high", "cpu"), ("text", "cpu")])
    free = 43.0
    with placement.visiting(text) as device:
        assert device.type == "cuda"
    log.clear()
    placement = Placement("none", torch.device("cuda"))
    placement.install([high, low], codec)
    with placement.codec(codec):
        placement.expert([high, low], 1)
    assert log == [("high", "cuda"), ("low", "cuda"), ("codec", "cuda")]


def test_the_text_encoder_is_there_only_while_it_encodes(saved, monkeypatch):
    model = WanModel.load(saved, max_sequence_length=tiny.PROMPT_LENGTH)
    log = []
    monkeypatch.setattr(type(model.pipe.text_encoder), "to", lambda self, d: log.append(str(d)))
    model.placement = Placement("model", torch.device("cpu", 0))
    first = model.encode_prompts(["go", "red", "go"])
    assert log == ["cpu:0", "cpu"]
    assert torch.equal(model.encode_prompts(["go"]), first[:1])
    assert torch.equal(first[0], first[2])
    assert len(log) == 2, "a known prompt needs no encoder"


def test_blocks_that_come_one_by_one_give_the_same_bits_and_can_be_hooked(saved):
    expected = run(WanModel.load(saved))
    model = WanModel.load(saved)
    model.placement = Placement("group", torch.device("cpu"))
    model.placement.install(model.experts, model.pipe.vae)
    assert torch.equal(run(model), expected)
    condition = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES)
    velocity, record = model.velocity(condition), Record()
    with hooked(velocity, model.blocks, read=record):
        velocity(model.noise(4, N_FRAMES, SIZE, SIZE), 0.9, 0)
    assert [site.layer for site in record.states] == [0, 1, 2]


def test_a_gpu_without_memory_is_one_sentence(monkeypatch, capsys, tmp_path):
    def full(*args, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr("chain_of_steps.cases.stage_cases.run", full)
    assert main(["cases", "--out", str(tmp_path / "x")]) == 1
    assert "write a smaller execution.batch" in capsys.readouterr().err


# Solvers


@pytest.mark.parametrize("stage", ["perturb", "ensemble", "energy"])
def test_unipc_refuses_what_forks_or_changes_runs(tmp_path, capsys, stage):
    path = tmp_path / "config.yaml"
    path.write_text(
        "{study: s, models: {m: {path: p}}, cases: {tasks: [odd]}, experiments: [decision],"
        " sampler: {solver: unipc}}"
    )
    options = {
        "perturb": ["--trajectory=t", "--flow=f"],
        "ensemble": ["--trajectory=t"],
        "energy": ["--job=0"],
    }[stage]
    command = [stage, "--config", str(path), "--model=m", "--cases=c", "--out=o", *options]
    assert main(command) == 1
    words = capsys.readouterr().err
    assert "sampler.solver is unipc" in words
    assert "memory of earlier ones" in words


def test_a_study_that_forks_is_refused_with_unipc():
    config = {"study": "s", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["odd"]}}
    config["sampler"] = {"solver": "unipc"}
    with pytest.raises(UserError, match=r"unipc, but noise forks"):
        check_config(config)
    check_config(config | {"experiments": ["decision"]})


# What is read of the weights once


def older(folder):
    """Sets the times of files back, as what has just been written is not remembered."""
    for path in folder.rglob("*.safetensors"):
        os.utime(path, (1, 1))


def test_weights_are_searched_for_nan_once_for_each_file(copied, tmp_path, monkeypatch):
    older(copied)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)  # no results here
    searched = []
    monkeypatch.setattr(
        loading, "not_finite", lambda path: searched.append(path) or not_finite(path)
    )
    for _ in range(2):
        WanModel.load(copied)
    assert len(searched) == len(set(searched)) == 4  # two experts, codec, text encoder
    weights = copied / "transformer_2" / "diffusion_pytorch_model.safetensors"
    for bad in (torch.nan, -torch.inf):
        tensors = load_file(weights)
        tensors["blocks.1.attn1.to_q.weight"][3, 5] = bad
        save_file(tensors, weights)
        with pytest.raises(
            UserError,
            match=r"transformer_2: weight blocks\.1\.attn1\.to_q\.weight holds nan or infinity",
        ):
            WanModel.load(copied)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int8])
def test_what_is_not_finite_is_found_whatever_the_precision(tmp_path, dtype):
    given = {"a": torch.linspace(-3, 3, 12).to(dtype), "empty": torch.zeros(0).to(dtype)}
    save_file(given, tmp_path / "a.safetensors")
    assert not_finite(tmp_path / "a.safetensors") == ""
    if dtype.is_floating_point:
        given["b"] = torch.tensor([1.0, torch.nan]).to(dtype)
        save_file(given, tmp_path / "b.safetensors")
        assert not_finite(tmp_path / "b.safetensors") == "b"


def test_digests_are_remembered_with_the_results_or_the_user(copied, tmp_path, monkeypatch):
    older(copied)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    digest = WanModel.load(copied).digest
    assert len(json.loads((tmp_path / "cache/chain_of_steps/.digests.json").read_text())) >= 4
    (tmp_path / "results").mkdir()
    assert WanModel.load(copied).digest == digest
    assert (tmp_path / "results/.digests.json").is_file()


# The codec alone


@pytest.mark.parametrize(
    "build",
    [
        lambda: tiny.pipeline(experts=2, **tiny.text_parts()),
        tiny.ltx_pipeline,
        tiny.ltx2_pipeline,
        tiny.skyreels_pipeline,
        lambda: tiny.cogvideox_pipeline(later=True, side=8),
    ],
)
def test_the_codec_alone_decodes_the_same_bits_and_is_the_same_model(tmp_path, build):
    build().save_pretrained(tmp_path / "m")
    config = {"study": "s", "models": {"m": {"path": str(tmp_path / "m")}}}
    config = check_config(config | {"cases": {"tasks": ["odd"]}})
    whole, codec = load_model(config, "m"), load_codec(config, "m")
    loaded = {name for name, part in codec.pipe.components.items() if part is not None}
    assert loaded <= {"vae", "scheduler"}
    assert codec.digest == whole.digest
    n_frames = 9
    assert codec.latent_shape(n_frames, 64, 64) == whole.latent_shape(n_frames, 64, 64)
    latents = whole.noise(1, n_frames, 64, 64)
    video = codec.decode(latents)
    assert torch.equal(video, whole.decode(latents))
    assert torch.equal(codec.encode(video), whole.encode(video))
    with pytest.raises(UserError, match="no text encoder"):
        codec.condition([tiny.picture(size=64)], ["go"], n_frames)
    condition = whole.condition([tiny.picture(size=64)], tiny.prompt_embeds(0), n_frames)
    with pytest.raises(UserError, match="Only the codec of this model is loaded"):
        codec.velocity(condition)


def test_a_codec_has_the_identity_of_its_model_with_loras(saved, tmp_path):
    save_file(lora(), tmp_path / "it.safetensors")
    fields = {"high": {"path": str(tmp_path / "it.safetensors"), "weight": 0.5}, "low": None}
    whole = WanModel.load(saved, lora=fields)
    assert WanModel.load(saved, lora=fields, codec_alone=True).digest == whole.digest


def test_weights_are_copied_only_to_be_computed_with_on_a_cpu(saved, monkeypatch):
    copies = []
    clone = torch.Tensor.clone
    monkeypatch.setattr(torch.Tensor, "clone", lambda x, **o: copies.append(x) or clone(x, **o))
    loading.load_pipeline(saved, "WanImageToVideoPipeline", torch.float32, aligned=False)
    few = len(copies)
    loading.load_pipeline(saved, "WanImageToVideoPipeline", torch.float32)
    assert len(copies) - 2 * few > 50


# Precision


def test_an_attention_backend_reaches_every_attention(saved, monkeypatch):
    from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

    active = _AttentionBackendRegistry.get_active_backend()[0]
    try:
        model = WanModel.load(saved, attention="_native_math")
        blocks = [block for expert in model.experts for block in expert.blocks]
        attentions = [part for block in blocks for part in (block.attn1, block.attn2)]
        used = {attention.processor._attention_backend for attention in attentions}
        assert used == {AttentionBackendName._NATIVE_MATH}
        assert torch.allclose(run(model), run(WanModel.load(saved)), atol=1e-4)
    finally:
        _AttentionBackendRegistry.set_active_backend(active)
    with pytest.raises(UserError, match="attention is 'fast', which cannot be used here"):
        WanModel.load(saved, attention="fast")


def test_weights_kept_in_8_bits_take_a_byte_each_and_round(saved):
    model, whole = WanModel.load(saved, storage="float8"), WanModel.load(saved)
    weight = model.experts[1].blocks[1].ffn.net[0].proj.weight
    assert weight.dtype == torch.float8_e4m3fn
    rounded = whole.experts[1].blocks[1].ffn.net[0].proj.weight.to(torch.float8_e4m3fn)
    assert torch.equal(weight.float(), rounded.float())
    assert module_bytes(model.experts[0]) < 0.7 * module_bytes(whole.experts[0])
    assert model.velocity(given_to(model)).dtypes == (torch.float32,) * 2
    difference = (run(model) - run(whole)).abs().mean() / run(whole).std()
    assert 1e-4 < difference < 0.2
    record = Record()
    velocity = model.velocity(given_to(model))
    with hooked(velocity, model.blocks, read=record):
        velocity(model.noise(4, N_FRAMES, SIZE, SIZE), 0.9, 0)
    assert [site.layer for site in record.states] == [0, 1, 2]


def given_to(model):
    return model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES)


# Which models a study may take


def study_of(**model):
    config = {"study": "s", "models": {"m": model}, "cases": {"tasks": ["odd"]}}
    return check_config(config)


@pytest.mark.parametrize("revision", [None, "main"])
def test_a_run_refuses_a_repository_at_no_certain_revision(monkeypatch, revision):
    monkeypatch.setattr(adapters, "fetch", lambda *a: pytest.fail("something was fetched"))
    with pytest.raises(UserError, match=r"models\.m\.path is owner/model.*models\.m\.revision"):
        load_model(study_of(path="owner/model", revision=revision), "m")
    high = {"high": {"path": "owner/loras/maze.safetensors", "revision": revision}}
    with pytest.raises(UserError, match=r"models\.m\.lora\.high\.path .*face\.co/owner/loras HEAD"):
        load_model(study_of(path="owner/model", revision="abc", lora=high), "m")


def test_a_pinned_repository_and_local_paths_pass(saved, monkeypatch, tmp_path):
    fetched = []
    monkeypatch.setattr(adapters, "fetch", lambda *a: fetched.append(a) or saved)
    load_codec(study_of(path="owner/model", revision="0123abc"), "m")
    load_codec(study_of(path=str(saved)), "m")
    load_codec(study_of(path="no-repository"), "m")  # what is wrong with it, `fetch` says
    assert len(fetched) == 3


def test_a_study_refuses_a_model_that_needs_a_last_frame_before_it_loads(tmp_path, monkeypatch):
    tiny.pipeline(**tiny.clip_parts(last=True)).save_pretrained(tmp_path / "flf")
    monkeypatch.setattr(
        "diffusers.WanImageToVideoPipeline.from_pretrained", lambda *a, **b: pytest.fail("loaded")
    )
    with pytest.raises(UserError, match="Model m goes from a first to a last frame, and only"):
        load_model(study_of(path=str(tmp_path / "flf")), "m")


def test_raw_files_of_wan_are_refused_with_the_way_to_convert(tmp_path):
    names = ["patch_embedding.weight", "time_projection.1.weight", "head.head.weight"]
    for number, name in enumerate(names):  # in several files, as the large ones are
        save_file({name: torch.zeros(1)}, tmp_path / f"model-{number}.safetensors")
    with pytest.raises(UserError, match=r"raw files of Wan.* -Diffusers, or convert it"):
        fetch(tmp_path)
    save_file({name: torch.zeros(1) for name in names}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="raw files of Wan"):
        fetch(tmp_path / "model.safetensors")
    (tmp_path / "wan2.2").mkdir()
    (tmp_path / "wan2.2" / "Wan2.1_VAE.pth").write_bytes(b"")
    with pytest.raises(UserError, match="raw files of Wan"):
        fetch(tmp_path / "wan2.2")


# Adapters of other packages

TOY = """
from chain_of_steps.models.wan import WanModel


class ToyModel(WanModel):
    PIPELINE = "toy_video:ToyPipeline"
"""
TOY_PIPELINE = """
from diffusers import WanImageToVideoPipeline


class ToyPipeline(WanImageToVideoPipeline):
    pass
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Installs a distribution with an adapter: its module, and the metadata of an installation."""
    site = tmp_path / "site-packages"
    info = site / "toy_video-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "toy_adapter.py").write_text(TOY)
    (site / "toy_video.py").write_text(TOY_PIPELINE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-video\nVersion: 1.0\n")
    points = info / "entry_points.txt"
    points.write_text("[chain_of_steps.adapters]\nToyPipeline = toy_adapter:ToyModel\n")
    monkeypatch.syspath_prepend(site)
    yield points
    for name in ("toy_adapter", "toy_video"):
        sys.modules.pop(name, None)


def test_an_adapter_of_another_package_is_found_by_its_entry_point(toy, saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "toy")
    content = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(content | {"_class_name": "ToyPipeline"}))
    model = load_model(study_of(path=str(folder)), "m")
    assert (type(model).__module__, type(model).__name__) == ("toy_adapter", "ToyModel")
    assert type(model.pipe).__module__ == "toy_video"
    assert torch.equal(run(model), run(WanModel.load(saved)))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("toy_adapter:Other", "cannot be imported"),
        ("nowhere:Model", "cannot be imported"),
        ("json:loads", "is no subclass of VideoModel"),
    ],
)
def test_an_entry_point_that_is_wrong_is_one_sentence(toy, tmp_path, target, words):
    toy.write_text(f"[chain_of_steps.adapters]\nToyPipeline = {target}\n")
    with pytest.raises(UserError, match=words):
        adapter_for(index(tmp_path / "m", _class_name="ToyPipeline"))


def test_a_linked_part_counts_as_if_it_lay_there(saved, tmp_path):
    """As people share a text encoder between checkpoints: its size, its digest and its change."""
    linked, far = tmp_path / "linked", tmp_path / "far"
    shutil.copytree(saved, linked)
    shutil.move(linked / "transformer", far)
    (linked / "transformer").symlink_to(far)
    assert weight_bytes(linked, torch.float32) == weight_bytes(saved, torch.float32)
    assert count_parameters(linked) == count_parameters(saved) > 0
    assert model_files(linked).keys() == model_files(saved).keys()
    assert directory_digest(linked) == directory_digest(saved)
    (path,) = far.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert directory_digest(linked) != directory_digest(saved)
