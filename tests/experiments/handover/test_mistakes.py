"""Wrong answers: direct ones break a rule where they stand, indirect ones only as a whole."""

import json
from dataclasses import asdict
from itertools import pairwise

import pytest
from puzzles import draw

from chain_of_steps.experiments.handover.mistakes import Asked, branches, cells_of
from chain_of_steps.tasks.chain import DIRECTIONS
from chain_of_steps.tasks.puzzle import Puzzle

BEHIND = {"n": (-1, 0), "s": (1, 0), "w": (0, -1), "e": (0, 1)}


def stored(puzzle: Puzzle) -> Puzzle:
    """As a case has it, where tuples have become lists."""
    fields = json.loads(json.dumps(asdict(puzzle)))
    sequences = {name: tuple(fields[name]) for name in ("candidates", "solutions")}
    return Puzzle(**fields | sequences)


def asked(task: str, n: int = 12) -> list[Asked]:
    return [Asked.of(stored(puzzle)) for puzzle in draw(task, "in-domain", n)]


def points_to(puzzle: Puzzle, cell) -> tuple[int, int] | None:
    turn = puzzle.layout["arrows"][puzzle.board.cells.index(tuple(cell))]
    return None if turn is None else (cell[0] + DIRECTIONS[turn][0], cell[1] + DIRECTIONS[turn][1])


@pytest.mark.parametrize("task", ["chain", "chain_once", "maze", "latin"])
def test_candidates_keep_their_numbers_and_each_mistake_is_one(task):
    found = asked(task)
    assert sum(len(one.named) == 3 for one in found) >= len(found) / 2
    for one, puzzle in zip(found, draw(task, "in-domain", len(found)), strict=True):
        before = stored(puzzle).candidates
        assert one.puzzle.candidates[: len(before)] == before
        assert one.named["right"] in puzzle.solutions
        assert len(set(one.named.values())) == len(one.named)


@pytest.mark.parametrize("task", ["chain", "chain_once"])
def test_a_direct_mistake_of_a_chain_is_a_mark_that_no_arrow_leads_to(task):
    for one in asked(task):
        if "direct" not in one.named:
            continue
        start = tuple(one.puzzle.layout["start"])
        *before, wrong = cells_of(one.puzzle.candidates[one.named["direct"]])
        indirect = cells_of(one.puzzle.candidates[one.named["indirect"]])
        way = [start, *before]
        assert all(points_to(one.puzzle, a) == b for a, b in zip(way, before, strict=False))
        assert points_to(one.puzzle, way[-1]) != wrong
        assert indirect[: len(before) + 1] == [*before, wrong]
        follows = zip(indirect[len(before) :], indirect[len(before) + 1 :], strict=False)
        assert all(points_to(one.puzzle, a) == b for a, b in follows)
        assert len(indirect) > len(before) + 1


def test_mistakes_in_a_maze_cross_one_wall_or_none():
    for one in asked("maze"):
        cells, walls = one.puzzle.board.cells, one.puzzle.layout["walls"]

        def crossed(way, cells=cells, walls=walls) -> int:
            return sum(
                any((a[0] + BEHIND[s][0], a[1] + BEHIND[s][1]) == b for s in walls[cells.index(a)])
                for a, b in pairwise(way)
            )

        ways = {name: cells_of(one.puzzle.candidates[n]) for name, n in one.named.items()}
        assert crossed(ways["right"]) == 0
        if "direct" in ways:
            assert crossed(ways["direct"]) == 1
        if "indirect" in ways:
            assert crossed(ways["indirect"]) == 0
            assert ways["indirect"][-1] != tuple(one.puzzle.layout["goal"])


def test_a_direct_mistake_in_a_square_is_in_its_line_already():
    for one in asked("latin"):
        holes = [tuple(hole) for hole in one.puzzle.layout["holes"]]
        given = {divmod(n, 5): what for n, what in enumerate(one.puzzle.layout["square"])}
        given = {place: what for place, what in given.items() if place not in holes}
        right = one.puzzle.candidates[one.named["right"]]
        for name in {"direct", "indirect"} & one.named.keys():
            answer = one.puzzle.candidates[one.named[name]]
            ((row, column), what), *more = (
                (hole, a) for hole, a, b in zip(holes, answer, right, strict=True) if a != b
            )
            line = {n for (r, c), n in given.items() if r == row or c == column}
            assert not more and (what in line) == (name == "direct")


@pytest.mark.parametrize("task", ["chain", "maze"])
def test_branches_part_once_and_have_the_tiles_they_are_asked_for(task):
    some = 0
    for one in asked(task):
        right = cells_of(one.puzzle.candidates[one.named["right"]])
        for branch in branches(one.puzzle, 2, 3):
            some += 1
            wrong = cells_of(one.puzzle.candidates[branch.candidate])
            assert wrong[: branch.common] == right[: branch.common]
            assert tuple(right[branch.common :]) == branch.way
            assert tuple(wrong[branch.common :]) == branch.wrong
            assert not set(branch.way) & set(branch.wrong) and len(branch.wrong) >= 3
    assert some > 4
