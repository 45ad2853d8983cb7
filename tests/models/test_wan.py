"""The Wan adapter against the unmodified WanImageToVideoPipeline on tiny random models."""

import subprocess
import sys

import numpy as np
import pytest
import tiny
import torch
from diffusers import FirstBlockCacheConfig

from chain_of_steps.errors import UserError
from chain_of_steps.models.files import directory_digest
from chain_of_steps.models.wan import WanGivenFrameModel, WanModel
from chain_of_steps.sampling import flow_sigmas, sample

N_STEPS, N_FRAMES, SIZE, SHIFT = 6, 9, 32, 3.0
PROMPTS = ["go to the red dot", "go to the blue dot"]


def stock(pipe, output_type="latent", n_steps=N_STEPS, **options):
    """Frames of the unmodified pipeline."""
    size = {"height": SIZE, "width": SIZE, "num_frames": N_FRAMES}
    options = {"max_sequence_length": tiny.PROMPT_LENGTH, **size, **options}
    return pipe(num_inference_steps=n_steps, output_type=output_type, **options).frames


def own(model, condition, seeds, n_steps=N_STEPS, **options):
    """(latents, velocity) of our loop."""
    velocity = model.velocity(condition)
    noise = model.noise_batch(seeds, N_FRAMES, SIZE, SIZE)
    return sample(velocity, noise, flow_sigmas(n_steps, SHIFT), **options), velocity


def pocket_pipe():
    """A pipeline in the manner of the pocket model: linear codec, patch of 2, real text parts."""
    return tiny.pipeline(codec=tiny.LinearCodec(), **tiny.text_parts())


@pytest.fixture(scope="module")
def pocket():
    return WanModel(pocket_pipe(), max_sequence_length=tiny.PROMPT_LENGTH)


@pytest.mark.parametrize("n_steps", [1, 6, 20])
@pytest.mark.parametrize(
    ("experts", "guidance", "guidance_2"),
    [(1, 1.0, None), (1, 3.0, None), (2, 1.0, None), (2, 3.0, None), (2, 3.0, 1.5)],
)
def test_own_loop_gives_the_bits_of_the_pipeline(request, experts, guidance, guidance_2, n_steps):
    pipe = request.getfixturevalue({1: "one_expert", 2: "two_experts"}[experts])
    text, negative = tiny.prompt_embeds(0), tiny.prompt_embeds(1)
    expected = stock(
        pipe,
        image=tiny.picture(),
        prompt_embeds=text.repeat(2, 1, 1),
        negative_prompt_embeds=negative.repeat(2, 1, 1),
        guidance_scale=guidance,
        guidance_scale_2=guidance_2,
        generator=[torch.Generator().manual_seed(seed) for seed in (4, 5)],
        n_steps=n_steps,
    )
    model = WanModel(pipe, guidance=guidance, guidance_2=guidance_2)
    condition = model.condition([tiny.picture()], text, N_FRAMES, negative_embeds=negative)
    states = []
    latents, velocity = own(model, condition.repeat(2), (4, 5), n_steps, watch=states.append)
    assert torch.equal(latents, expected)
    assert velocity.nfe == n_steps * 2 * (2 if guidance > 1 else 1)
    assert [s.expert for s in states] == [int(experts == 2 and s.sigma < 0.8) for s in states]


def test_the_boundary_is_taken_as_the_pipeline_takes_it():
    sigma = flow_sigmas(N_STEPS, SHIFT)[2].item()
    for boundary, expert in ((sigma, 0), (sigma + 1e-6, 1)):
        pipe = tiny.pipeline(experts=2, boundary=boundary)
        model = WanModel(pipe)
        condition = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES)
        latents, velocity = own(model, condition, (4,))
        assert velocity.expert(sigma) == expert
        noise = model.noise(4, N_FRAMES, SIZE, SIZE)
        given = {"prompt_embeds": tiny.prompt_embeds(0), "latents": noise, "guidance_scale": 1.0}
        assert torch.equal(latents, stock(pipe, image=tiny.picture(), **given))


