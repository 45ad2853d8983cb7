"""Readings against looks that are made here: brighter, darker, blended, and decided hop by hop."""

import itertools

import numpy as np
import pytest

from chain_of_steps.tasks import stream, task_names, task_of
from chain_of_steps.tasks.board import BEAT, DEFAULT_BOARD, Board
from chain_of_steps.tasks.observe import Observer, kept_from
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.reader import NO_ANSWER, first_frame
from chain_of_steps.tasks.scene import render, render_movie

every_task = pytest.mark.parametrize("task", task_names())
LIGHTS = ((0.9, 0.0), (1.1, 0.0), (1.0, -0.05), (1.0, 0.05), (0.9, -0.05), (1.1, 0.05))


def draw(task, split, n, board=DEFAULT_BOARD) -> list[Puzzle]:
    return list(itertools.islice(stream(task, split, "evaluation", 12, board), n))


def video(puzzle: Puzzle, candidate: int) -> np.ndarray:
    return render_movie(task_of(puzzle.task).movie(puzzle, candidate), puzzle.board)


def lit(videos: np.ndarray, gain: float, offset: float) -> np.ndarray:
    return np.clip(videos * gain + offset, 0, 1)


@every_task
def test_readings_do_not_follow_brightness(task):
    for puzzle in (p for split in SPLITS for p in draw(task, split, 1)):
        n = len(puzzle.candidates)
        true, other = video(puzzle, puzzle.shown), video(puzzle, (puzzle.shown + 1) % n)
        looks = np.stack([true, (true + other) / 2])
        observer = Observer(puzzle)
        plain = observer.read_video(looks)
        for gain, offset in LIGHTS:
            found = observer.read_video(lit(looks, gain, offset))
            assert np.abs(found.n_candidates - plain.n_candidates).max() < 0.1
            assert np.abs(found.evidence - plain.evidence).max() < 0.1
            assert found.accepted.tolist() == plain.accepted.tolist() == [puzzle.shown, NO_ANSWER]
            tiles = observer.read_tiles(lit(true[None], gain, offset))
            assert tiles.leads.all() and tiles.accepted.all() and tiles.readable.all()


@every_task
def test_nothing_readable_is_a_state_without_a_number(task):
    rng = np.random.default_rng(1)
    (puzzle,) = draw(task, "in-domain", 1)
    shape = video(puzzle, 0).shape
    looks = np.stack([rng.random(shape), np.full(shape, 0.5), np.zeros(shape)])
    found = Observer(puzzle).read_video(looks)
    assert not found.readable.any()
    assert (found.leads == NO_ANSWER).all() and (found.accepted == NO_ANSWER).all()
    assert np.isnan(found.n_candidates).all()
    tiles = Observer(puzzle).read_tiles(looks)
    assert not (tiles.leads | tiles.accepted | tiles.readable).any()


def test_the_number_of_candidates_is_never_below_one():
    (puzzle,) = draw("chain", "in-domain", 1)
    still = np.broadcast_to(first_frame(puzzle), video(puzzle, 0).shape)
    shares = np.linspace(0, 1, 21)[:, None, None, None, None]
    found = Observer(puzzle).read_video((1 - shares) * still + shares * video(puzzle, 0))
    assert not found.readable[0] and found.readable[2:].all()
    assert (found.n_candidates[found.readable] >= 1 - 1e-9).all()


def test_leads_and_accepted_are_two_things():
    (puzzle,) = draw("odd", "in-domain", 1)
    a, b = video(puzzle, puzzle.shown), video(puzzle, (puzzle.shown + 1) % len(puzzle.candidates))
    looks = np.stack([0.55 * a + 0.45 * b, 0.8 * a + 0.2 * b, (a + b) / 2])
    found = Observer(puzzle).read_video(looks)
    assert found.leads.tolist() == [puzzle.shown, puzzle.shown, NO_ANSWER]  # alike: neither leads
    assert found.accepted.tolist() == [NO_ANSWER, puzzle.shown, NO_ANSWER]


def test_a_shared_weakest_tile_lets_the_rest_decide():
    """Two ways through one faint tile have equal evidence; what they do beyond it tells."""
    for puzzle in draw("chain", "out-of-domain", 3):
        first = task_of("chain").empty(puzzle)[0]
        wrong = next(
            n
            for n, way in enumerate(puzzle.candidates[1:], 1)
            if len(way) > 2
            and way[:2] == puzzle.candidates[0][:2]
            and way[-1] not in puzzle.candidates[0]
        )
        last = render(task_of("chain").movie(puzzle, wrong)[-1])
        faint = tuple(puzzle.candidates[0][0])
        r, c = (16 * i for i in faint)
        last[r : r + 16, c : c + 16] = (
            0.3 * last[r : r + 16, c : c + 16] + 0.7 * render(first)[r : r + 16, c : c + 16]
        )
        look = np.stack([first_frame(puzzle), last])[None]
        assert Observer(puzzle).read(look).leads[0] == wrong


