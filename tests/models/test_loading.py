"""Loading: which adapter a directory gets, LoRA, memory, and one sentence for what is missing."""

import importlib.util
import json
import shutil

import pytest
import tiny
import torch
from diffusers import DiffusionPipeline
from hooks import Record
from huggingface_hub.errors import LocalEntryNotFoundError, RevisionNotFoundError
from safetensors.torch import load_file, save_file

from chain_of_steps.cli import main
from chain_of_steps.errors import UserError
from chain_of_steps.models import loading
from chain_of_steps.models.adapters import adapter_for, load_model
from chain_of_steps.models.loading import fetch, weight_bytes
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.ltx2 import LTX2Model
from chain_of_steps.models.placement import GB, Placement, check_offload, choose_offload
from chain_of_steps.models.wan import WanGivenFrameModel, WanModel
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
    placement = Placement("model", torch.device("cuda"))
    placement.install([high, low], codec)
    assert log == []
    assert placement.expert([high, low], 0) is high
    assert placement.expert([high, low], 1) is low
    assert log == [("low", "cpu"), ("high", "cuda"), ("high", "cpu"), ("low", "cuda")]
    log.clear()
    with placement.visiting(text), placement.codec(codec):
        assert log == [("text", "cuda"), ("codec", "cuda")]
    assert log[2:] == [("codec", "cpu"), ("text", "cpu")]
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
    from chain_of_steps.probes import hooked

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
        "ensemble": ["--shard=0"],
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