def test_wan_2_1_with_clip_tokens_gives_the_bits_of_the_pipeline():
    pipe = tiny.pipeline(**tiny.clip_parts())
    text = tiny.prompt_embeds(0)
    given = {"prompt_embeds": text, "guidance_scale": 1.0}
    expected = [
        stock(pipe, image=tiny.picture(i), generator=torch.Generator().manual_seed(4), **given)
        for i in range(2)
    ]
    model = WanModel(pipe)
    one = model.condition([tiny.picture(0)], text, N_FRAMES)
    assert torch.equal(own(model, one, (4,))[0], expected[0])
    both = model.condition([tiny.picture(0), tiny.picture(1)], text.repeat(2, 1, 1), N_FRAMES)
    assert torch.allclose(own(model, both, (4, 4))[0], torch.cat(expected), atol=1e-5)
    assert (expected[0] - expected[1]).abs().max() > 1e-2


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_strings_a_foreign_codec_and_guidance_give_the_bits_of_the_pipeline(guidance):
    pipe = pocket_pipe()
    model = WanModel(
        pipe, guidance=guidance, negative_prompt="blue", max_sequence_length=tiny.PROMPT_LENGTH
    )
    condition = model.condition([tiny.picture()], PROMPTS[:1], N_FRAMES)
    expected = stock(
        pipe,
        image=tiny.picture(),
        prompt=PROMPTS[0],
        negative_prompt="blue",
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(4),
    )
    assert expected.shape == (1, 6, 3, 8, 8)
    assert torch.equal(own(model, condition, (4,))[0], expected)


def test_fork_gives_the_bits_of_the_whole_run(two_experts):
    model = WanModel(two_experts, guidance=3.0)
    given = {"negative_embeds": tiny.prompt_embeds(1)}
    condition = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES, **given)
    states = []
    end, velocity = own(model, condition, (4,), watch=states.append)
    for state in states:
        forked = sample(velocity, state.x, flow_sigmas(N_STEPS, SHIFT), start=state.k)
        assert torch.equal(forked, end)


def test_a_batch_of_64_puzzles_is_one_call_a_step_and_rows_do_not_mix():
    pocket = WanModel(pocket_pipe(), max_sequence_length=tiny.PROMPT_LENGTH)
    images = [tiny.picture(i) for i in range(64)]
    encodes = []
    encode = pocket.pipe.vae.encode
    pocket.pipe.vae.encode = lambda video: encodes.append(len(video)) or encode(video)
    condition = pocket.condition(images, PROMPTS * 32, N_FRAMES)
    assert encodes == [1] * 64
    again = pocket.condition(images[3:5], PROMPTS, N_FRAMES)
    assert len(encodes) == 64
    assert torch.equal(again.picture["latents"], condition.picture["latents"][3:5])
    latents, velocity = own(pocket, condition, range(64), n_steps=2)
    assert velocity.nfe == 128
    for row in (0, 41):
        alone, _ = own(pocket, condition.select(row), [row], n_steps=2)
        assert torch.allclose(latents[row : row + 1], alone, atol=1e-5)
        single = pocket.condition([images[row]], [PROMPTS[row % 2]], N_FRAMES)
        assert torch.allclose(own(pocket, single, [row], n_steps=2)[0], alone, atol=1e-5)
    assert (latents[0] - latents[41]).abs().max() > 0.1


def test_condition_holds_mask_and_first_frame_then_grey(pocket):
    condition = pocket.condition([tiny.picture()], PROMPTS[:1], N_FRAMES)
    mask, latents = condition.picture["latents"].split([4, 6], dim=1)
    assert mask[:, :, 0].eq(1).all()
    assert mask[:, :, 1:].eq(0).all()
    pixels = torch.from_numpy(np.array(tiny.picture())).double() / 127.5 - 1
    blocks = pixels.view(8, 4, 8, 4, 3).mean(dim=(1, 3)).permute(2, 0, 1)
    raw = torch.zeros(6, 3, 8, 8, dtype=torch.float64)
    raw[:, 0] = torch.cat([blocks, -blocks])
    channels = torch.arange(6).view(6, 1, 1, 1)
    expected = (raw - 0.1 * channels) / (1 + 0.5 * channels)
    assert torch.allclose(latents[0].double(), expected, atol=1e-5)


def test_pictures_with_transparency_or_a_palette_are_read_as_colours(pocket):
    plain = pocket.condition([tiny.picture()], PROMPTS[:1], N_FRAMES).picture["latents"]
    rgba = tiny.picture().convert("RGBA")
    assert torch.equal(pocket.condition([rgba], PROMPTS[:1], N_FRAMES).picture["latents"], plain)
    grey = tiny.picture().convert("L")
    assert pocket.condition([grey], PROMPTS[:1], N_FRAMES).picture["latents"].shape == plain.shape


