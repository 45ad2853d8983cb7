"""Readings against ground truth, noise, blanks and blends, with and without the codec."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from scipy.stats import entropy

from chain_of_steps.tasks import stream, task_names, task_of
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.reader import (
    NO_ANSWER,
    effective_number,
    first_frame,
    mixture_weights,
)
from chain_of_steps.tasks.scene import COLOURS, FRAMES, render_movie

SHAPE = (FRAMES, 80, 80, 3)
every_task_and_split = pytest.mark.parametrize(
    ("task", "split"), [(task, split) for task in task_names() for split in SPLITS]
)


def draw(task: str, split: str, n: int) -> list[Puzzle]:
    return list(itertools.islice(stream(task, split, "evaluation", 11), n))


def videos(puzzle: Puzzle) -> np.ndarray:
    """(candidates, 17, 80, 80, 3)"""
    movies = (task_of(puzzle.task).movie(puzzle, n) for n in range(len(puzzle.candidates)))
    return np.stack([render_movie(movie) for movie in movies])


def drawing(movie: list, module, blank: list) -> set:
    """(key frame, cell, tile) of all that a movie draws there."""
    return {
        (k, cell, tile)
        for k, frame in enumerate(module.KEY_FRAMES)
        for cell, tile in movie[frame].items()
        if tile != blank[k].get(cell, ())
    }


def blend_evidence(puzzle: Puzzle, parts: dict[int, float]) -> np.ndarray:
    """Evidence of every candidate in a blend, counted in scenes instead of pixels.

    On a tile a candidate has the summed share of the parts that look like it there; its evidence
    is the least over the tiles it draws on (over all that matter, if it draws nothing), and those
    that it leaves bare while one that draws the same and more does not.
    """
    module = task_of(puzzle.task)
    movies = [module.movie(puzzle, n) for n in range(len(puzzle.candidates))]
    blank = module.empty(puzzle)
    found = []
    drawings = [drawing(movie, module, blank) for movie in movies]
    for mine, movie in zip(drawings, movies, strict=True):
        more = set().union(*(other for other in drawings if mine < other))
        left_bare = {(k, cell) for k, cell, _ in more - mine}
        agreeing, drawn = [], []
        for k, frame in enumerate(module.KEY_FRAMES):
            for cell in itertools.product(range(5), repeat=2):
                tile = movie[frame].get(cell, ())
                share = sum(w for n, w in parts.items() if movies[n][frame].get(cell, ()) == tile)
                agreeing.append(share)
                drawn.append(tile != blank[k].get(cell, ()) or (k, cell) in left_bare)
        shares = [s for s, d in zip(agreeing, drawn, strict=True) if d] or agreeing
        found.append(min(shares))
    return np.array(found)


@every_task_and_split
def test_every_candidate_is_read_as_itself(task, split):
    for puzzle in draw(task, split, 6):
        reading = Observer(puzzle).read_video(videos(puzzle))
        n = len(puzzle.candidates)
        right = np.isin(np.arange(n), puzzle.solutions)
        assert reading.accepted.tolist() == list(range(n))
        assert np.array_equal(reading.correct, right)
        assert np.allclose(reading.evidence, np.eye(n), atol=1e-3)
        assert np.allclose(reading.n_candidates, 1, atol=1e-3)
        assert np.allclose(reading.score[right], 1)
        assert (reading.score[~right] < 1).all()
        assert (reading.score >= 0).all()


@every_task_and_split
def test_truth_is_read_through_the_codec(task, split, puzzle_codec):
    puzzles = draw(task, split, 12)
    truths = np.stack([render_movie(task_of(task).movie(p, p.shown)) for p in puzzles])
    pixels = torch.from_numpy(truths).permute(0, 4, 1, 2, 3) * 2 - 1
    decoded = puzzle_codec.decode(puzzle_codec.encode(pixels).latent_dist.mode()).sample
    decoded = (decoded.permute(0, 2, 3, 4, 1).numpy() + 1) / 2
    for puzzle, video in zip(puzzles, decoded, strict=True):
        reading = Observer(puzzle).read_video(video[None])
        assert reading.accepted[0] == puzzle.shown
        assert reading.correct[0]
        assert reading.score[0] == 1
        assert reading.evidence[0, puzzle.shown] > 0.75
        assert reading.n_candidates[0] < 1.6


@every_task_and_split
def test_noise_and_blanks_show_no_answer(task, split):
    rng = np.random.default_rng(5)
    nothing = [
        *rng.random((3, *SHAPE)),
        *rng.normal(0.5, 0.5, (3, *SHAPE)).clip(0, 1),
        np.full(SHAPE, 0.0),
        np.full(SHAPE, 0.5),
        np.full(SHAPE, 1.0),
    ]
    for puzzle in draw(task, split, 4):
        reading = Observer(puzzle).read_video(np.stack(nothing))
        assert (reading.accepted == NO_ANSWER).all()
        assert not reading.correct.any()
        assert (reading.score < 1).all()


@every_task_and_split
def test_a_blend_of_two_answers_is_no_answer_and_half_the_evidence_each(task, split):
    rng = np.random.default_rng(7)
    for puzzle in draw(task, split, 4):
        shown, reader = videos(puzzle), Observer(puzzle)
        for _ in range(3):
            a, b = map(int, rng.choice(len(shown), 2, replace=False))
            reading = reader.read_video((shown[a] + shown[b])[None] / 2)
            expected = blend_evidence(puzzle, {a: 0.5, b: 0.5})
            assert reading.accepted[0] == NO_ANSWER
            assert not reading.correct[0]
            assert reading.evidence[0, [a, b]] == pytest.approx(0.5, abs=0.02)
            assert np.allclose(reading.evidence[0], expected, atol=0.02)
            live = (expected > 0).sum()
            assert live >= 2
            assert reading.n_candidates[0] == pytest.approx(live, abs=0.1)


@every_task_and_split
def test_the_stronger_of_two_answers_is_read(task, split):
    rng = np.random.default_rng(9)
    for puzzle in draw(task, split, 4):
        shown, reader = videos(puzzle), Observer(puzzle)
        a, b = map(int, rng.choice(len(shown), 2, replace=False))
        reading = reader.read_video((0.8 * shown[a] + 0.2 * shown[b])[None])
        assert reading.accepted[0] == a
        assert reading.correct[0] == (a in puzzle.solutions)
        assert np.allclose(reading.evidence[0], blend_evidence(puzzle, {a: 0.8, b: 0.2}), atol=0.02)


@every_task_and_split
def test_a_video_that_stands_still_is_never_correct(task, split):
    for puzzle in draw(task, split, 20):
        still = np.broadcast_to(first_frame(puzzle), SHAPE)
        assert np.array_equal(first_frame(puzzle), videos(puzzle)[puzzle.shown][0])
        reading = Observer(puzzle).read_video(still[None])
        assert not reading.correct[0]
        assert reading.score[0] == 0


def test_a_half_drawn_way_scores_its_share_and_is_no_answer():
    puzzle = draw("maze", "out-of-domain", 1)[0]
    video = videos(puzzle)[0]
    moves = len(puzzle.candidates[0]) - 1
    for drawn in range(1, moves):
        # frame n of the truth shows n dots beside the first
        reading = Observer(puzzle).read_video(np.broadcast_to(video[drawn], SHAPE)[None])
        assert reading.accepted[0] == NO_ANSWER
        assert reading.score[0] == pytest.approx(drawn / moves)


@pytest.mark.parametrize("task", ["reappear", "occlude"])
def test_a_wrong_colour_is_never_right_though_not_every_one_is_a_candidate(task):
    for puzzle in draw(task, "in-domain", 30):
        movie = task_of(task).movie(puzzle, puzzle.shown)
        shape, colour = puzzle.layout["object" if task == "reappear" else "small"]
        place = puzzle.layout["place"]
        assert movie[-1][place] == (f"{shape}:{colour}:m",)
        for other in set(COLOURS) - {colour}:
            changed = {**movie[-1], place: (f"{shape}:{other}:m",)}
            video = render_movie([*movie[:-1], changed])
            reading = Observer(puzzle).read_video(video[None])
            assert not reading.correct[0]
            assert reading.evidence[0, puzzle.shown] < 0.55  # and by some margin


def test_looks_are_read_one_by_one():
    puzzle = draw("odd", "in-domain", 1)[0]
    reader, shown = Observer(puzzle), videos(puzzle)
    rng = np.random.default_rng(3)
    looks = np.clip(shown[:4] + rng.normal(0, 0.1, shown[:4].shape), 0, 1)
    together = reader.read_video(looks)
    apart = [reader.read_video(look[None]) for look in looks]
    for name in vars(together):
        values = np.concatenate([getattr(one, name) for one in apart])
        assert np.allclose(getattr(together, name), values)


def test_key_frames_are_all_that_is_read():
    puzzle = draw("reappear", "in-domain", 1)[0]
    reader, shown = Observer(puzzle), videos(puzzle)[:2]
    assert reader.frames == (0, *reader.key_frames) == (0, 8, 16)
    other = np.random.default_rng(0).random(shown.shape)
    other[:, [0, 8, 16]] = shown[:, [0, 8, 16]]
    assert np.array_equal(reader.read_video(other).evidence, reader.read_video(shown).evidence)
    assert np.array_equal(
        reader.read(shown[:, [0, 8, 16]]).evidence, reader.read_video(shown).evidence
    )


@pytest.mark.parametrize("m", [2, 3, 5, 8])
@pytest.mark.parametrize("spread", [0.0, 0.3, 2.0])
def test_mixture_weights_are_the_constrained_least_squares(m, spread):
    rng = np.random.default_rng(m)
    appearances = rng.random((m, 60))
    true = rng.dirichlet(np.full(m, 0.5), size=10)
    observed = true @ appearances + rng.normal(0, spread, (10, 60))
    found = mixture_weights(observed, appearances)
    assert (found >= 0).all()
    assert np.allclose(found.sum(1), 1)
    heavy = 1e4  # a row that makes the weights sum to 1
    system = np.vstack([appearances.T, np.full((1, m), heavy)])
    for row, weights in zip(observed, found, strict=True):
        expected, _ = nnls(system, np.append(row, heavy))
        assert np.allclose(weights, expected, atol=5e-3)
        misfit, best = (np.linalg.norm(row - w @ appearances) for w in (weights, expected))
        assert misfit <= best * (1 + 1e-3) + 1e-2
    if spread == 0:
        assert np.allclose(found, true, atol=5e-3)


def test_effective_number_is_the_exponential_of_the_entropy():
    rng = np.random.default_rng(2)
    for n in (1, 2, 7):
        weights = rng.uniform(0.06, 1, (20, n))
        expected = np.exp(entropy(weights, axis=1))
        assert np.allclose(effective_number(weights), expected)
    assert effective_number(np.array([0.3, 0.3, 0.3])) == pytest.approx(3)
    assert effective_number(np.array([0.9, 0.04, 0.03])) == pytest.approx(1)  # too weak to see
    assert effective_number(np.array([0.04, 0.0]), visible=0.01) == pytest.approx(1)
    assert np.isnan(effective_number(np.array([0.04, 0.0])))  # nothing is no number
