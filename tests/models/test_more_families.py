"""CogVideoX, SkyReels-V2 and first-to-last-frame Wan against their unmodified pipelines."""

import pytest
import tiny
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from chain_of_steps.errors import UserError
from chain_of_steps.models.cogvideox import CogVideoXModel
from chain_of_steps.models.hunyuan import HunyuanModel
from chain_of_steps.models.wan import SkyReelsModel, WanGivenFrameModel, WanModel
from chain_of_steps.patching import Patcher
from chain_of_steps.sampling import FunctionVelocity, flow_sigmas, sample

N_STEPS, N_FRAMES, SIZE, SHIFT = 5, 9, 32, 3.0
SHAPE = {"height": SIZE, "width": SIZE, "num_frames": N_FRAMES}


def given_to(model, **options):
    text, negative = tiny.prompt_embeds(0), tiny.prompt_embeds(1)
    negative = negative if model.guidances[0] > 1 else None
    return model.condition([tiny.picture()], text, N_FRAMES, negative_embeds=negative, **options)


def stock(pipe, noise, guidance, **options):
    """The latents of the unmodified pipeline."""
    return pipe(
        image=tiny.picture(),
        prompt_embeds=tiny.prompt_embeds(0),
        negative_prompt_embeds=tiny.prompt_embeds(1) if guidance > 1 else None,
        guidance_scale=guidance,
        latents=noise,
        num_inference_steps=N_STEPS,
        **({"output_type": "latent"} | SHAPE | options),
    ).frames


# First and last frame


@pytest.fixture(scope="module")
def first_to_last():
    return tiny.pipeline(**tiny.clip_parts(last=True))


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_model_from_first_to_last_frame_gives_the_bits_of_the_pipeline(first_to_last, guidance):
    model = WanModel(first_to_last, guidance=guidance)
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    last = tiny.picture(1)
    condition = given_to(model, last_images=[last])
    latents = sample(model.velocity(condition), noise, flow_sigmas(N_STEPS, SHIFT))
    assert torch.equal(latents, stock(first_to_last, noise, guidance, last_image=last))
    other = given_to(model, last_images=[tiny.picture(2)])
    assert (sample(model.velocity(other), noise, flow_sigmas(N_STEPS, SHIFT)) - latents).abs().max()


def test_runs_of_one_batch_have_their_own_last_frames(first_to_last):
    model = WanModel(first_to_last)
    pictures, noise = [tiny.picture(0), tiny.picture(3)], model.noise(4, N_FRAMES, SIZE, SIZE)
    lasts = [tiny.picture(1), tiny.picture(2)]
    text = tiny.prompt_embeds(0, 2)
    both = model.condition(pictures, text, N_FRAMES, last_images=lasts)
    ends = sample(model.velocity(both), noise.repeat(2, 1, 1, 1, 1), flow_sigmas(2, SHIFT))
    for row in range(2):
        alone = model.condition(
            pictures[row : row + 1], text[row : row + 1], N_FRAMES, last_images=[lasts[row]]
        )
        end = sample(model.velocity(alone), noise, flow_sigmas(2, SHIFT))
        assert torch.allclose(ends[row : row + 1], end, atol=1e-5)


def test_a_last_frame_without_clip_gives_the_bits_of_the_pipeline(two_experts):
    model = WanModel(two_experts)
    noise, last = model.noise(4, N_FRAMES, SIZE, SIZE), tiny.picture(1)
    latents = sample(
        model.velocity(given_to(model, last_images=[last])), noise, flow_sigmas(N_STEPS, SHIFT)
    )
    assert torch.equal(latents, stock(two_experts, noise, 1.0, last_image=last))


def test_a_last_frame_that_is_missing_or_not_taken_is_one_sentence(first_to_last):
    with pytest.raises(UserError, match="only the first is given: give last_images"):
        given_to(WanModel(first_to_last))
    for model in (
        WanModel(tiny.pipeline(**tiny.clip_parts())),
        WanGivenFrameModel(tiny.given_frame_pipeline()),
    ):
        with pytest.raises(UserError, match="takes no last frame: leave last_images out"):
            given_to(model, last_images=[tiny.picture(1)])
    with pytest.raises(UserError, match="1 images and 2 last frames"):
        given_to(WanModel(first_to_last), last_images=[tiny.picture(1)] * 2)


# SkyReels-V2


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_skyreels_loop_gives_the_bits_of_the_pipeline(guidance):
    pipe = tiny.skyreels_pipeline()
    model = SkyReelsModel(pipe, guidance=guidance)
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    latents = sample(model.velocity(given_to(model)), noise, flow_sigmas(N_STEPS, SHIFT))
    assert torch.equal(latents, stock(pipe, noise, guidance))
    assert torch.allclose(
        model.decode(latents),
        torch.from_numpy(stock(pipe, noise, guidance, output_type="np")),
        atol=1e-5,
    )


