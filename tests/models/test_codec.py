"""The linear codec: the interface of AutoencoderKLWan, exactness on the puzzles, its fit."""

import itertools
from collections import Counter

import numpy as np
import pytest
import tiny
import torch

from chain_of_steps.models.codec import LinearVideoCodec, fit_codec
from chain_of_steps.pocket.training import LatentPainter, codec_for_puzzles
from chain_of_steps.tasks import stream, task_names, task_of
from chain_of_steps.tasks.puzzle import SPLITS
from chain_of_steps.tasks.scene import render_movie

Z_DIM = 5


def random_codec(seed: int = 0) -> LinearVideoCodec:
    """A codec with an orthonormal random basis and a mean."""
    generator = torch.Generator().manual_seed(seed)
    codec = LinearVideoCodec(Z_DIM, latents_mean=[0.0] * Z_DIM, latents_std=[1.0] * Z_DIM)
    basis = torch.linalg.qr(torch.randn(3072, Z_DIM, generator=generator))[0].T
    codec.basis.data = basis.contiguous()
    codec.mean.data = 0.1 * torch.randn(3072, generator=generator)
    return codec


def video(frames: int = 9, height: int = 32, width: int = 48, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, 3, frames, height, width, generator=generator) * 2 - 1


@pytest.fixture(scope="module")
def movies() -> list:
    """The ground truth of a puzzle of every task and split."""
    return [
        task_of(task).movie(puzzle, puzzle.shown)
        for task, split in itertools.product(task_names(), SPLITS)
        for puzzle in itertools.islice(stream(task, split, "evaluation", 21), 1)
    ]


@pytest.fixture(scope="module")
def truths(movies) -> torch.Tensor:
    """The same as videos (26, 3, 17, 80, 80) in [-1, 1]."""
    shown = torch.from_numpy(np.stack([render_movie(movie) for movie in movies]))
    return shown.permute(0, 4, 1, 2, 3) * 2 - 1


# Interface


