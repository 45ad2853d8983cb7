"""The other families against their unmodified pipelines, and every experiment on each family."""

import math

import numpy as np
import pytest
import tiny
import torch
from diffusers import UniPCMultistepScheduler
from diffusers.pipelines.ltx2.utils import apply_image_conditioning_crf
from PIL import Image

from chain_of_steps.errors import UserError
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.ltx2 import LTX2Model
from chain_of_steps.models.wan import WanGivenFrameModel, WanModel
from chain_of_steps.sampling import flow_sigmas, sample, sample_by

N_STEPS, N_FRAMES, SIZE, SHIFT = 5, 9, 32, 3.0
SHAPE = {"height": SIZE, "width": SIZE, "num_frames": N_FRAMES}


def own(model, condition, noise, sigmas, **options):
    velocity = model.velocity(condition)
    return sample(velocity, noise, sigmas, **options), velocity


@pytest.fixture(scope="module")
def given_frame():
    return tiny.given_frame_pipeline()


@pytest.fixture(scope="module")
def ltx():
    return tiny.ltx_pipeline()


@pytest.fixture(scope="module")
def ltx2():
    return tiny.ltx2_pipeline()


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_ti2v_loop_gives_the_bits_of_the_pipeline(given_frame, guidance):
    text, negative = tiny.prompt_embeds(0), tiny.prompt_embeds(1)
    model = WanGivenFrameModel(given_frame, guidance=guidance)
    noise = model.noise_batch([4, 5], N_FRAMES, SIZE, SIZE)
    expected = given_frame(
        image=tiny.picture(),
        prompt_embeds=text.repeat(2, 1, 1),
        negative_prompt_embeds=negative.repeat(2, 1, 1),
        guidance_scale=guidance,
        latents=noise,
        num_inference_steps=N_STEPS,
        output_type="latent",
        **SHAPE,
    ).frames
    condition = model.condition([tiny.picture()], text, N_FRAMES, negative_embeds=negative)
    latents, velocity = own(model, condition.repeat(2), noise, flow_sigmas(N_STEPS, SHIFT))
    assert torch.equal(latents[:, :, 1:], expected[:, :, 1:])
    # There the pipeline puts the picture's own latent at the end; here a line leads to it.
    assert torch.allclose(latents[:, :, :1], expected[:, :, :1], atol=1e-5)
    assert velocity.nfe == N_STEPS * 2 * (2 if guidance > 1 else 1)
    assert (latents[0] - latents[1]).abs().max() > 0.1


def stock_ltx(pipe, model, condition, noise, guidance, seed=None):
    """The unmodified pipeline from our noise, with the picture in latent frame 0."""
    start = torch.cat([condition.picture["latents"], noise[:, :, 1:]], dim=2)
    negative = {}
    if guidance > 1:
        negative = {
            "negative_prompt_embeds": condition.negative["embeds"],
            "negative_prompt_attention_mask": condition.negative["mask"],
        }
    packed = pipe(
        latents=pipe._pack_latents(start),
        prompt_embeds=condition.text["embeds"],
        prompt_attention_mask=condition.text["mask"],
        guidance_scale=guidance,
        num_inference_steps=N_STEPS,
        output_type="latent",
        **negative,
        **SHAPE,
    ).frames
    return pipe._unpack_latents(packed, *noise.shape[2:])


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_ltx_loop_gives_the_latents_of_the_pipeline(ltx, guidance):
    length = {"max_sequence_length": tiny.PROMPT_LENGTH}
    model = LTXModel(ltx, guidance=guidance, negative_prompt="blue", **length)
    condition = model.condition([tiny.picture()], ["go to the red dot"], N_FRAMES)
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    expected = stock_ltx(ltx, model, condition, noise, guidance)
    sigmas = model.sigmas(N_STEPS, model.default_shift(N_FRAMES, SIZE, SIZE))
    latents, velocity = own(model, condition, noise, sigmas)
    assert velocity.nfe == N_STEPS * (2 if guidance > 1 else 1)
    if guidance == 1:
        assert torch.equal(latents[:, :, 1:], expected[:, :, 1:])
    # The pipeline puts both branches into one batch; another batch layout rounds differently.
    assert torch.allclose(latents, expected, atol=1e-4)
    other = model.condition([tiny.picture(1)], ["go to the red dot"], N_FRAMES)
    assert (own(model, other, noise, sigmas)[0] - latents)[:, :, 1:].abs().max() > 1e-3


