"""The need that a puzzle states, against solvers of another kind."""

import itertools
from collections import deque

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.cases import folders
from chain_of_steps.tasks import latin, stream, task_names, task_of
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.scene import render, render_tile, split_tiles

BOARDS = (DEFAULT_BOARD, Board(7, 7, 6), Board(9, 9, 8))
NEEDY = {"maze", "grid", "chain", "chain_back", "chain_once", "latin", "flood", "fork"}
every_split = pytest.mark.parametrize("split", SPLITS)
every_board = pytest.mark.parametrize("board", BOARDS, ids=str)


def draw(task, split, n, board=DEFAULT_BOARD) -> list[Puzzle]:
    return list(itertools.islice(stream(task, split, "evaluation", 6, board), n))


def distance(start, goal, around) -> int:
    """Moves from start to goal, breadth first; `around(cell)` lists the open neighbours."""
    found, todo = {start: 0}, deque([start])
    while goal not in found:
        cell = todo.popleft()
        for other in around(cell):
            if other not in found:
                found[other] = found[cell] + 1
                todo.append(other)
    return found[goal]


@pytest.mark.parametrize("task", task_names())
def test_a_need_is_a_whole_number_and_only_some_puzzles_have_one(task):
    needs = [p.need for split in SPLITS for p in draw(task, split, 20)]
    assert all(isinstance(need, int) for need in needs)
    assert (min(needs) > 0) == (task in NEEDY)
    assert max(needs) == 0 or task in NEEDY


@pytest.mark.parametrize("task", sorted(NEEDY))
def test_out_of_domain_asks_for_more(task):
    inside, outside = ([p.need for p in draw(task, split, 60)] for split in SPLITS)
    assert max(inside) < min(outside)


@every_split
@every_board
def test_the_need_of_a_maze_is_its_moves(split, board):
    sides = {"n": (-1, 0), "s": (1, 0), "w": (0, -1), "e": (0, 1)}
    for puzzle in draw("maze", split, 20, board):
        walls = dict(zip(board.cells, puzzle.layout["walls"], strict=True))

        def around(cell, walls=walls):
            r, c = cell
            return [(r + dr, c + dc) for s, (dr, dc) in sides.items() if s not in walls[cell]]

        moves = distance(tuple(puzzle.layout["start"]), tuple(puzzle.layout["goal"]), around)
        assert puzzle.need == moves == len(puzzle.candidates[0]) - 1
        depths = task_of("maze").depths(puzzle, 0)
        assert depths[tuple(puzzle.layout["goal"])] == moves


@every_split
@every_board
def test_the_need_of_an_open_grid_is_its_moves(split, board):
    for puzzle in draw("grid", split, 15, board):
        free = set(board.cells) - {tuple(cell) for cell in puzzle.layout["blocks"]}

        def around(cell, free=free):
            r, c = cell
            return {(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)} & free

        moves = distance(tuple(puzzle.layout["start"]), tuple(puzzle.layout["goal"]), around)
        assert puzzle.need == moves
        assert {len(way) - 1 for way in puzzle.candidates} == {moves}
        assert len(puzzle.solutions) == len(puzzle.candidates) > 1  # several right answers


# Latin squares


def given(puzzle: Puzzle) -> np.ndarray:
    """Objects (5, 5) of the first frame, read from its pixels; -1 where a place is empty."""
    scene = task_of("latin").movie(puzzle, 0)[0]
    tiles = split_tiles(render(scene, puzzle.board))
    looks = [render_tile((f"{shape}:{colour}:m",)) for shape, colour in latin.OBJECTS]
    looks.append(render_tile(("slot",)))
    top, left = puzzle.layout["corner"]
    found = np.full((5, 5), -2)
    for r, c in itertools.product(range(5), repeat=2):
        (n,) = [n for n, look in enumerate(looks) if np.array_equal(look, tiles[top + r, left + c])]
        found[r, c] = -1 if n == 5 else n
    return found


def completions(square: np.ndarray) -> list[np.ndarray]:
    """All of them, by trial: the first empty place takes every object that its lines allow."""
    holes = np.argwhere(square < 0)
    if not len(holes):
        return [square]
    r, c = holes[0]
    found = []
    for n in range(5):
        if n not in square[r] and n not in square[:, c]:
            filled = square.copy()
            filled[r, c] = n
            found += completions(filled)
    return found


def elimination(square: np.ndarray) -> int:
    """Rounds, each of which fills all places with one possible object, by sets of possibilities."""
    possible = np.ones((5, 5, 5), bool)
    known = square.copy()
    for turn in itertools.count():
        if (known >= 0).all():
            return turn
        for n in range(5):
            possible[(known == n).any(1), :, n] = False
            possible[:, (known == n).any(0), n] = False
        single = (known < 0) & (possible.sum(-1) == 1)
        assert single.any()  # no guessing
        known = np.where(single, possible.argmax(-1), known)


@every_split
@every_board
def test_a_latin_square_has_one_completion_and_its_need_is_the_rounds(split, board):
    for puzzle in draw("latin", split, 30 if board == DEFAULT_BOARD else 5, board):
        square = given(puzzle)
        (whole,) = completions(square)
        assert puzzle.need == elimination(square)
        holes = list(map(tuple, np.argwhere(square < 0)))
        assert [tuple(hole) for hole in puzzle.layout["holes"]] == holes
        assert puzzle.candidates[0] == [whole[hole] for hole in holes]
        assert puzzle.solutions == (0,)
        # the others differ from it in one place, by every object and by none
        assert len(puzzle.candidates) == 1 + 5 * len(holes)
        changes = {
            tuple(
                (n, b)
                for n, (a, b) in enumerate(zip(puzzle.candidates[0], other, strict=True))
                if a != b
            )
            for other in puzzle.candidates[1:]
        }
        assert len(changes) == 5 * len(holes) and {len(change) for change in changes} == {1}
        depths = task_of("latin").depths(puzzle, 0)
        top, left = puzzle.layout["corner"]
        assert set(depths) == {(top + r, left + c) for r, c in holes}
        assert sorted(set(depths.values())) == list(range(1, puzzle.need + 1))


# What carries it


def test_the_index_of_cases_and_their_folders_carry_the_need(tmp_path):
    index = folders.make_cases(
        tmp_path, ["maze", "chain_lit", "odd"], {"in-domain": 3, "out-of-domain": 1}, seed=1
    )
    assert index.columns[-1] == "need"
    cases = folders.load_cases(tmp_path, index["case"].tolist())
    assert index["need"].tolist() == [case.puzzle.need for case in cases]
    assert (index["need"] > 0).tolist() == [case.task == "maze" for case in cases]
    runs = pd.DataFrame({"case": index["case"].tolist()[::-1], "score": 1.0})
    joined = folders.with_need(runs, tmp_path)
    assert joined["need"].tolist() == index["need"].tolist()[::-1]
    assert joined.drop(columns="need").equals(runs)