def test_prompts_are_encoded_without_padding_and_padded_with_zeros(pocket):
    embeds = pocket.encode_prompts(["  go to\nthe red dot ", "go", "the " * 7])
    assert embeds.shape == (3, tiny.PROMPT_LENGTH, tiny.TEXT_DIM)
    encoder = pocket.pipe.text_encoder
    # go to the red dot </s>; go </s>; the ... the </s>, which is the longest that fits
    for row, ids in enumerate([[3, 4, 5, 6, 8, 1], [3, 1], [5] * 7 + [1]]):
        with torch.no_grad():
            alone = encoder(torch.tensor([ids])).last_hidden_state[0]
        assert torch.allclose(embeds[row, : len(ids)], alone, atol=1e-5)
        assert embeds[row, len(ids) :].eq(0).all()
    assert torch.allclose(embeds[:1], pocket.encode_prompts(["go to the red dot"]), atol=1e-5)
    with pytest.raises(UserError, match=r"has 9 tokens, but .* takes 8: shorten it"):
        pocket.encode_prompts(["go", "the " * 8])  # the pipeline would cut it off


def test_condition_rows_repeat_row_major_and_select(pocket):
    images = [tiny.picture(i) for i in range(2)]
    condition = pocket.condition(images, PROMPTS, N_FRAMES)
    repeated = condition.repeat(3)
    assert len(repeated) == 6
    for part, name in (("text", "embeds"), ("picture", "latents")):

        def rows_of(one, part=part, name=name):
            return getattr(one, part)[name]

        rows = rows_of(condition)
        expected = torch.stack([rows[i] for i in (0, 0, 0, 1, 1, 1)])
        assert torch.equal(rows_of(repeated), expected)
        assert torch.equal(rows_of(repeated.select([5, 0])), rows.flip(0))
        assert torch.equal(rows_of(condition.select(1)), rows[1:])
    assert repeated.negative is None
    assert set(repeated.picture) == {"latents"}


def test_noise_of_a_seed_is_the_same_in_any_batch(pocket):
    batch = pocket.noise_batch([7, 8], N_FRAMES, SIZE, SIZE)
    assert batch.dtype == torch.float32
    assert batch.shape == (2, 6, 3, 8, 8)
    expected = torch.randn(1, 6, 3, 8, 8, generator=torch.Generator().manual_seed(8))
    assert torch.equal(batch[1:], expected)
    assert torch.equal(pocket.noise(8, N_FRAMES, SIZE, SIZE), expected)


def test_decoded_video_is_that_of_the_pipeline(one_expert):
    model = WanModel(one_expert)
    given = {"image": tiny.picture(), "prompt_embeds": tiny.prompt_embeds(0)}
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    expected = stock(one_expert, "np", latents=noise, guidance_scale=1.0, **given)
    condition = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES)
    video = model.decode(own(model, condition, (4,))[0])
    assert video.shape == (1, N_FRAMES, SIZE, SIZE, 3)
    assert video.dtype == torch.float32
    assert torch.equal(video, torch.from_numpy(expected))
    assert video.std() > 0.01


def test_some_frames_can_be_decoded_in_any_order(one_expert, pocket):
    for model in (WanModel(one_expert), pocket):
        latents = model.noise_batch([1, 2], N_FRAMES, SIZE, SIZE)
        whole = model.decode(latents)
        assert torch.equal(model.decode(latents, frames=(8, 0, 3)), whole[:, [8, 0, 3]])


def test_encode_and_decode_are_inverse_for_a_lossless_video(pocket):
    frames = torch.from_numpy(np.array(tiny.picture())).float() / 255
    video = frames.expand(2, N_FRAMES, SIZE, SIZE, 3)
    latents = pocket.encode(video)
    assert latents.shape == (2, 6, 3, 8, 8)
    assert torch.allclose(pocket.decode(latents), video, atol=1e-5)


def test_encode_gives_the_posterior_mode_normalised(one_expert):
    model = WanModel(one_expert)
    video = torch.rand(1, 5, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(0))
    vae = one_expert.vae
    with torch.no_grad():
        raw = vae.encode(2 * video.permute(0, 4, 1, 2, 3) - 1).latent_dist.mode()
    mean = torch.tensor(vae.config.latents_mean).view(1, 16, 1, 1, 1)
    std = torch.tensor(vae.config.latents_std).view(1, 16, 1, 1, 1)
    assert torch.allclose(model.encode(video), (raw - mean) / std, atol=1e-5)


def test_half_precision_transformer_keeps_a_float32_state():
    pipe = tiny.pipeline(codec=tiny.LinearCodec())
    pipe.transformer.to(torch.bfloat16)
    model = WanModel(pipe)
    condition = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES)
    states = []
    end, _ = own(model, condition, (4,), watch=states.append)
    assert end.dtype == torch.float32
    assert {s.v.dtype for s in states} == {torch.float32}
    assert not torch.equal(end, end.bfloat16().float())


