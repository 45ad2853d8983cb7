"""Floods against water that is let run through the walls of the first scene."""

import itertools

import numpy as np
import pytest

from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.reader import first_frame
from chain_of_steps.tasks.scene import COLOURS, render, render_movie, split_tiles

BOARDS = (DEFAULT_BOARD, Board(6, 6, 5))
every_split = pytest.mark.parametrize("split", SPLITS)
every_board = pytest.mark.parametrize("board", BOARDS, ids=str)


def draw(split, n, board=DEFAULT_BOARD) -> list[Puzzle]:
    return list(itertools.islice(stream("flood", split, "evaluation", 3, board), n))


def wet_tiles(tiles: np.ndarray) -> np.ndarray:
    """bool (rows, columns): which tiles hold water, from their pixels."""
    return np.abs(tiles[:, :, 8, 8] * 255 - COLOURS["cyan"]).max(-1) < 3


def spread(puzzle: Puzzle) -> list[np.ndarray]:
    """The wet tiles of each round: water passes an edge on whose both sides there is no wall."""
    tiles = split_tiles(first_frame(puzzle))
    dark = tiles.max(-1) < 0.4  # (rows, columns, side, side)
    middle = tiles.shape[2] // 2
    north, south = dark[:, :, 0, middle], dark[:, :, -1, middle]
    west, east = dark[:, :, middle, 0], dark[:, :, middle, -1]
    wet = [wet_tiles(tiles)]
    while True:
        now, new = wet[-1], wet[-1].copy()
        new[1:] |= now[:-1] & ~south[:-1] & ~north[1:]
        new[:-1] |= now[1:] & ~south[:-1] & ~north[1:]
        new[:, 1:] |= now[:, :-1] & ~east[:, :-1] & ~west[:, 1:]
        new[:, :-1] |= now[:, 1:] & ~east[:, :-1] & ~west[:, 1:]
        if (new == now).all():
            return wet
        wet.append(new)


@every_split
@every_board
def test_the_video_shows_the_water_round_by_round_and_their_number_is_the_need(split, board):
    for puzzle in draw(split, 30 if board == DEFAULT_BOARD else 8, board):
        rounds = spread(puzzle)
        assert puzzle.need == len(rounds) - 1
        movie = task_of("flood").movie(puzzle, 0)
        for frame, scene in enumerate(movie):
            shown = wet_tiles(split_tiles(render(scene, board)))
            assert (shown == rounds[min(frame, puzzle.need)]).all()
        depths = task_of("flood").depths(puzzle, 0)
        for cell, n in depths.items():
            assert rounds[n][cell] and not rounds[n - 1][cell]
        assert len(depths) == rounds[-1].sum() - 1


@every_board
def test_every_candidate_is_read_as_itself_and_a_blend_as_none(board):
    from chain_of_steps.tasks.observe import Observer

    for puzzle in draw("in-domain", 6, board) + draw("out-of-domain", 2, board):
        movies = [task_of("flood").movie(puzzle, n) for n in range(len(puzzle.candidates))]
        observer = Observer(puzzle)
        frames = np.stack([render_movie(m, board)[list(observer.frames)] for m in movies])
        assert observer.read(frames).accepted.tolist() == list(range(len(movies)))
        half = frames.copy()
        half[:, 1:] = (frames[:, 1:] + frames[:1, 1:]) / 2
        assert (observer.read(half[1:]).accepted == -1).all()


@every_split
def test_floods_that_stop_early_miss_a_branch_or_leak_are_candidates(split):
    for puzzle in draw(split, 10):
        rounds = spread(puzzle)
        sets = [{tuple(cell) for cell, _ in candidate} for candidate in puzzle.candidates]
        start = tuple(puzzle.layout["start"])
        for wet in rounds[1:-1]:
            assert set(zip(*np.nonzero(wet), strict=True)) - {start} in sets
        right = sets[0]
        leaks = [found for found in sets if found > right]
        dry = {c for c in puzzle.board.cells if c not in right} - {start}
        wall = {c for c in dry if set(puzzle.board.neighbours(c)) & (right | {start})}
        assert wall <= set().union(*leaks) if wall else not leaks
        short = [found for found in sets if found < right]
        depths = task_of("flood").depths(puzzle, 0)
        first = [cell for cell, n in depths.items() if n == 1]
        missed = {cell for cell in right if any(cell not in found for found in short)}
        # without the only tile beside the start nothing is coloured at all
        assert missed == right - set(first if len(first) == 1 else [])