@pytest.mark.parametrize(("first", "guidance"), [(False, 1.0), (False, 3.0), (True, 3.0)])
def test_ltx2_loop_gives_the_latents_of_the_pipeline_with_isolated_streams(
    ltx2, first, guidance, monkeypatch
):
    ltx2 = tiny.ltx2_pipeline(first=True) if first else ltx2
    length = {"max_sequence_length": tiny.PROMPT_LENGTH}
    model = LTX2Model(ltx2, guidance=guidance, negative_prompt="blue", **length)
    prompt = "go to the red dot"
    condition = model.condition([tiny.picture()], [prompt], N_FRAMES)
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    sigmas = model.sigmas(N_STEPS, model.default_shift(N_FRAMES, SIZE, SIZE))
    latents, velocity = own(model, condition, noise, sigmas)
    assert velocity.nfe == N_STEPS * (2 if guidance > 1 else 1)

    def stock(isolated: bool, seed: int) -> torch.Tensor:
        """The unmodified pipeline, all guidance but that by the prompt off; in its own latents."""
        start = torch.cat([condition.picture["latents"], noise[:, :, 1:]], dim=2)
        forward = type(ltx2.transformer).forward

        def isolate(net, **given):
            return forward(net, **given | {"isolate_modalities": isolated})

        with monkeypatch.context() as patch:
            patch.setattr(type(ltx2.transformer), "forward", isolate)
            frames = ltx2(
                prompt=prompt,
                negative_prompt="blue",
                latents=model._codec_latents(start),
                guidance_scale=guidance,
                num_inference_steps=N_STEPS,
                generator=torch.Generator().manual_seed(seed),
                output_type="latent",
                **{"stg_scale": 0.0, "modality_scale": 1.0, "guidance_rescale": 0.0},
                **{"audio_stg_scale": 0.0, "audio_modality_scale": 1.0},
                **SHAPE,
                **length,
            ).frames
        return model._normalised(frames)

    # The pipeline goes over the clean estimate and back, and through the units of its codec.
    alone = stock(True, 0)
    assert torch.allclose(latents, alone, atol=1e-4)
    assert torch.equal(alone, stock(True, 1)), "the sound is another one"
    assert (stock(False, 0) - latents).abs().max() > 1e-3
    other = model.condition([tiny.picture(1)], [prompt], N_FRAMES)
    assert (own(model, other, noise, sigmas)[0] - latents)[:, :, 1:].abs().max() > 1e-3


@torch.no_grad()
def test_ltx2_text_and_picture_are_those_of_the_pipeline(ltx2):
    model = LTX2Model(ltx2, guidance=3.0, max_sequence_length=tiny.PROMPT_LENGTH)
    image = tiny.picture()
    condition = model.condition([image, image], ["go to the red dot", "blue"], N_FRAMES)
    states, mask, _, _ = ltx2.encode_prompt(
        ["go to the red dot", "blue"], None, False, max_sequence_length=tiny.PROMPT_LENGTH
    )
    text, _, mask = ltx2.connectors(states, mask)
    assert torch.allclose(condition.text["embeds"], text, atol=1e-5)
    assert torch.equal(condition.text["mask"], mask)
    compressed = apply_image_conditioning_crf(np.array(image), 33)
    assert (compressed != np.array(image)).any()
    pixels = ltx2.video_processor.preprocess(Image.fromarray(compressed), SIZE, SIZE)
    z = ltx2.vae.encode(pixels[:, :, None]).latent_dist.mode()
    expected = ltx2._normalize_latents(z, ltx2.vae.latents_mean, ltx2.vae.latents_std)
    assert torch.allclose(condition.picture["latents"][:1], expected, atol=1e-5)


def test_ltx_text_and_schedule_are_those_of_the_pipeline(ltx):
    model = LTXModel(ltx, guidance=3.0, max_sequence_length=tiny.PROMPT_LENGTH)
    condition = model.condition([tiny.picture()], ["go to the red dot"], N_FRAMES)
    with torch.no_grad():
        embeds, mask, negative, negative_mask = ltx.encode_prompt(
            "go to the red dot", "", max_sequence_length=tiny.PROMPT_LENGTH
        )
    assert torch.equal(condition.text["embeds"], embeds)
    assert torch.equal(condition.text["mask"], mask)
    assert torch.equal(condition.negative["embeds"], negative)
    assert torch.equal(condition.negative["mask"], negative_mask)
    # mu rises from .95 at 1024 tokens to 2.05 at 4096; this video has 3 x 2 x 2 of them
    mu = 0.95 + (2.05 - 0.95) * (12 - 1024) / (4096 - 1024)
    assert model.default_shift(N_FRAMES, SIZE, SIZE) == pytest.approx(math.exp(mu))
    with pytest.raises(UserError, match="LTX pipelines use Euler"):
        model.unipc(4, 2.0)
    sigmas = model.sigmas(4, 2.0).double()
    even = torch.tensor([1.0, 0.75, 0.5, 0.25], dtype=torch.float64)
    shifted = 2 * even / (1 + even)
    stretched = 1 - (1 - shifted) * (1 - 0.1) / (1 - shifted[-1])
    assert torch.allclose(sigmas, torch.cat([stretched, torch.zeros(1)]), atol=1e-6)
    assert model.sigmas(1, 2.0).tolist() == [1, 0]  # there is nothing to be stretched


