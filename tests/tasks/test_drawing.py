"""Drawings: the default changes nothing, others are as large and as long as they say."""

import itertools
import json
import re

import numpy as np
import pytest

from chain_of_steps.cases import folders
from chain_of_steps.errors import UserError
from chain_of_steps.tasks import stream, task_names, task_of
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.observe import Observer, observer_of
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.scene import FLOOR, render_movie, split_tiles
from chain_of_steps.video import read_image

every_task = pytest.mark.parametrize("task", task_names())


def draw(task: str, n: int = 1, board: Board = DEFAULT_BOARD) -> list[Puzzle]:
    return list(itertools.islice(stream(task, "in-domain", "evaluation", 21, board), n))


@every_task
def test_the_default_drawing_changes_no_byte_of_a_case(task, tmp_path):
    (puzzle,) = draw(task)
    movie = task_of(task).movie(puzzle, puzzle.shown)
    assert np.array_equal(DEFAULT_DRAWING.film(puzzle), render_movie(movie))
    assert Drawing.on(DEFAULT_BOARD, side=16, width=80, height=80, frames=17) == DEFAULT_DRAWING
    folders.write_case(tmp_path, puzzle)
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert list(meta) == list(vars(puzzle))
    assert (tmp_path / "prompt.txt").read_text() == puzzle.prompt + "\n"
    case = folders.Case("a", tmp_path)
    assert case.drawing == DEFAULT_DRAWING and case.puzzle.digest == puzzle.digest


def test_a_case_says_how_it_is_drawn_and_its_puzzle_does_not(tmp_path):
    (puzzle,) = draw("maze")
    drawing = Drawing(32, 192, 160, 33, "white", "paragraph")
    folders.write_case(tmp_path, puzzle, drawing=drawing)
    case = folders.Case("a", tmp_path)
    assert case.drawing == drawing and case.puzzle.digest == puzzle.digest
    assert observer_of(case).drawing == drawing
    assert case.image.size == (192, 160)
    assert np.allclose(np.asarray(case.image) / 255, drawing.still(puzzle), atol=0.5 / 255 + 1e-6)
    final = read_image(tmp_path / "final_frame.png") / 255
    assert np.allclose(final, drawing.film(puzzle)[-1], atol=0.5 / 255 + 1e-6)
    assert "Move the green dot through the maze" in case.prompt and case.prompt.count(".") >= 4


@pytest.mark.parametrize(
    ("side", "width", "height", "corner"),
    [
        (96, None, None, (0, 0)),
        (96, 832, 480, (0, 160)),  # 176 is no multiple of 32
        (96, 624, 624, (64, 64)),
        (128, 1280, 704, (32, 320)),
        (192, 1024, 1024, (32, 32)),
        (112, 624, 624, (32, 32)),
    ],
)
def test_the_board_stands_in_the_middle_on_bare_ground(side, width, height, corner):
    drawing = Drawing(side, width, height)
    assert drawing.corner(DEFAULT_BOARD) == corner
    assert (drawing.width_on(DEFAULT_BOARD), drawing.height_on(DEFAULT_BOARD)) == (
        width or 5 * side,
        height or 5 * side,
    )


def test_what_is_around_the_board_is_bare_ground():
    (puzzle,) = draw("maze")
    for style, ground in (("plain", FLOOR), ("white", (255, 255, 255))):
        drawing = Drawing(32, 224, 160, style=style)
        picture = drawing.still(puzzle)
        inner = Drawing(32, style=style).still(puzzle)
        assert np.array_equal(picture[:, 32:192], inner)
        around = np.delete(picture, range(32, 192), axis=1)
        assert np.array_equal(around, np.broadcast_to(np.float32(ground) / 255, around.shape))
        assert (inner == np.float32(ground) / 255).all(-1).mean() > 0.3


@pytest.mark.parametrize(("frames", "longest"), [(17, 1), (49, 3), (81, 5), (121, 8)])
def test_each_frame_of_a_movie_is_held_alike(frames, longest):
    drawing = Drawing(frames=frames)
    shown = drawing.shown(DEFAULT_BOARD)
    held = [shown.count(frame) for frame in range(17)]
    assert len(shown) == frames and shown == sorted(shown) and held[0] == 1
    assert max(held[1:]) == longest and max(held[1:]) - min(held[1:]) <= 1
    last = [max(n for n, frame in enumerate(shown) if frame == f) for f in range(17)]
    assert [drawing.at(frame, DEFAULT_BOARD) for frame in range(17)] == last


def test_key_frames_are_scaled_with_the_length():
    (puzzle,) = draw("reappear")
    frames = {n: Observer(puzzle, Drawing(frames=n)).frames for n in (17, 49, 81, 121)}
    assert frames == {17: (0, 8, 16), 49: (0, 24, 48), 81: (0, 40, 80), 121: (0, 60, 120)}