# CogVideoX


@pytest.fixture(scope="module", params=["1.0", "1.5"])
def cogvideox(request):
    return tiny.cogvideox_pipeline(later=request.param == "1.5")


@pytest.fixture
def mode(monkeypatch):
    """The pipeline takes the mode of the picture's latent, too, instead of a draw."""
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, g=None: self.mode())


def of_cogvideox(pipe, guidance=1.0):
    model = CogVideoXModel(pipe, guidance=guidance, max_sequence_length=tiny.PROMPT_LENGTH)
    return model, given_to(model), model.noise(4, N_FRAMES, SIZE, SIZE)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_cogvideox_loop_gives_the_latents_of_the_pipeline(cogvideox, mode, guidance):
    model, condition, noise = of_cogvideox(cogvideox, guidance)
    length = {"max_sequence_length": tiny.PROMPT_LENGTH}
    packed = stock(cogvideox, noise.transpose(1, 2), guidance, **length)
    sigmas = model.sigmas(N_STEPS, model.default_shift(*noise.shape[2:]))
    velocity = model.velocity(condition)
    latents = sample(velocity, noise, sigmas)
    # At the end sigma is 0, where x is z.
    assert torch.allclose(latents, packed.transpose(1, 2), rtol=0, atol=4e-6)
    assert latents.std() > 0.1
    assert velocity.nfe == N_STEPS * (2 if guidance > 1 else 1)


def test_a_step_of_ddim_is_an_euler_step_in_flow_coordinates(cogvideox):
    """For any prediction, so this is an identity of the paths and not of a model."""
    scheduler = cogvideox.scheduler
    scheduler.set_timesteps(10)
    generator = torch.Generator().manual_seed(0)
    z, said = (torch.randn(1, 4, 3, 4, 4, generator=generator) for _ in range(2))
    sigmas = CogVideoXModel(cogvideox).sigmas(10, 1.0)

    def flow(x, sigma, k):
        alpha = scheduler.alphas_cumprod[scheduler.timesteps[k]]
        a, b = alpha.sqrt().item(), (1 - alpha).sqrt().item()
        return (b - a) * x * (a + b) + (a + b) * said

    for k, t in enumerate(scheduler.timesteps):
        expected = scheduler.step(said, t, z).prev_sample
        alphas = [scheduler.alphas_cumprod[t].item(), 1.0]
        if k < 9:
            alphas[1] = scheduler.alphas_cumprod[scheduler.timesteps[k + 1]].item()
        scales = [alpha**0.5 + (1 - alpha) ** 0.5 for alpha in alphas]
        x = sample(FunctionVelocity(flow), z / scales[0], sigmas, start=k, stop=k + 1)
        assert torch.allclose(x * scales[1], expected.float(), atol=1e-5)


def test_cogvideox_is_told_the_time_that_it_was_trained_to_see(cogvideox):
    model, condition, _ = of_cogvideox(cogvideox)
    velocity, scheduler = model.velocity(condition), cogvideox.scheduler
    scheduler.set_timesteps(20)
    sigmas = model.sigmas(20, 1.0)
    times = [velocity._timestep(sigma).item() for sigma in sigmas[:-1].tolist()]
    assert times == pytest.approx(scheduler.timesteps.tolist(), abs=1e-3)
    assert (sigmas[0], sigmas[-1]) == (1, 0)
    between = (sigmas[4] + sigmas[5]).item() / 2
    assert times[5] < velocity._timestep(between).item() < times[4]


def test_a_flow_shift_multiplies_the_odds_of_noise(cogvideox):
    """As for the other families; here it is the square root of the scale of the SNR."""
    model = CogVideoXModel(cogvideox)
    model.pipe.scheduler.register_to_config(rescale_betas_zero_snr=False)
    plain, shifted = model.sigmas(10, 1.0)[:-1], model.sigmas(10, 2.0)[:-1]
    model.pipe.scheduler.register_to_config(rescale_betas_zero_snr=True)
    assert torch.allclose(shifted / (1 - shifted), 2 * plain / (1 - plain), rtol=1e-4)
    assert model.default_shift(N_FRAMES, SIZE, SIZE) == 1.0


def test_cogvideox_decodes_and_encodes_as_the_pipeline_does(cogvideox, mode):
    model, condition, noise = of_cogvideox(cogvideox)
    length = {"max_sequence_length": tiny.PROMPT_LENGTH}
    expected = stock(cogvideox, noise.transpose(1, 2), 1.0, **length, output_type="np")
    latents = sample(model.velocity(condition), noise, model.sigmas(N_STEPS, 1.0))
    assert torch.allclose(model.decode(latents), torch.from_numpy(expected), atol=1e-4)
    assert model.encode(model.decode(latents)).shape == latents.shape


