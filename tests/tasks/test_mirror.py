"""Mirrors against light that is followed through the pixels of the first frame."""

import itertools
from collections import Counter

import numpy as np
import pytest

from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.reader import NO_ANSWER, Reader, first_frame
from chain_of_steps.tasks.scene import COLOURS, RING, render, render_movie, split_tiles

BOARDS = (DEFAULT_BOARD, Board(6, 6, 5))
every_split = pytest.mark.parametrize("split", SPLITS)
every_board = pytest.mark.parametrize("board", BOARDS, ids=str)


def draw(split, n, board=DEFAULT_BOARD) -> list[Puzzle]:
    return list(itertools.islice(stream("mirror", split, "evaluation", 3, board), n))


def seen(puzzle: Puzzle) -> tuple[dict, tuple]:
    """What stands on each cell ("/", "\\" or ""), and the start, from the pixels."""
    tiles = split_tiles(first_frame(puzzle))
    board, starts = {}, []
    for r, c in itertools.product(*map(range, tiles.shape[:2])):
        dark = tiles[r, c].max(-1) < 0.7
        falls, rises = (int(np.diag(half)[4:12].all()) for half in (dark, dark[::-1]))
        green = bool(np.abs(tiles[r, c][4, 4] * 255 - COLOURS["green"]).max() < 3)
        if green:
            starts.append((r, c))
        board[r, c] = "" if green else "\\" * falls + "/" * rises
    (start,) = starts
    return board, start


def lit(board: dict, cell: tuple, by: tuple, met: tuple = ()) -> list:
    """The cells that light comes to, from `cell` in direction `by` (rows, columns)."""
    way = []
    while True:
        cell = (cell[0] + by[0], cell[1] + by[1])
        if cell not in board or cell in way or cell in met:
            return way
        way.append(cell)
        if board[cell] == "/":
            by = (-by[1], -by[0])
        elif board[cell] == "\\":
            by = (by[1], by[0])


def rings(scene, board) -> set:
    tiles = split_tiles(render(scene, board))
    cells = itertools.product(*map(range, tiles.shape[:2]))
    return {cell for cell in cells if np.abs(tiles[cell][0, 8] * 255 - RING).max() < 3}


@every_split
@every_board
def test_the_marked_way_is_that_of_the_light_and_its_length_is_the_need(split, board):
    for puzzle in draw(split, 40 if board == DEFAULT_BOARD else 10, board):
        mirrors, start = seen(puzzle)
        by = ((-1, 0), (0, 1), (1, 0), (0, -1))[puzzle.layout["heading"]]
        way = lit(mirrors, start, by, (start,))
        assert puzzle.need == len(way)
        movie = task_of("mirror").movie(puzzle, 0)
        assert [rings(scene, board) for scene in movie] == [
            set(way[:frame]) for frame in range(board.frames)
        ]
        # it leaves the board: it does not end by meeting itself
        free = lit(mirrors, start, by)
        assert free == way
        assert task_of("mirror").depths(puzzle, 0) == {cell: n for n, cell in enumerate(way, 1)}


@every_board
def test_every_way_that_is_wrong_at_one_tile_is_read_as_itself(board):
    for puzzle in draw("in-domain", 6, board) + draw("out-of-domain", 2, board):
        mirrors, start = seen(puzzle)
        by = ((-1, 0), (0, 1), (1, 0), (0, -1))[puzzle.layout["heading"]]
        way = lit(mirrors, start, by, (start,))
        came, wrong = [start, *way], set()
        for n, cell in enumerate(way, start=1):
            before = tuple(way[:n])
            wrong.add(frozenset(before))
            back = tuple(a - b for a, b in zip(came[n - 1], cell, strict=True))
            for turn in ((-1, 0), (0, 1), (1, 0), (0, -1)):
                if turn != back:
                    rest = lit(mirrors, cell, turn, (start, *before))
                    wrong.add(frozenset([*before, *rest][: board.frames - 1]))
        sets = [frozenset(map(tuple, candidate)) for candidate in puzzle.candidates]
        assert len(set(sets)) == len(sets)
        assert set(sets) >= wrong | {frozenset(way)}
        movies = [task_of("mirror").movie(puzzle, n) for n in range(len(sets))]
        last = np.stack([render_movie(movie, board)[[-1]] for movie in movies])
        reading = Reader(puzzle).read(last)
        assert reading.answer.tolist() == list(range(len(sets)))
        half = Reader(puzzle).read((last + last[:1])[1:] / 2)
        assert (half.answer == NO_ANSWER).all()


def test_lengths_are_spread_evenly_and_further_out_of_domain():
    inside = Counter(p.need for p in draw("in-domain", 300))
    outside = {p.need for p in draw("out-of-domain", 40)}
    assert sorted(inside) == list(range(1, 14))
    assert (min(outside), max(outside)) == (14, 16)
    assert all(abs(n - 300 / 13) < 4.5 * (300 / 13) ** 0.5 for n in inside.values())