@pytest.mark.parametrize("task", ["maze", "grid"])
def test_a_dot_that_moves_passes_where_a_trail_is_left(task):
    drawing = Drawing(style="white")
    for puzzle in draw(task, 3):
        module = task_of(task)
        for candidate, route in enumerate(puzzle.candidates):
            movie = drawing.movie(puzzle, candidate)
            trail = module.movie(puzzle, candidate)
            dots = [[c for c, tile in scene.items() if "disc:green:m" in tile] for scene in movie]
            assert [cells for cells in dots if len(cells) != 1] == []
            assert list(dict.fromkeys(cells[0] for cells in dots)) == [tuple(c) for c in route]
            assert {c for cells in dots for c in cells} == {
                c for c, tile in trail[-1].items() if "disc:green:m" in tile
            }
    assert Drawing().movie(puzzle, 0) == trail_of(puzzle)


def trail_of(puzzle):
    return task_of(puzzle.task).movie(puzzle, 0)


@every_task
def test_a_paragraph_asks_the_same_in_whole_sentences(task):
    (puzzle,) = draw(task)
    for style in ("plain", "white"):
        short = Drawing(style=style).words(puzzle)
        long = Drawing(style=style, prompt="paragraph").words(puzzle)
        assert short in long and 40 < len(long.split()) < 120
        assert re.fullmatch(r"([A-Z][^.{}]*\. )+[A-Z][^.{}]*\.", long)
    assert Drawing().words(puzzle) == puzzle.prompt


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"side": 8}, "write 16 or more"),
        ({"style": "black"}, "style of a drawing is 'black': write plain or white"),
        ({"side": 96, "width": 400}, "do not fit into a width of 400: write 480 or more"),
        ({"frames": 9}, "a movie on 5 x 5 tiles and 4 beats has 17 frames, but a video has 9"),
    ],
)
def test_what_cannot_be_drawn_is_said(fields, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        Drawing(**fields).check(DEFAULT_BOARD)


# Read as drawn


@pytest.mark.parametrize(
    ("task", "drawing"),
    [
        ("odd", Drawing(32, 192, 160, 33)),
        ("reappear", Drawing(24)),
        ("grid", Drawing(16, style="white", frames=33)),
        ("maze", Drawing(16, style="white")),
    ],
    ids=str,
)
def test_videos_are_read_as_they_are_drawn(task, drawing):
    (puzzle,) = draw(task)
    observer = Observer(puzzle, drawing)
    other = (puzzle.shown + 1) % len(puzzle.candidates)
    films = drawing.film(puzzle), drawing.film(puzzle, other)
    videos = np.stack([*films, (films[0] + films[1]) / 2])
    found = observer.read_video(videos)
    assert found.accepted.tolist() == [puzzle.shown, other, -1]
    assert found.evidence[0, puzzle.shown] > 0.99 and found.evidence[1, other] > 0.99
    assert found.evidence[2, [puzzle.shown, other]] == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ValueError, match="pixels, but the puzzle has"):
        observer.read_video(videos[:, :, :-1])
    with pytest.raises(ValueError, match="frames, but the puzzle has"):
        observer.read_video(videos[:, :-1])


@pytest.mark.parametrize("drawing", [Drawing(frames=33), Drawing(24, style="white")], ids=str)
def test_tiles_are_read_frame_by_frame(drawing):
    (puzzle,) = draw("grid")
    observer = Observer(puzzle, drawing)
    tiles = observer.read_tiles(drawing.film(puzzle)[None])
    assert tiles.accepted.all() and tiles.leads.all()
    assert set(tiles.frame) == set(range(1, 5))  # those of the movie, however long they are held


def test_a_dot_that_moves_at_another_speed_is_read_all_the_same():
    (puzzle,) = draw("maze")
    drawing = Drawing(style="white")
    video = drawing.film(puzzle)
    moves = len(puzzle.candidates[puzzle.shown]) - 1
    late = video[[0, 0, 0, *range(1, 15)]]
    slow = video[[0] * (16 - moves) + [*range(moves), moves]]
    stopped = video[[*range(moves), *[moves - 1] * (17 - moves)]]
    found = Observer(puzzle, drawing).read_video(np.stack([late, slow, stopped]))
    assert moves <= 14 and found.accepted.tolist() == [puzzle.shown, puzzle.shown, -1]


def test_a_reading_of_the_default_drawing_is_not_restored():
    (puzzle,) = draw("maze")
    video = np.random.default_rng(0).random((1, 17, 80, 80, 3))
    observer = Observer(puzzle)
    tiles = observer._answers(video[:, list(observer.frames)])
    assert np.array_equal(tiles, split_tiles(video[:, [0, 16]]))