def test_it_is_called_like_the_codec_of_wan():
    codec, wan = random_codec(), tiny.vae()
    names = ["z_dim", "latents_mean", "latents_std"]
    names += ["scale_factor_temporal", "scale_factor_spatial"]
    assert all(name in wan.config and name in codec.config for name in names)
    for one, space in ((codec, 16), (wan, wan.config.scale_factor_spatial)):
        with torch.no_grad():
            x = video(frames=9, height=32, width=48)
            point = one.encode(x).latent_dist
            shape = (2, one.config.z_dim, 3, 32 // space, 48 // space)
            assert point.mode().shape == shape
            assert point.sample(torch.Generator()).shape == shape
            assert torch.equal(one.encode(x, return_dict=False)[0].mode(), point.mode())
            decoded = one.decode(point.mode()).sample
            assert decoded.shape == x.shape
            assert decoded.abs().max() <= 1
            assert torch.equal(one.decode(point.mode(), return_dict=False)[0], decoded)


def test_encoding_is_the_projection_of_each_block():
    codec, x = random_codec(), video()
    found = codec.encode(x).latent_dist.mode()
    pixels = x.permute(0, 2, 3, 4, 1).double()
    basis, mean = codec.basis.double(), codec.mean.double()
    for f, r, c in itertools.product(range(3), range(2), range(3)):
        times = [0] * 4 if f == 0 else list(range(4 * f - 3, 4 * f + 1))
        block = pixels[:, times, 16 * r : 16 * r + 16, 16 * c : 16 * c + 16].flatten(1)
        expected = torch.stack([((row - mean) * basis).sum(1) for row in block])
        assert torch.allclose(found[:, :, f, r, c].double(), expected, atol=1e-4)


def test_decoding_inverts_encoding_in_the_span_of_the_basis():
    codec = random_codec()
    z = torch.randn(2, Z_DIM, 3, 2, 3, generator=torch.Generator().manual_seed(2))
    z[:, :, 0] = 0  # the first block is one frame held: a random latent is none
    decoded = codec.decode(z).sample
    assert decoded.abs().max() < 1  # nothing was clipped
    again = codec.encode(decoded).latent_dist.mode()
    assert torch.allclose(again[:, :, 1:], z[:, :, 1:], atol=1e-4)


def test_a_latent_frame_sees_its_own_frames_only():
    codec, x = random_codec(), video(frames=9)
    before = codec.encode(x).latent_dist.mode()
    for frame in range(9):
        other = x.clone()
        other[:, :, frame] = -other[:, :, frame]
        after = codec.encode(other).latent_dist.mode()
        changed = (after != before).any(dim=1).any(dim=0).any(dim=-1).any(dim=-1)
        assert changed.tolist() == [f == (frame + 3) // 4 for f in range(3)]
    alone = codec.encode(x[:, :, :1]).latent_dist.mode()
    assert torch.allclose(alone[:, :, 0], before[:, :, 0], atol=1e-5)


def test_some_frames_alone_are_those_of_the_whole_video():
    codec, z = random_codec(), 3 * torch.randn(2, Z_DIM, 3, 2, 3)
    whole = codec.decode(z).sample
    assert whole.abs().max() == 1  # pixels are clipped to the range of videos
    for frames in ([0], [8], [3, 4, 5], [8, 0, 5], range(9)):
        some = codec.decode_frames(z, frames)
        assert torch.allclose(some, whole[:, :, list(frames)], atol=1e-5)


@pytest.mark.parametrize("size", [(8, 32, 32), (9, 30, 32), (9, 32, 40), (2, 16, 16)])
def test_a_video_of_another_size_is_refused(size):
    frames, height, width = size
    with pytest.raises(ValueError, match=f"video of {frames} frames of {height} x {width}"):
        random_codec().encode(video(frames, height, width))


def test_it_survives_saving(tmp_path):
    codec, x = random_codec(), video()
    codec.save_pretrained(tmp_path)
    again = LinearVideoCodec.from_pretrained(tmp_path)
    assert again.config.latents_std == codec.config.latents_std
    assert torch.equal(again.encode(x).latent_dist.mode(), codec.encode(x).latent_dist.mode())
    assert not any(p.requires_grad for p in again.parameters())


# Puzzles


def test_every_puzzle_frame_survives(puzzle_codec, truths):
    decoded = puzzle_codec.decode(puzzle_codec.encode(truths).latent_dist.mode()).sample
    error = (decoded - truths).abs() / 2  # in [0, 1] as pixels are
    assert error.mean() < 0.005
    assert error.max() < 0.25
    per_frame = error.pow(2).mean(dim=(1, 3, 4)).sqrt()
    assert per_frame.max() < 0.02


def test_the_painter_composes_what_the_codec_encodes(puzzle_codec, movies, truths):
    z = puzzle_codec.encode(truths).latent_dist.mode()
    config = puzzle_codec.config
    mean, std = (
        torch.tensor(v).view(1, -1, 1, 1, 1) for v in (config.latents_mean, config.latents_std)
    )
    paint = LatentPainter(puzzle_codec)
    first = paint(movies[:13])
    painted = torch.cat([first, paint(movies[13:])])  # the table of tiles grows
    assert torch.allclose(painted, (z - mean) / std, atol=1e-4)
    assert torch.equal(paint(movies[:13]), first)


def test_latents_of_the_puzzles_have_unit_variance(puzzle_codec):
    # drawn anew, so not the puzzles the codec was fitted to
    movies = [
        task_of(task).movie(puzzle, puzzle.shown)
        for task in task_names()
        for puzzle in itertools.islice(stream(task, "in-domain", "train", 99), 60)
    ]
    z = LatentPainter(puzzle_codec)(movies).transpose(0, 1).flatten(1)
    assert z.mean(1).abs().max() < 0.2
    assert z.var(1).mean() == pytest.approx(1, abs=0.1)
    ratio = z.var(1).max() / z.var(1).min()
    raw = z.var(1) * torch.tensor(puzzle_codec.config.latents_std) ** 2
    assert 1 < ratio < raw.max() / raw.min()  # weak channels are raised, but stay weaker


# Fit


def weighted_blocks(seed: int, n: int = 40, pixels: int = 12):
    rng = np.random.default_rng(seed)
    blocks = rng.normal(size=(n, pixels)) * np.linspace(3, 0.2, pixels) + rng.normal(size=pixels)
    return blocks, rng.integers(1, 6, n).astype(float) ** 2


def test_the_basis_is_that_of_blocks_repeated_by_the_root_of_their_counts():
    blocks, counts = weighted_blocks(0)
    codec = fit_codec(blocks, counts, 4)
    repeated = np.repeat(blocks, np.sqrt(counts).astype(int), axis=0)
    assert np.allclose(codec.mean.numpy(), repeated.mean(0), atol=1e-5)
    axes = np.linalg.svd(repeated - repeated.mean(0))[2][:4]
    found = codec.basis.numpy()
    assert np.allclose(np.abs((found * axes).sum(1)), 1, atol=1e-5)
    assert np.allclose(found @ found.T, np.eye(4), atol=1e-5)


def test_the_latents_are_normalised_by_how_often_blocks_are_seen():
    blocks, counts = weighted_blocks(1)
    codec = fit_codec(blocks, counts, 4)
    seen = np.repeat(blocks, counts.astype(int), axis=0)
    z = (seen - codec.mean.numpy()) @ codec.basis.numpy().T
    assert np.allclose(codec.config.latents_mean, z.mean(0), atol=1e-4)
    normalised = (z - z.mean(0)) / codec.config.latents_std
    assert normalised.var(0).mean() == pytest.approx(1, rel=1e-4)


def test_the_fit_is_the_same_in_any_order_with_the_largest_entry_of_an_axis_positive():
    blocks, counts = weighted_blocks(2)
    codec = fit_codec(blocks, counts, 5)
    order = np.random.default_rng(0).permutation(len(blocks))
    again = fit_codec(blocks[order], counts[order], 5)
    assert torch.allclose(codec.basis, again.basis, atol=1e-5)
    assert torch.equal(codec.basis, fit_codec(blocks, counts, 5).basis)
    largest = codec.basis.abs().argmax(1)
    assert (codec.basis[range(5), largest] > 0).all()
    assert np.allclose(codec.config.latents_std, again.config.latents_std)


def test_the_codec_is_fitted_to_in_domain_training_puzzles_only(monkeypatch):
    asked = Counter()

    def watched(task, split, pool, seed, board):
        asked[split, pool] += 1
        return stream(task, split, pool, seed, board)

    monkeypatch.setattr("chain_of_steps.pocket.training.stream", watched)
    monkeypatch.setattr("chain_of_steps.pocket.training.fit_codec", lambda *given: given)
    blocks, counts, z_dim = codec_for_puzzles(7, per_task=2)
    assert asked == {("in-domain", "train"): len(task_names())}
    assert z_dim == 7
    assert counts.sum() == len(task_names()) * 2 * 125
    assert blocks.shape == (len(counts), 3072)
    assert np.abs(blocks).max() <= 1
    backwards = task_names()[::-1]
    monkeypatch.setattr("chain_of_steps.pocket.training.task_names", lambda: backwards)
    again = codec_for_puzzles(7, per_task=2)
    assert np.array_equal(again[0], blocks) and np.array_equal(again[1], counts)