def test_cogvideox_refuses_what_it_cannot_run(cogvideox):
    model = CogVideoXModel(cogvideox)
    with pytest.raises(UserError, match="CogVideoX pipelines use DDIM"):
        model.unipc(4, 1.0)
    if cogvideox.transformer.config.patch_size_t:
        assert model.latent_shape(17, SIZE, SIZE) == (4, 6, 4, 4)
        with pytest.raises(UserError, match=r"n_frames is 13: write 8 k \+ 1, such as"):
            model.latent_shape(13, SIZE, SIZE)
        with pytest.raises(UserError, match=r"64 x 32 pixels, but .* 32 x 32: write no more"):
            model.latent_shape(17, SIZE, 2 * SIZE)
    else:
        for length in (5, 13):
            with pytest.raises(UserError, match="learned its positions: write 9 frames of 32 x 32"):
                model.latent_shape(length, SIZE, SIZE)
        with pytest.raises(UserError, match="9 frames of 64 x 32, but"):
            model.latent_shape(9, SIZE, 2 * SIZE)
    pipe = tiny.cogvideox_pipeline()
    pipe.scheduler.register_to_config(prediction_type="epsilon")
    with pytest.raises(UserError, match="predicts 'epsilon', but"):
        CogVideoXModel(pipe)


def test_a_fork_of_cogvideox_gives_the_bits_of_the_whole_run(cogvideox):
    model, condition, noise = of_cogvideox(cogvideox)
    sigmas, states = model.sigmas(N_STEPS, 1.0), []
    velocity = model.velocity(condition)
    end = sample(velocity, noise, sigmas, watch=states.append)
    for state in states:
        assert torch.equal(sample(velocity, state.x, sigmas, start=state.k), end)


def test_states_put_into_a_model_that_carries_text_along_keep_its_own_text(cogvideox):
    """A run that is its own donor keeps its bits, and another donor changes it."""
    model, _, noise = of_cogvideox(cogvideox)
    text = tiny.prompt_embeds(0, 2)
    both = model.condition([tiny.picture(), tiny.picture(1)], text, N_FRAMES)
    sigmas = model.sigmas(2, 1.0)
    runs = Patcher.sampled(model, both, noise.repeat(2, 1, 1, 1, 1), sigmas, batch=2)
    states = runs.states(step=0)
    own, _ = runs.patched(states, torch.arange(2), step=0, layer=1, part="video")
    assert torch.equal(own, runs.x[:, 1])
    other, _ = runs.patched(states, torch.tensor([1, 0]), step=0, layer=1, part="video")
    assert (other - own).abs().amax((1, 2, 3, 4)).min() > 1e-5


# HunyuanVideo-1.5


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_hunyuan_loop_gives_the_bits_of_the_pipeline(guidance):
    pipe = tiny.hunyuan_pipeline(guidance)
    model = HunyuanModel(pipe, **HunyuanModel.options_of(pipe))
    assert model.guidances[0] == guidance
    prompt = 'go to the red "dot"'  # what stands in quotes is drawn
    condition = model.condition([tiny.picture()], [prompt], N_FRAMES)
    assert condition.text["glyph_mask"].sum() > 0
    noise = model.noise(4, N_FRAMES, SIZE, SIZE)
    given = {
        "image": tiny.picture(),
        "prompt": prompt,
        "negative_prompt": "",
        "num_frames": N_FRAMES,
        "num_inference_steps": N_STEPS,
        "latents": noise,
    }
    expected = pipe(**given, output_type="latent").frames
    velocity = model.velocity(condition)
    latents = sample(velocity, noise, model.sigmas(N_STEPS, 5.0))
    assert torch.equal(latents, expected)
    assert velocity.nfe == N_STEPS * (2 if guidance > 1 else 1)
    video = torch.from_numpy(pipe(**given, output_type="np").frames)
    assert torch.allclose(model.decode(latents), video, atol=1e-5)
    others = [
        model.condition([tiny.picture(1)], [prompt], N_FRAMES),
        model.condition([tiny.picture()], ["go to the red dot"], N_FRAMES),
    ]
    for other in others:
        end = sample(model.velocity(other), noise, model.sigmas(N_STEPS, 5.0))
        assert (end - latents).abs().max() > 1e-4


def test_a_model_that_is_told_the_end_of_a_step_is_refused():
    pipe = tiny.hunyuan_pipeline()
    pipe.transformer.register_to_config(use_meanflow=True)
    with pytest.raises(UserError, match="is told where a step ends"):
        HunyuanModel(pipe)
