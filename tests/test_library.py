"""The package as a library: light to import, and its page done on every family."""

import inspect
import subprocess
import sys
from types import SimpleNamespace

import pytest
import tiny
import torch
from diffusers import LTX2Pipeline, LTXPipeline, WanPipeline
from pages import blocks
from PIL import Image
from repository import ROOT

import chain_of_steps as cos
from chain_of_steps.models.cogvideox import CogVideoXModel
from chain_of_steps.models.hunyuan import HunyuanModel
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.ltx2 import LTX2Model
from chain_of_steps.models.wan import SkyReelsModel, WanGivenFrameModel, WanModel
from chain_of_steps.tasks import stream
from chain_of_steps.tasks.observe import Observer

LOADING, *ON_ANY_FAMILY = [b.text for b in blocks(ROOT / "docs/library.md") if b.language]
FAMILIES = {
    "wan2.2-i2v-a14b": (WanModel, lambda: tiny.pipeline(experts=2, **tiny.text_parts())),
    "wan2.1-i2v": (WanModel, lambda: tiny.pipeline(**tiny.text_parts(), **tiny.clip_parts())),
    "wan2.2-ti2v": (WanGivenFrameModel, lambda: tiny.given_frame_pipeline(**tiny.text_parts())),
    "ltx": (LTXModel, tiny.ltx_pipeline),
    "ltx2": (LTX2Model, tiny.ltx2_pipeline),
    "skyreels": (SkyReelsModel, tiny.skyreels_pipeline),
    "hunyuan": (HunyuanModel, tiny.hunyuan_pipeline),
    "cogvideox": (CogVideoXModel, lambda: tiny.cogvideox_pipeline(frames=17)),
    "cogvideox1.5": (CogVideoXModel, lambda: tiny.cogvideox_pipeline(later=True)),
}
# the defaults of calling the pipeline; others are those of Wan
GUIDANCE = {"ltx": 3, "ltx2": 3, "hunyuan": 6, "cogvideox": 6, "cogvideox1.5": 6}
LENGTH = {"ltx": 128, "ltx2": 1024, "hunyuan": 8, "cogvideox": 226, "cogvideox1.5": 226}


# Importing


