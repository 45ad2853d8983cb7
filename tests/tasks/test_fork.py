"""Chains with forks against all walks along arrows, found by another search."""

import itertools

import numpy as np
import pytest

from chain_of_steps.tasks import fork, stream, task_of
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.reader import NO_ANSWER
from chain_of_steps.tasks.scene import render_movie

BOARDS = (DEFAULT_BOARD, Board(6, 6, 5))
every_split = pytest.mark.parametrize("split", SPLITS)
every_board = pytest.mark.parametrize("board", BOARDS, ids=str)


def draw(split, n, board=DEFAULT_BOARD) -> list[Puzzle]:
    return list(itertools.islice(stream("fork", split, "evaluation", 3, board), n))


def walks(puzzle: Puzzle) -> list[list]:
    """Every walk along the arrows of the first scene to a sink, the start left out."""
    scene = task_of("fork").movie(puzzle, puzzle.shown)[0]
    steps = {"arrow:0": (-1, 0), "arrow:1": (0, 1), "arrow:2": (1, 0), "arrow:3": (0, -1)}

    def from_(cell, before):
        assert cell not in before  # none meets itself
        if "goal" in scene[cell]:
            return [[cell]]
        ways = [steps[layer] for layer in scene[cell] if layer in steps]
        nexts = [(cell[0] + dr, cell[1] + dc) for dr, dc in ways]
        return [[cell, *rest] for one in nexts for rest in from_(one, [*before, cell])]

    return [walk[1:] for walk in from_(tuple(puzzle.layout["start"]), [])]


@every_split
@every_board
def test_the_right_answers_are_all_walks_and_the_shortest_is_the_need(split, board):
    shown = set()
    for puzzle in draw(split, 30 if board == DEFAULT_BOARD else 8, board):
        found = walks(puzzle)
        right = [[tuple(cell) for cell in puzzle.candidates[n]] for n in puzzle.solutions]
        assert {frozenset(way) for way in right} == {frozenset(way) for way in found}
        assert 1 <= len(right) <= fork.WAYS[1]
        assert puzzle.need == min(map(len, found))
        assert puzzle.shown in puzzle.solutions
        shown.add(puzzle.shown)
    assert len(shown) > 1
    several = [len(puzzle.solutions) for puzzle in draw(split, 30, board)]
    assert np.mean(np.array(several) > 1) > 0.9


@every_board
def test_every_candidate_is_read_as_itself_and_a_blend_as_none(board):
    for puzzle in draw("in-domain", 5, board):
        movies = [task_of("fork").movie(puzzle, n) for n in range(len(puzzle.candidates))]
        observer = Observer(puzzle)
        looks = np.stack([render_movie(movie, board)[list(observer.frames)] for movie in movies])
        reading = observer.read(looks)
        assert reading.accepted.tolist() == list(range(len(movies)))
        assert reading.correct.tolist() == [n in puzzle.solutions for n in range(len(movies))]
        half = observer.read((looks + looks[:1])[1:] / 2)
        assert (half.accepted == NO_ANSWER).all()
