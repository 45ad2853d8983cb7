"""Training: what it writes, that it learns, repeats itself, and stays off evaluation puzzles."""

import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import WanTransformer3DModel
from PIL import Image
from safetensors.torch import load_file
from trained import TINY

from chain_of_steps.models.wan import WanModel
from chain_of_steps.pocket import training
from chain_of_steps.pocket.pipeline import MAX_PROMPT_TOKENS, build_tokenizer
from chain_of_steps.tasks import pool_of, stream, task_names, task_of
from chain_of_steps.tasks.puzzle import SPLITS
from chain_of_steps.tasks.reader import first_frame


def draw(task: str, split: str, n: int, pool: str = "evaluation") -> list:
    return list(itertools.islice(stream(task, split, pool, 4), n))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, puzzle_codec):
    """Folder of a tiny training: `last` after 3 steps, `early` after 1, `again` like `last`."""
    root = tmp_path_factory.mktemp("training")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "codec_for_puzzles", lambda z_dim, **_: puzzle_codec)
        training.train(TINY, root / "last", {root / "early": 1})
        training.train(TINY, root / "again", {})
        training.train(replace(TINY, seed=1), root / "other", {})
    return root


def weights(folder: Path, part: str = "transformer") -> dict[str, torch.Tensor]:
    (file,) = (folder / part).glob("*.safetensors")
    return load_file(file)


def record(folder: Path) -> dict:
    return json.loads((folder / "training.json").read_text())


# What training writes


def test_only_plain_data_is_written(trained):
    files = [path for path in (trained / "last").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".txt"}
    assert {path.name for path in files} >= {"model_index.json", "training.json", "tokenizer.json"}
    assert sum(path.stat().st_size for path in files) < 5e6
    index = json.loads((trained / "last" / "model_index.json").read_text())
    assert index["vae"] == ["chain_of_steps", "LinearVideoCodec"]
    for part in ("transformer", "text_encoder"):
        assert {w.dtype for w in weights(trained / "last", part).values()} == {torch.float16}
    assert {w.dtype for w in weights(trained / "last", "vae").values()} == {torch.float32}