def test_importing_the_package_loads_nothing_heavy_and_finds_every_name():
    program = (
        "import sys, chain_of_steps as cos\n"
        "heavy = {'torch', 'diffusers', 'pandas', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert set(cos.__all__) <= set(dir(cos))\n"
        "for name in cos.__all__:\n"
        "    value = getattr(cos, name)\n"
        "    assert value.__name__ == name and (value.__doc__ or name == 'ModelMixin'), name\n"
        "try:\n"
        "    cos.smaple\n"
        "except AttributeError as error:\n"
        "    assert 'smaple' in str(error)\n"
        "else:\n"
        "    raise AssertionError('no error')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# A pipeline that is loaded already


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    adapter, build = FAMILIES[request.param]
    return SimpleNamespace(name=request.param, adapter=adapter, pipe=build())


def test_wrap_gives_the_adapter_with_the_defaults_of_the_pipeline(family):
    model = cos.wrap(family.pipe)
    assert type(model) is family.adapter
    assert model.experts[0] is family.pipe.transformer
    guidance = GUIDANCE.get(family.name, 5)
    assert model.guidances == (guidance, guidance)
    assert model.max_sequence_length == LENGTH.get(family.name, 512)
    assert model.boundary == (0.8 if family.name == "wan2.2-i2v-a14b" else None)
    other = cos.wrap(family.pipe, guidance=2.0, max_sequence_length=9, name="mine")
    assert (other.guidances[0], other.max_sequence_length, other.name) == (2.0, 9, "mine")


def test_prompts_are_no_longer_than_the_tokenizer_takes():
    parts = tiny.text_parts()
    parts["tokenizer"].model_max_length = 24
    assert cos.wrap(tiny.pipeline(**parts)).max_sequence_length == 24


@pytest.mark.parametrize(
    ("text_alone", "build", "adapter"),
    [
        (WanPipeline, tiny.given_frame_pipeline, WanGivenFrameModel),
        (LTXPipeline, tiny.ltx_pipeline, LTXModel),
        (LTX2Pipeline, tiny.ltx2_pipeline, LTX2Model),
    ],
)
def test_a_pipeline_of_the_family_made_for_text_alone_is_taken_as_it_is(text_alone, build, adapter):
    pipe = text_alone.from_pipe(build(), dtype=torch.bfloat16)
    model = cos.wrap(pipe)
    assert type(model) is adapter
    assert model.experts == (pipe.transformer,)
    assert pipe.transformer.dtype == pipe.vae.dtype == torch.bfloat16


def test_pipelines_that_cannot_be_wrapped_are_one_sentence():
    with pytest.raises(cos.UserError, match="This pipeline is a WanPipeline, which makes no video"):
        cos.wrap(WanPipeline.from_pipe(tiny.pipeline()))


def test_steps_and_size_are_those_of_calling_the_pipeline(family):
    model = cos.wrap(family.pipe)
    small = (17, 32, 32)
    call = inspect.signature(family.pipe.__call__).parameters
    assert len(model.schedule(*small)) == call["num_inference_steps"].default + 1
    shift = model.default_shift(*small)
    assert torch.equal(model.schedule(*small, n_steps=4), model.sigmas(4, shift))
    size = model.default_size(tiny.picture())
    n_frames, height, width = size
    frames = call["num_frames"].default or 121  # what LTX-2 takes where it does not guess
    if isinstance(model, CogVideoXModel):
        net = family.pipe.transformer.config  # these pipelines take their size from there
        area = net.sample_height * net.sample_width * 64
        frames = net.sample_frames if net.use_learned_positional_embeddings else frames
    elif isinstance(model, HunyuanModel):
        area = 32 * 32
    else:
        area = call["height"].default * call["width"].default
    model.latent_shape(*size)  # whole tokens
    assert height == width
    assert 0.8 < height * width / area < 1.2
    assert 0 <= frames - n_frames < 8
    _, tall, narrow = model.default_size(Image.new("RGB", (300, 600)))
    assert 1.8 < tall / narrow < 2.2 or isinstance(model, CogVideoXModel)


# Where the modules are


def places(pipe):
    modules = {n: m for n, m in pipe.components.items() if isinstance(m, torch.nn.Module)}
    return {name: {str(p.device) for p in module.parameters()} for name, module in modules.items()}


def run_of(model, prompt="go to the red dot"):
    size = (17, 32, 32)
    condition = model.condition([tiny.picture()], [prompt], size[0])
    velocity = model.velocity(condition)
    end = cos.sample(velocity, model.noise(0, *size), model.schedule(*size, n_steps=2))
    return model.decode(end)


def test_modules_stay_where_the_caller_had_them(family):
    before = places(family.pipe)
    run_of(cos.wrap(family.pipe, max_sequence_length=tiny.PROMPT_LENGTH))
    assert places(family.pipe) == before


@pytest.mark.parametrize("build", [FAMILIES[name][1] for name in ("wan2.1-i2v", "ltx2")])
def test_a_pipeline_that_moves_its_modules_goes_on_doing_so(build, monkeypatch):
    """A device of another name than the one where the modules wait stands in for a GPU."""
    from accelerate.hooks import CpuOffload

    expected = run_of(cos.wrap(build(), max_sequence_length=tiny.PROMPT_LENGTH))
    pipe, brought = build(), []
    names = {id(part): name for name, part in pipe.components.items()}
    fetch = CpuOffload.pre_forward

    def counted(hook, module, *args, **options):
        brought.append(names[id(module)])
        return fetch(hook, module, *args, **options)

    monkeypatch.setattr(CpuOffload, "pre_forward", counted)
    pipe.enable_model_cpu_offload(device="cpu")
    model = cos.wrap(pipe, max_sequence_length=tiny.PROMPT_LENGTH)
    assert str(model.device) == "cpu:0"
    assert torch.equal(run_of(model), expected)
    assert {"text_encoder", "transformer", "vae"} <= set(brought)
    # two branches and two steps; the codec encodes the picture and decodes the video
    assert (brought.count("transformer"), brought.count("vae")) == (4, 2)
    moved = []
    for module in (pipe.text_encoder, pipe.vae, pipe.transformer):
        monkeypatch.setattr(module, "to", lambda *a, **o: moved.append(a))
    model.condition([tiny.picture(1)], ["go"], 9)
    assert all(str(device) == "cpu:0" for (device,) in moved), "only its own hooks move them"


def test_our_own_codec_is_brought_by_the_pipeline_too(monkeypatch):
    from accelerate.hooks import CpuOffload, add_hook_to_module

    codec, brought = cos.LinearVideoCodec(z_dim=2), []
    monkeypatch.setattr(CpuOffload, "pre_forward", lambda hook, module, *a: brought.append(module))
    add_hook_to_module(codec, CpuOffload("cpu"))
    z = codec.encode(torch.zeros(1, 3, 5, 16, 16)).latent_dist.mode()
    codec.decode(z)
    codec.decode_frames(z, [0])
    assert brought == [codec] * 3


# The page


def check(given: dict) -> None:
    """What the blocks of the page left behind, measured another way."""
    model, velocity, noise, sigmas = (given[n] for n in ("model", "velocity", "noise", "sigmas"))
    assert given["estimates"].shape == (10, *given["size"], 3)
    states = []
    end = cos.sample(model.velocity(velocity.condition), noise, sigmas, watch=states.append)
    assert torch.equal(given["end"], end)
    last = states[-1]
    assert torch.allclose(model.decode(last.x - last.sigma * last.v), given["estimates"][-1:])
    assert (given["perturbed"] - end).abs().max() > 1e-3

    branches = {"cond"} if velocity.condition.negative is None else {"cond", "uncond"}
    layers = len(model.blocks[0])
    assert len(given["energy"]) == 10 * layers * len(branches)
    block, outputs = model.blocks[0][1], []
    handle = block.register_forward_hook(lambda module, args, output: outputs.append(output))
    model.velocity(velocity.condition)(noise, 1.0, 0)
    handle.remove()
    tokens = outputs[0][0] if isinstance(outputs[0], tuple) else outputs[0]
    expected = tokens.float().square().sum(-1).sqrt().flatten()
    assert torch.allclose(given["energy"][cos.Site(0, 0, "cond", 1)].flatten(), expected, rtol=1e-4)

    runs, states = given["runs"], given["states"]
    assert (given["swapped"] - runs.x[:, -1]).abs().amax((1, 2, 3, 4)).min() > 1e-4
    own, _ = runs.patched(states, torch.arange(2), step=0, layer=1, part="video")
    assert torch.equal(own, runs.x[:, 1])
    assert torch.equal(given["received"], runs.patched(states, given["donors"], 0, 1, "video")[0])


def test_the_page_runs_on_every_family(family):
    given = {
        "torch": torch,
        "cos": cos,
        "model": cos.wrap(family.pipe, max_sequence_length=tiny.PROMPT_LENGTH),
        "image": tiny.picture(),
        "n_frames": 17,
        "prompt": "go to the red dot",
    }
    exec("from PIL import ImageOps", given)
    for text in ON_ANY_FAMILY:
        exec(compile(text, "library.md", "exec"), given)
    check(given)


def test_the_page_runs_on_the_shipped_model_and_ends_where_the_pipeline_does(monkeypatch):
    monkeypatch.chdir(ROOT)
    given: dict = {}
    for text in (LOADING, *ON_ANY_FAMILY):
        exec(compile(text, "library.md", "exec"), given)
    check(given)
    pipe = given["pipe"]
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(
        image=given["image"],
        prompt=given["prompt"],
        latents=given["noise"],
        num_frames=17,
        height=80,
        width=80,
        num_inference_steps=10,
        output_type="latent",
        guidance_scale=1.0,
        max_sequence_length=24,
    ).frames
    assert torch.equal(given["end"], expected)


def test_the_block_of_the_readme_shows_how_the_maze_is_solved(monkeypatch):
    monkeypatch.chdir(ROOT)
    (text,) = [b.text for b in blocks(ROOT / "README.md") if "cos.wrap" in b.text]
    given: dict = {}
    exec(compile(text, "README.md", "exec"), given)
    puzzle = next(stream("maze", "in-domain", "evaluation", 0))
    reader = Observer(puzzle)
    reading = reader.read(given["estimates"][:, list(reader.frames)].numpy())
    assert puzzle.prompt == given["prompt"]
    assert reading.correct.tolist()[-1]
    assert reading.evidence.max(1)[-1] > reading.evidence.max(1)[0]