# Noise on what nothing may change


def test_evidence_counts_from_what_tiles_show_on_which_nothing_may_change():
    (puzzle,) = draw("odd", "in-domain", 1)
    frames = np.stack([video(puzzle, puzzle.shown)[f] for f in Observer(puzzle).frames])
    ring = render({(0, 0): ("ring",)}) - render({})
    cells = {tuple(cell) for cell, _ in puzzle.layout["objects"]}
    ghost = frames.copy()
    for r, c in set(DEFAULT_BOARD.cells):
        part = np.roll(ring, (16 * r, 16 * c), (0, 1)) * 0.3
        ghost[1] += part if (r, c) not in cells else 0.3 * part
    found = Observer(puzzle).read(ghost[None])
    assert 0.15 < found.null[0] < 0.3  # less than .3, as some of it is taken for brightness
    assert found.readable[0] and found.n_candidates[0] == pytest.approx(1, abs=0.01)


# Tile by tile


@pytest.mark.parametrize("task", ["chain", "chain_back", "chain_once", "maze", "latin", "grid"])
@pytest.mark.parametrize("board", [DEFAULT_BOARD, Board(7, 7, 6)], ids=str)
def test_tiles_are_read_frame_by_frame(task, board):
    (puzzle,) = draw(task, "in-domain", 1, board)
    movies = [task_of(task).movie(puzzle, n) for n in range(len(puzzle.candidates))]
    found = Observer(puzzle).read_tiles(video(puzzle, puzzle.shown)[None])
    expected = {
        (-(-frame // BEAT), *cell)
        for frame in range(board.frames)
        for cell in board.cells
        if len({movie[frame].get(cell) for movie in movies} | {movies[0][0].get(cell)}) > 1
    }
    places = list(zip(found.frame, found.row, found.column, strict=True))
    assert set(places) == expected and len(places) == len(expected)
    assert np.allclose(found.weight, 1, atol=1e-3)
    depths = task_of(task).depths(puzzle, puzzle.shown)
    assert found.depth.tolist() == [depths.get((r, c), -1) for _, r, c in places]
    still = np.broadcast_to(first_frame(puzzle), video(puzzle, 0).shape)
    unmoved = Observer(puzzle).read_tiles(still[None])
    assert not unmoved.leads[0, (found.frame == board.beats) & (found.depth == puzzle.need)].any()


@pytest.mark.parametrize("task", ["chain", "chain_back", "chain_once"])
def test_hops_that_are_decided_one_a_step_are_found_so(task):
    """Whatever the frames do: the step at which a tile is decided has slope one in the hops."""
    puzzle = next(p for p in draw(task, "in-domain", 60) if p.need >= 10)
    true, n = video(puzzle, 0), puzzle.need
    looks = np.repeat(np.broadcast_to(first_frame(puzzle), true.shape)[None], n + 1, 0).copy()
    for depth, (r, c) in enumerate(puzzle.candidates[0], 1):
        rows, columns = slice(16 * r, 16 * r + 16), slice(16 * c, 16 * c + 16)
        looks[depth:, :, rows, columns] = true[:, rows, columns]
    found = Observer(puzzle).read_tiles(looks)
    for flags in (found.leads, found.accepted):
        step = kept_from(flags)
        shown = (found.depth > 0) & (found.frame == DEFAULT_BOARD.beats)
        assert np.array_equal(step[shown], found.depth[shown])
        assert np.polyfit(found.depth[shown], step[shown], 1)[0] == pytest.approx(1)


def test_what_is_kept_counts_to_the_end():
    flags = np.array([[1, 0, 0, 1], [1, 1, 0, 0], [1, 0, 0, 1], [1, 1, 0, 1]], bool)
    assert kept_from(flags).tolist() == [0, 3, 4, 2]


def test_frames_of_another_size_are_refused():
    (puzzle,) = draw("maze", "in-domain", 1)
    with pytest.raises(ValueError, match=r"\(512, 512\) pixels, but the puzzle has 5 x 5 tiles"):
        Observer(puzzle).read(np.zeros((1, 2, 512, 512, 3)))