def test_ltx_first_frame_is_the_mode_of_its_posterior(ltx):
    model = LTXModel(ltx)
    latents = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES).picture["latents"]
    image = ltx.video_processor.preprocess(tiny.picture(), height=SIZE, width=SIZE)
    with torch.no_grad():
        raw = ltx.vae.encode(image[:, :, None]).latent_dist.mode()
    expected = (raw - ltx.vae.latents_mean.view(1, -1, 1, 1, 1)) / ltx.vae.latents_std.view(
        1, -1, 1, 1, 1
    )
    assert torch.allclose(latents, expected, atol=1e-5)
    assert latents.shape == (1, 8, 1, 2, 2)


def test_ltx_decodes_as_the_pipeline_does(ltx):
    model = LTXModel(ltx)
    condition = model.condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES)
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    start = torch.cat([condition.picture["latents"], noise[:, :, 1:]], dim=2)
    expected = ltx(
        latents=ltx._pack_latents(start),
        prompt_embeds=condition.text["embeds"],
        prompt_attention_mask=condition.text["mask"],
        guidance_scale=1.0,
        num_inference_steps=N_STEPS,
        output_type="np",
        **SHAPE,
    ).frames
    sigmas = model.sigmas(N_STEPS, model.default_shift(N_FRAMES, SIZE, SIZE))
    video = model.decode(own(model, condition, noise, sigmas)[0])
    assert video.shape == (1, N_FRAMES, SIZE, SIZE, 3)
    assert torch.allclose(video, torch.from_numpy(expected), atol=1e-5)
    assert video.std() > 0.01


@pytest.mark.parametrize("family", ["given_frame", "ltx", "ltx2"])
def test_a_given_frame_is_the_picture_at_every_step_whatever_noise_is_there(request, family):
    pipe = request.getfixturevalue(family)
    adapter = {"given_frame": WanGivenFrameModel, "ltx": LTXModel, "ltx2": LTX2Model}[family]
    model = adapter(pipe, max_sequence_length=tiny.PROMPT_LENGTH)
    text = ["go to the red dot"] if family == "ltx2" else tiny.prompt_embeds(0)
    condition = model.condition([tiny.picture()], text, N_FRAMES)
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    states = []
    end, _ = own(model, condition, noise, model.sigmas(N_STEPS, SHIFT), watch=states.append)
    for state in states:
        assert torch.allclose(state.clean[:, :, :1], condition.picture["latents"], atol=1e-5)
    other = noise.clone()
    other[:, :, 0] += 1
    again, _ = own(model, condition, other, model.sigmas(N_STEPS, SHIFT))
    assert torch.equal(again[:, :, 1:], end[:, :, 1:])
    for state in states[1:]:
        forked = own(model, condition, state.x, model.sigmas(N_STEPS, SHIFT), start=state.k)[0]
        assert torch.equal(forked, end)


@pytest.mark.parametrize("experts", [1, 2])
def test_unipc_gives_the_bits_of_the_pipeline(experts):
    pipe = tiny.pipeline(experts=experts)
    pipe.scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=SHIFT
    )
    model = WanModel(pipe, guidance=3.0)
    text, negative = tiny.prompt_embeds(0), tiny.prompt_embeds(1)
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    estimates = []
    expected = pipe(
        image=tiny.picture(),
        prompt_embeds=text,
        negative_prompt_embeds=negative,
        guidance_scale=3.0,
        latents=noise,
        num_inference_steps=8,
        output_type="latent",
        callback_on_step_end=lambda p, i, t, k: (
            estimates.append(p.scheduler.model_outputs[-1]) or {}
        ),
        **SHAPE,
    ).frames
    condition = model.condition([tiny.picture()], text, N_FRAMES, negative_embeds=negative)
    states = []
    velocity = model.velocity(condition)
    latents = sample_by(model.unipc(8, SHIFT), velocity, noise, watch=states.append)
    assert torch.equal(latents, expected)
    assert torch.allclose(torch.stack([s.clean for s in states]), torch.stack(estimates), atol=1e-6)
    assert {s.expert for s in states} == set(range(experts))
    assert not torch.equal(latents, own(model, condition, noise, flow_sigmas(8, SHIFT))[0])


def test_a_boundary_can_be_set_and_needs_two_experts(two_experts, one_expert):
    condition = WanModel(two_experts).condition([tiny.picture()], tiny.prompt_embeds(0), N_FRAMES)
    states = []
    model = WanModel(two_experts, boundary=0.5)
    sigmas = flow_sigmas(N_STEPS, SHIFT)
    own(model, condition, model.noise(4, N_FRAMES, SIZE, SIZE), sigmas, watch=states.append)
    assert [s.expert for s in states] == [int(s.sigma < 0.5) for s in states]
    assert {s.expert for s in states} == {0, 1}
    with pytest.raises(UserError, match=r"boundary is 0\.5, but model given has one expert"):
        WanModel(one_expert, boundary=0.5)
