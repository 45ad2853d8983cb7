"""The board as a value: the default one changes nothing, others draw, train and read."""

import hashlib
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chain_of_steps.cases import folders
from chain_of_steps.errors import UserError
from chain_of_steps.tasks import pool_of, stream, task_names, task_of
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.reader import first_frame
from chain_of_steps.tasks.regions import tile_masks
from chain_of_steps.tasks.scene import (
    HELD_OUT_PAIRS,
    SHAPES,
    hold,
    render,
    render_movie,
    render_tile,
    reveal,
    split_tiles,
)

BOARDS = (Board(7, 7, 6), Board(9, 9, 8), Board(5, 7, 5))
COLUMN_A_FRAME = {"bounce", "occlude"}  # need as many columns as latent frames
# Of puzzles drawn before there were other boards: the first digests, a sha256 of 50 puzzles, and
# one of the frames of five.
DIGESTS = json.loads((Path(__file__).with_name("digests.json")).read_text())
FIELDS = ["task", "split", "prompt", "layout", "candidates", "solutions", "shown", "essence"]


def draw(task, split, n, pool="evaluation", board=None, seed=0) -> list[Puzzle]:
    return list(itertools.islice(stream(task, split, pool, seed, board), n))


def videos(puzzle: Puzzle) -> np.ndarray:
    """(candidates, T, H, W, 3)"""
    movies = (task_of(puzzle.task).movie(puzzle, n) for n in range(len(puzzle.candidates)))
    return np.stack([render_movie(movie, puzzle.board) for movie in movies])


def sha(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


# The default board


@pytest.mark.parametrize("name", DIGESTS)
def test_shipped_puzzles_keep_their_digests_and_pixels(name):
    task, split, pool = name.split("/")
    puzzles = draw(task, split, 50, pool)
    assert [puzzle.digest[:16] for puzzle in puzzles[:3]] == DIGESTS[name]["digests"]
    plain = json.dumps([{field: getattr(p, field) for field in FIELDS} for p in puzzles])
    assert sha(plain.encode()) == DIGESTS[name]["puzzles"]
    movies = [render_movie(task_of(task).movie(p, p.shown)) for p in puzzles[:5]]
    frames = [(movie * 255).round().astype(np.uint8).tobytes() for movie in movies]
    assert sha(*frames) == DIGESTS[name]["frames"]


@pytest.mark.parametrize("task", task_names())
def test_the_default_board_is_no_part_of_a_layout_and_need_of_no_digest(task):
    (puzzle,) = draw(task, "in-domain", 1)
    assert puzzle.board == DEFAULT_BOARD == Board(5, 5, 4)
    assert "on_board" not in puzzle.layout
    assert replace(puzzle, need=puzzle.need + 1).digest == puzzle.digest
    assert draw(task, "in-domain", 1, board=Board(5, 5, 4)) == [puzzle]


# Others


def test_a_board_says_its_size_and_length():
    board = Board(2, 3, 6)
    assert (board.frames, board.latent_frames) == (25, 7)
    assert board.cells == ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))
    assert sorted(board.neighbours((0, 1))) == [(0, 0), (0, 2), (1, 1)]
    assert [board.frame(frame) for frame in (0, 8, 16)] == [0, 12, 24]
    with pytest.raises(UserError, match="0 columns"):
        Board(5, 0)


@pytest.mark.parametrize(
    ("task", "board"),
    [
        (task, board)
        for task, board in itertools.product(task_names(), BOARDS)
        if task not in COLUMN_A_FRAME or board.columns == board.latent_frames
    ],
    ids=str,
)
def test_a_larger_board_is_drawn_and_read(task, board, tmp_path):
    for split in SPLITS:
        for puzzle in draw(task, split, 2 if board.rows < 9 else 1, board=board):
            assert puzzle.board == board
            assert puzzle.digest != replace(puzzle, layout=_without_board(puzzle)).digest
            shown = videos(puzzle)
            size = (board.frames, 16 * board.rows, 16 * board.columns, 3)
            assert shown.shape[1:] == size
            assert all(np.array_equal(video[0], first_frame(puzzle)) for video in shown)
            reading = Observer(puzzle).read_video(shown)
            assert reading.accepted.tolist() == list(range(len(shown)))
            still = np.broadcast_to(first_frame(puzzle), size)[None]
            assert not Observer(puzzle).read_video(still).correct[0]
            masks = tile_masks(puzzle)
            assert {m.shape for m in masks.values()} == {(board.frames, board.rows, board.columns)}
    folders.write_case(tmp_path, puzzle)
    case = folders.Case("a", tmp_path)
    assert case.puzzle.board == board and case.puzzle.digest == puzzle.digest
    assert case.image.size == (16 * board.columns, 16 * board.rows)


