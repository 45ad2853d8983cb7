"""What the page draws, lists and reads is what the study draws, lists and reads."""

import numpy as np
import pytest
from playground_node import beats_of, keys_of, link_text, on_board

from chain_of_steps.playground.tiles import TILES, key, pictures
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.tasks.scene import render_movie, render_tile

BOARD = Board(6, 6, 5)
TASKS = sorted(TILES)
N = 12


def puzzles(task: str, n: int = N, board: Board = BOARD) -> list:
    splits = [
        stream(task, split, "evaluation", 7, board) for split in ("in-domain", "out-of-domain")
    ]
    return [next(puzzles) for _ in range(n // 2) for puzzles in splits]


def test_tile_pictures_are_those_of_the_painter():
    keys, painted = pictures(TASKS)
    assert len(set(keys)) == len(keys)
    for name, picture in zip(keys, painted, strict=True):
        true = render_tile(tuple(name.split("+")) if name else ())
        assert np.abs(picture / 255 - true).max() < 1e-6, name


@pytest.mark.parametrize("task", TASKS)
def test_candidates_and_movies(task):
    """Of random puzzles: the candidates in their order, and every tile of every scene."""
    mine = puzzles(task)
    body = """
answer = given.texts.map((text) => {
  const task = TASKS[given.task], layout = task.unpack(text, board);
  const candidates = task.candidates(layout, board);
  return { candidates: candidates.length, again: task.pack(layout, board),
    solutions: task.solutions(layout, candidates), problem: task.problem(layout, board),
    strange: task.strange(layout, board),
    movies: candidates.map((one) => task.movie(layout, board, one)),
    depths: [...task.depths(candidates[0], layout, board)], empty: task.empty(layout, board),
    painted: task.movie(layout, board, candidates[0]).flat().every((key) => tiles.paint(key)) };
});
"""
    texts = [link_text(puzzle) for puzzle in mine]
    found = on_board(body, BOARD, [task], task=task, texts=texts)
    rules = task_of(task)
    for puzzle, text, page in zip(mine, texts, found, strict=True):
        assert page["again"] == text
        assert page["problem"] is None and page["strange"] is None
        assert page["candidates"] == len(puzzle.candidates)
        assert page["solutions"] == list(puzzle.solutions)
        movies = [rules.movie(puzzle, n) for n in range(len(puzzle.candidates))]
        theirs = [[keys_of(scene, BOARD) for scene in movie] for movie in movies]
        assert page["movies"] == theirs
        assert page["empty"] == keys_of(rules.empty(puzzle)[0], BOARD)
        depths = {r * 6 + c: n for (r, c), n in rules.depths(puzzle, 0).items()}
        assert dict(map(tuple, page["depths"])) == depths


@pytest.mark.parametrize("task", TASKS)
def test_readings_of_blends_under_noise(task):
    """Of two answers blended, darkened and under noise, what the study's reader says."""
    rng = np.random.default_rng(3)
    mine, videos = puzzles(task, 6), []
    for n, puzzle in enumerate(mine):
        a, b = (
            render_movie(task_of(puzzle.task).movie(puzzle, c), BOARD)
            for c in (0, len(puzzle.candidates) - 1)
        )
        share = (0.0, 0.2, 0.35, 0.5, 0.75, 1.0)[n]
        blend = (1 - share) * a + share * b
        blend = (0.9 * blend + 0.03) if n % 2 else blend
        videos.append(np.clip(blend + 0.08 * rng.normal(size=a.shape), 0, 1).astype(np.float32))
    found = read(task, mine, videos)
    for puzzle, video, page in zip(mine, videos, found, strict=True):
        agrees(puzzle, video, page)


def read(task: str, mine: list, videos: list[np.ndarray]) -> list:
    body = """
answer = [];
for (const [n, text] of given.texts.entries()) {
  const task = TASKS[given.task];
  const reader = new Reader(task, task.unpack(text, board), board, tiles);
  const video = new Video(new Float32Array(await unpacked(given.videos[n])), board.size);
  answer.push({ ...reader.read(video), tiles: reader.readTiles(video, given.shown[n]) });
}
"""
    texts, packs = [link_text(puzzle) for puzzle in mine], [beats_of(video) for video in videos]
    given = {"texts": texts, "videos": packs, "shown": [puzzle.shown for puzzle in mine]}
    return on_board(body, BOARD, [task], task=task, **given)


def agrees(puzzle, video: np.ndarray, page: dict) -> None:
    observer = Observer(puzzle)
    true, tiles = observer.read_video(video[None]), observer.read_tiles(video[None])
    assert page["evidence"] == pytest.approx(true.evidence[0], abs=1e-4)
    assert page["leads"] == true.leads[0]
    assert page["accepted"] == true.accepted[0]
    assert page["score"] == pytest.approx(true.score[0])
    assert (page["candidates"] or 0) == pytest.approx(np.nan_to_num(true.n_candidates[0]), abs=1e-3)
    place = [(tile["f"], *divmod(tile["cell"], 6), tile["depth"]) for tile in page["tiles"]]
    assert place == list(zip(tiles.frame, tiles.row, tiles.column, tiles.depth, strict=True))
    weights = [tile["weight"] for tile in page["tiles"]]
    assert weights == pytest.approx(tiles.weight[0], abs=1e-4)
    for flag in ("leads", "accepted"):
        same = np.array([tile[flag] for tile in page["tiles"]]) == getattr(tiles, flag)[0]
        assert same.all()


def test_a_tile_has_one_name():
    assert key(("wall:n", "goal")) == "wall:n+goal" and key(()) == ""