def test_shapes_and_blocks(pocket, two_experts):
    assert pocket.latent_shape(17, 48, 32) == (6, 5, 12, 8)
    assert pocket.token_grid(5, 12, 8) == (5, 6, 4)
    assert [len(blocks) for blocks in WanModel(two_experts).blocks] == [3, 3]
    assert len(pocket.blocks) == 1
    assert pocket.digest == ""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved") / "pocket"
    pocket_pipe().save_pretrained(directory)
    return directory


def test_a_saved_model_loads_with_the_same_bits(saved, pocket):
    model = WanModel.load(saved, max_sequence_length=tiny.PROMPT_LENGTH)
    assert model.name == "pocket"
    condition = model.condition([tiny.picture()], PROMPTS[:1], N_FRAMES)
    expected = own(pocket, pocket.condition([tiny.picture()], PROMPTS[:1], N_FRAMES), (4,))[0]
    assert torch.equal(own(model, condition, (4,))[0], expected)
    assert model.digest == directory_digest(saved)
    named = WanModel.load(saved, name="mine", guidance=2.0, dtype=torch.bfloat16)
    assert named.name == "mine"
    assert named.guidances == (2.0, 2.0)
    assert named.experts[0].patch_embedding.weight.dtype == torch.bfloat16
    assert named.pipe.vae.scale.dtype == torch.float32


def test_digest_follows_weights_configs_and_tokenizer_only(saved, tmp_path):
    def copy(name):
        target = tmp_path / name
        for path in saved.rglob("*"):
            if path.is_file():
                to = target / path.relative_to(saved)
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_bytes(path.read_bytes())
        return target

    digest = directory_digest(saved)
    assert len(digest) == 64
    same = copy("same")
    (same / "README.md").write_text("a model card")
    (same / ".cache").mkdir()
    (same / ".cache" / "state.json").write_text("{}")
    assert directory_digest(same) == digest

    weights = "transformer/diffusion_pytorch_model.safetensors"
    for name in (weights, "scheduler/scheduler_config.json", "tokenizer/tokenizer.json"):
        other = copy("other")
        content = bytearray((other / name).read_bytes())
        content[-1] ^= 1
        (other / name).write_bytes(content)
        assert directory_digest(other) != digest, name
    renamed = copy("renamed")
    (renamed / weights).rename(renamed / "transformer" / "model.safetensors")
    assert directory_digest(renamed) != digest
    spiece = copy("spiece")
    (spiece / "tokenizer" / "spiece.model").write_bytes(b"words")
    assert directory_digest(spiece) != digest


def test_a_directory_without_a_pipeline_is_refused(tmp_path):
    with pytest.raises(UserError, match="model_index"):
        WanModel.load(tmp_path)


def test_inputs_that_do_not_fit_are_refused_by_name(pocket, one_expert):
    image = tiny.picture()
    with pytest.raises(UserError, match="2 images and 1 prompts"):
        pocket.condition([image, image], PROMPTS[:1], N_FRAMES)
    with pytest.raises(UserError, match="0 images"):
        pocket.condition([], [], N_FRAMES)
    with pytest.raises(UserError, match="one size"):
        pocket.condition([image, tiny.picture(size=64)], PROMPTS, N_FRAMES)
    with pytest.raises(UserError, match=r"n_frames is 8.* such as 9"):
        pocket.condition([image], PROMPTS[:1], 8)
    with pytest.raises(UserError, match=r"height is 36.* multiple of 8"):
        pocket.condition([tiny.picture(size=36)], PROMPTS[:1], N_FRAMES)
    with pytest.raises(UserError, match="no text encoder"):
        WanModel(one_expert).condition([image], PROMPTS[:1], N_FRAMES)
    velocity = pocket.velocity(pocket.condition([image], PROMPTS[:1], N_FRAMES))
    with pytest.raises(UserError, match="2 latents but 1 conditions"):
        velocity(pocket.noise_batch([1, 2], N_FRAMES, SIZE, SIZE), 1.0, 0)


def test_a_cache_that_would_skip_blocks_is_refused():
    pipe = tiny.pipeline()
    model = WanModel(pipe)
    condition = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES)
    pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.1))
    with pytest.raises(UserError, match="cache"):
        model.velocity(condition)


def test_a_model_of_another_kind_of_wan_is_refused():
    with pytest.raises(UserError, match="expand_timesteps True: load it as WanGivenFrameModel"):
        WanModel(tiny.pipeline(expand_timesteps=True))
    with pytest.raises(UserError, match="expand_timesteps False: load it as WanModel"):
        WanGivenFrameModel(tiny.pipeline())


def test_importing_the_adapter_does_not_import_diffusers():
    code = (
        "import sys; from chain_of_steps import interventions, models, probes; "
        "import chain_of_steps.models.wan; "
        "sys.exit('diffusers' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