def _without_board(puzzle: Puzzle) -> dict:
    return {name: value for name, value in puzzle.layout.items() if name != "on_board"}


@pytest.mark.parametrize("task", task_names())
def test_training_and_evaluation_are_kept_apart_on_a_larger_board(task):
    training = draw(task, "in-domain", 60, "train", BOARDS[0])
    evaluation = draw(task, "in-domain", 60, board=BOARDS[0])
    assert {pool_of(puzzle) for puzzle in training} == {"train"}
    assert not {p.digest for p in training} & {p.digest for p in evaluation}
    for puzzle in training:
        layers = [
            layer.split(":")
            for scene in task_of(task).movie(puzzle, puzzle.shown)
            for tile in scene.values()
            for layer in tile
        ]
        shown = {(parts[0], parts[1]) for parts in layers if parts[0] in SHAPES}
        assert not shown & HELD_OUT_PAIRS


@pytest.mark.parametrize("task", sorted(COLUMN_A_FRAME))
def test_a_task_that_moves_by_columns_says_so(task):
    with pytest.raises(UserError, match=rf"{task} moves .* write cases.board.beats: 6"):
        draw(task, "in-domain", 1, board=Board(5, 7, 5))


def test_a_board_without_room_for_a_puzzle_says_so():
    with pytest.raises(UserError, match="maze has only 0 different in-domain cases"):
        draw("maze", "in-domain", 1, board=Board(2, 2, 4))


@pytest.mark.parametrize("board", [Board(3, 3, 3), Board(4, 4, 4)], ids=str)
def test_a_small_board_shows_one_answer_or_is_refused(board):
    refused = set()
    for task in task_names():
        try:
            puzzles = draw(task, "in-domain", 3, board=board)
        except UserError:
            refused.add(task)
            continue
        for puzzle in puzzles:
            for n in range(len(puzzle.candidates)):
                assert set().union(*task_of(task).movie(puzzle, n)) <= set(board.cells), task
        found = Observer(puzzle).read_video(videos(puzzle)[puzzle.shown][None])
        assert found.correct.all() and found.n_candidates == pytest.approx(1), task
    takes = {"tictactoe": (4, 4, 3), "shelf": (4, 5, 3), "latin": (5, 5, 3), "reappear": (3, 3, 4)}
    small = {t for t, (r, c, b) in takes.items() if r > board.rows or c > board.columns}
    small |= {t for t, (*_, beats) in takes.items() if beats > board.beats}
    assert refused & takes.keys() == small


# Pixels


def test_one_puzzle_is_drawn_at_any_number_of_pixels_a_tile():
    """Each pixel of a tile of 16 is the mean of those that lie there in one of 96."""
    kinds = set()
    for task in task_names():
        for puzzle in draw(task, "in-domain", 3):
            for scene in task_of(task).movie(puzzle, puzzle.shown):
                kinds |= set(scene.values())
    for tile in sorted(kinds):
        small, large = render_tile(tile), render_tile(tile, 96)
        assert large.shape == (96, 96, 3)
        means = large.reshape(16, 6, 16, 6, 3).mean((1, 3))
        # a curve is cut at other places of the finer raster
        assert np.abs(means - small).mean() < 0.01
    (puzzle,) = draw("maze", "in-domain", 1, board=Board(7, 9, 6))
    scene = task_of("maze").movie(puzzle, 0)[-1]
    picture = render(scene, puzzle.board, 32)
    assert picture.shape == (7 * 32, 9 * 32, 3)
    tiles = split_tiles(picture, 32)
    assert all(np.array_equal(tiles[c], render_tile(t, 32)) for c, t in scene.items())


def test_a_movie_has_a_scene_for_each_beat_of_its_board():
    a, b, board = {(0, 0): ("block",)}, {(1, 1): ("slot",)}, Board(5, 5, 3)
    assert hold(a, a, b, a, board=board) == [a] * 5 + [b] * 4 + [a] * 4
    assert reveal(a, b, board) == [a] * 5 + [b] * 8
    with pytest.raises(ValueError, match="4 beats, got 5"):
        hold(a, a, b, a, b, board=board)