def test_no_half_written_model_is_left_by_an_interrupted_training(
    tmp_path, puzzle_codec, monkeypatch
):
    def interrupted(pipe, folder):
        folder.mkdir(parents=True)
        (folder / "model_index.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "codec_for_puzzles", lambda z_dim, **_: puzzle_codec)
    monkeypatch.setattr(training, "save_pipeline", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.train(replace(TINY, steps=1), tmp_path / "model", {})
    assert list(tmp_path.iterdir()) == []


def test_the_record_says_what_was_done(trained):
    last, early = record(trained / "last"), record(trained / "early")
    assert [stage["steps"] for stage in last["stages"]] == [3]
    assert [stage["steps"] for stage in early["stages"]] == [1]
    (stage,) = last["stages"]
    assert stage["config"]["batch"] == TINY.batch
    assert stage["config"]["mix"] == TINY.mix
    assert stage["log"][0]["step"] == 0
    assert all(np.isfinite(mark["loss"]) for mark in stage["log"])
    assert last["text_tokens"] == MAX_PROMPT_TOKENS
    assert last["torch"] == torch.__version__
    assert last["parameters"] == sum(
        w.numel()
        for part in ("transformer", "text_encoder")
        for name, w in weights(trained / "last", part).items()
        if name != "encoder.embed_tokens.weight"  # the same tensor as `shared.weight`
    )


def test_a_training_that_was_stopped_goes_on_to_the_same_bits(
    trained, tmp_path, puzzle_codec, monkeypatch
):
    monkeypatch.setattr(training, "codec_for_puzzles", lambda z_dim, **_: puzzle_codec)
    monkeypatch.setattr(training, "STRETCH", 2)
    long = replace(TINY, steps=25)
    training.train(long, tmp_path / "whole", {tmp_path / "half": 5})
    made = training.flow_loss
    done = itertools.count()

    def stopped(*given):
        if next(done) == 13:
            raise KeyboardInterrupt
        return made(*given)

    state = tmp_path / "state"
    monkeypatch.setattr(training, "flow_loss", stopped)
    with pytest.raises(KeyboardInterrupt):
        training.train(long, tmp_path / "parts", state=state)
    training.train(long, tmp_path / "parts", state=state)
    assert next(done) == 13 + 1 + 15  # taken up at step 10, the last that was kept
    for part in ("transformer", "text_encoder", "vae"):
        whole, parts = weights(tmp_path / "whole", part), weights(tmp_path / "parts", part)
        assert all(torch.equal(whole[name], parts[name]) for name in whole)
    losses = [
        [(mark["step"], mark["loss"]) for mark in record(tmp_path / name)["stages"][0]["log"]]
        for name in ("whole", "parts")
    ]
    assert losses[0] == losses[1]
    # another training keeps a state of its own
    training.train(replace(long, seed=1, steps=1), tmp_path / "other", state=state)
    assert record(tmp_path / "other")["stages"][0]["steps"] == 1


def test_training_goes_on_from_a_saved_model(trained, tmp_path):
    still = replace(TINY, steps=2, lr_muon=0.0, lr_adamw=0.0)
    training.train(still, tmp_path / "more", start=trained / "last")
    for part in ("transformer", "text_encoder", "vae"):
        before, after = weights(trained / "last", part), weights(tmp_path / "more", part)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
    stages = record(tmp_path / "more")["stages"]
    assert stages[:1] == record(trained / "last")["stages"]
    assert [stage["steps"] for stage in stages] == [3, 2]


def test_the_same_config_gives_the_same_weights_and_another_seed_others(trained):
    for part in ("transformer", "text_encoder"):
        last, again, other = (weights(trained / n, part) for n in ("last", "again", "other"))
        assert last.keys() == again.keys()
        assert all(torch.equal(last[name], again[name]) for name in last)
        assert any(not torch.equal(last[name], other[name]) for name in last)
    logs = [record(trained / name)["stages"][0]["log"] for name in ("last", "again")]
    assert [mark["loss"] for mark in logs[0]] == [mark["loss"] for mark in logs[1]]


def test_every_part_of_the_model_learns(trained):
    for part in ("transformer", "text_encoder"):
        early, last = weights(trained / "early", part), weights(trained / "last", part)
        same = {name for name in early if torch.equal(early[name], last[name])}
        assert not same


def test_loss_falls_in_a_few_steps(puzzle_codec, build_pocket):
    """Steps as `train` makes them, on one batch with one draw of noise."""
    puzzles = draw("odd", "in-domain", 4, "train")
    pipe = build_pocket([p.prompt for p in puzzles])
    network = torch.nn.ModuleDict(
        {"transformer": pipe.transformer, "text_encoder": pipe.text_encoder}
    )
    optimisers = training.make_optimisers(network, TINY)
    paint = training.LatentPainter(puzzle_codec)
    losses = []
    for _ in range(20):
        generator = torch.Generator().manual_seed(0)
        loss = training.flow_loss(pipe, paint, puzzles, TINY, generator)
        losses.append(loss.item())
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
    # the target, noise - clean, has variance near 2
    assert 1 < losses[0] < 4
    assert losses[-1] < 0.85 * losses[0]


def test_each_parameter_has_one_optimiser(build_pocket):
    pipe = build_pocket([""])
    network = torch.nn.ModuleDict(
        {"transformer": pipe.transformer, "text_encoder": pipe.text_encoder}
    )
    groups = [
        {id(p) for group in optimiser.param_groups for p in group["params"]}
        for optimiser in training.make_optimisers(network, TINY)
    ]
    assert not groups[0] & groups[1]
    assert groups[0] | groups[1] == {id(p) for p in network.parameters()}
    by_id = {id(p): name for name, p in network.named_parameters()}
    assert all(by_id[i].startswith("transformer.blocks.") for i in groups[0])


# Loading


@pytest.mark.slow
def test_a_saved_model_loads_after_importing_the_package_alone(trained):
    program = f"""
import sys
import chain_of_steps
assert "torch" not in sys.modules
import numpy as np
from diffusers import WanImageToVideoPipeline
from PIL import Image
pipe = WanImageToVideoPipeline.from_pretrained({str(trained / "last")!r})
pipe.set_progress_bar_config(disable=True)
assert type(pipe.vae).__name__ == "LinearVideoCodec"
video = pipe(
    Image.new("RGB", (80, 80)), "Draw the way through the maze.", height=80, width=80,
    num_frames=17, num_inference_steps=1, guidance_scale=1.0, max_sequence_length=24,
    output_type="np",
).frames
print(video.shape, bool(np.isfinite(video).all()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "(1, 17, 80, 80, 3) True"


def test_a_saved_model_is_the_average_in_half_precision_and_the_codec_exact(trained, puzzle_codec):
    model = WanModel.load(trained / "last", max_sequence_length=MAX_PROMPT_TOKENS)
    saved = weights(trained / "last")
    loaded = model.pipe.transformer.state_dict()
    assert all(torch.equal(loaded[name], saved[name].float()) for name in saved)
    assert torch.equal(model.pipe.vae.basis, puzzle_codec.basis)
    assert model.pipe.vae.config.latents_mean == puzzle_codec.config.latents_mean
    assert model.pipe.scheduler.config.shift == 5.0


def test_training_and_sampling_give_the_model_the_same_condition(trained, puzzle_codec):
    puzzles = draw("maze", "in-domain", 2) + draw("shelf", "out-of-domain", 2)
    paint = training.LatentPainter(puzzle_codec)
    clean = paint([task_of(p.task).movie(p, p.shown) for p in puzzles])
    pictures = [Image.fromarray((first_frame(p) * 255).round().astype("uint8")) for p in puzzles]
    model = WanModel.load(trained / "last", max_sequence_length=MAX_PROMPT_TOKENS)
    condition = model.condition(pictures, [p.prompt for p in puzzles], 17)
    # pictures are stored in 256 levels, hence the tolerance
    assert torch.allclose(condition.picture["latents"], paint.condition(clean), atol=0.05)
    assert torch.equal(condition.picture["latents"][:, :4], paint.condition(clean)[:, :4])
    texts = training.encode_prompts(
        model.pipe.tokenizer, model.pipe.text_encoder, [p.prompt for p in puzzles]
    )
    assert torch.allclose(condition.text["embeds"], texts, atol=1e-5)


def test_prompts_are_encoded_as_the_pipeline_does(build_pocket):
    prompts = ["Mark the red disc.", "", "Draw the way to the red frame.", "Mark the red disc."]
    pipe = build_pocket(prompts)
    found = training.encode_prompts(pipe.tokenizer, pipe.text_encoder, prompts)
    with torch.no_grad():
        expected = pipe.encode_prompt(
            prompts, do_classifier_free_guidance=False, max_sequence_length=MAX_PROMPT_TOKENS
        )[0]
    assert found.shape == (4, MAX_PROMPT_TOKENS, 16)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.equal(found[0], found[3])
    assert (found[1, 1:] == 0).all()  # an empty prompt is its end mark


# The tokenizer


def test_every_prompt_is_made_of_known_words():
    # as `train` does it: from in-domain training puzzles alone
    taught = [p.prompt for task in task_names() for p in draw(task, "in-domain", 400, "train")]
    tokenizer = build_tokenizer(taught)
    for task, split in itertools.product(task_names(), SPLITS):
        for puzzle in draw(task, split, 200):
            ids = tokenizer(puzzle.prompt).input_ids
            assert tokenizer.unk_token_id not in ids, puzzle.prompt
            assert len(ids) <= MAX_PROMPT_TOKENS
            words = re.findall(r"\w+|[.,]", puzzle.prompt.lower())
            assert tokenizer.convert_ids_to_tokens(ids) == [*words, "</s>"]


def test_an_unknown_word_is_marked_as_such():
    tokenizer = build_tokenizer(["Draw the way."])
    ids = tokenizer("Draw the zebra.").input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == ["draw", "the", "<unk>", ".", "</s>"]


# Puzzles for training


def test_training_never_sees_a_puzzle_kept_for_evaluation():
    kept = {p.digest for t in task_names() for split in SPLITS for p in draw(t, split, 200)}
    mix = dict.fromkeys(task_names(), 1.0)
    puzzles = list(itertools.islice(training.training_puzzles(mix, 4), 3000))
    assert {p.split for p in puzzles} == {"in-domain"}
    assert {pool_of(p) for p in puzzles} == {"train"}
    assert not {p.digest for p in puzzles} & kept
    assert {p.task for p in puzzles} == set(task_names())


def test_tasks_come_as_often_as_the_mix_says():
    mix = {"maze": 6.0, "odd": 3.0, "size": 1.0}
    found = Counter(p.task for p in itertools.islice(training.training_puzzles(mix, 0), 2000))
    assert found.keys() == mix.keys()
    for task, weight in mix.items():
        share = weight / 10
        assert abs(found[task] / 2000 - share) < 4 * np.sqrt(share * (1 - share) / 2000)
    first = [p.digest for p in itertools.islice(training.training_puzzles(mix, 0), 20)]
    assert first == [p.digest for p in itertools.islice(training.training_puzzles(mix, 0), 20)]
    assert first != [p.digest for p in itertools.islice(training.training_puzzles(mix, 1), 20)]


def test_without_a_mix_tasks_come_alike_in_the_order_of_figures():
    mix = training.TrainConfig().mix
    shown = "maze grid tictactoe shelf odd size rotation reappear occlude bounce polyomino move"
    assert mix == dict.fromkeys(task_names(), 1.0)
    new = "chain chain_back chain_once chain_lit latin flood fork"
    assert list(mix) == [*shown.split(), "identify", *new.split()]


# Pieces


@pytest.mark.parametrize(
    ("step", "share"),
    [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (49, 1.0), (60, 1.0), (80, 0.5), (99, 0.025)],
)
def test_rate_warms_up_stays_and_falls_to_zero(step, share):
    config = training.TrainConfig(steps=100, warm_up=10, constant=0.6)
    assert training.learning_rate(step, config) == pytest.approx(share)


def test_the_rate_never_rises_above_its_full_value_or_reaches_zero_early():
    for constant in (0.0, 0.5, 1.0):
        config = training.TrainConfig(steps=37, warm_up=5, constant=constant)
        shares = [training.learning_rate(step, config) for step in range(37)]
        assert 0 < min(shares) <= max(shares) <= 1


def test_float_attention_is_the_stock_attention():
    torch.manual_seed(0)
    net = WanTransformer3DModel(
        patch_size=(1, 1, 1),
        num_attention_heads=2,
        attention_head_dim=24,
        in_channels=6,
        out_channels=6,
        text_dim=16,
        freq_dim=32,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    ).eval()
    for block in net.blocks:  # open gates: every attention matters
        block.scale_shift_table.data[:, [2, 5]] += 1.0
    x, text = torch.randn(2, 6, 3, 4, 5), torch.randn(2, 7, 16)
    given = {"hidden_states": x, "timestep": torch.tensor([500.0, 20.0])}
    with torch.no_grad():
        stock = net(**given, encoder_hidden_states=text).sample
        net.set_attn_processor(training.FloatAttention())
        own = net(**given, encoder_hidden_states=text).sample
        other = net(**given, encoder_hidden_states=text.flip(0)).sample
    assert torch.allclose(own, stock, atol=1e-5)
    assert not torch.allclose(other, stock, atol=1e-2)


def test_the_loss_is_that_of_flow_matching(puzzle_codec, build_pocket):
    """A transformer that answers exactly noise - clean has no loss; noise levels are stratified."""
    puzzles = draw("maze", "in-domain", 8, "train")
    paint = training.LatentPainter(puzzle_codec)
    clean = paint([task_of(p.task).movie(p, p.shown) for p in puzzles])
    pipe = build_pocket([puzzles[0].prompt])
    seen = {}

    def oracle(hidden_states, timestep, text, return_dict):
        z = clean.shape[1]
        noisy, condition = hidden_states[:, :z], hidden_states[:, z:]
        sigma = (timestep / 1000).view(-1, 1, 1, 1, 1)
        seen.update(sigma=sigma.flatten(), condition=condition, text=text)
        return ((noisy - clean) / sigma,)  # x = clean + sigma (noise - clean)

    pipe.register_modules(transformer=None)
    pipe.transformer = oracle
    config = replace(TINY, shift=3.0, prompt_dropout=0.0)
    loss = training.flow_loss(pipe, paint, puzzles, config, torch.Generator().manual_seed(1))
    assert loss.item() == pytest.approx(0, abs=1e-4)
    assert torch.equal(seen["condition"], paint.condition(clean))
    sigma = seen["sigma"]
    u = sigma / (3 - 2 * sigma)  # inverse of the shift
    assert (u * 8).floor().sort().values.tolist() == list(range(8))
    assert (seen["text"][:, 0] != 0).any()


def test_prompts_are_dropped_as_often_as_asked(puzzle_codec, build_pocket):
    puzzles = draw("maze", "in-domain", 4, "train")
    paint = training.LatentPainter(puzzle_codec)
    pipe = build_pocket([puzzles[0].prompt])
    texts = []

    def record(hidden_states, timestep, text, return_dict):
        texts.append(text)
        return (hidden_states[:, : hidden_states.shape[1] // 2 - 2],)

    pipe.register_modules(transformer=None)
    pipe.transformer = record
    for share in (0.0, 1.0):
        config = replace(TINY, prompt_dropout=share)
        training.flow_loss(pipe, paint, puzzles, config, torch.Generator().manual_seed(1))
    whole, dropped = texts
    assert (whole[:, 2] != 0).any()
    assert (dropped[:, 1:] == 0).all()
