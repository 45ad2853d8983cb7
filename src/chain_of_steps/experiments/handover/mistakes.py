"""Wrong answers of a puzzle: the mistake itself, the one that follows from it, another way.

    direct     the wrong thing itself, which the picture beside it contradicts: a mark on a tile
               that no arrow points to, a dot behind a wall, an object that its line has already
    indirect   each part agrees with the one before it, but the whole is wrong: what follows from a
               wrong turn, a way into a dead end, an object that only later inferences rule out

Direct and indirect mistakes as in PaTh, arXiv 2610.09876. Tasks of known need and one right answer
have them: those that draw a chain, a maze or a latin square.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.board import Cell
from chain_of_steps.tasks.chain import follow
from chain_of_steps.tasks.latin import PLACES
from chain_of_steps.tasks.puzzle import Puzzle, kind_of

KINDS = ("chain", "maze", "latin")
WAYS = ("chain", "maze")  # whose answers are ways over tiles
SIDES = {"n": (-1, 0), "s": (1, 0), "w": (0, -1), "e": (0, 1)}
STILL = "still"  # no candidate: the first picture throughout


@dataclass(frozen=True)
class Asked:
    """A puzzle whose candidates hold some wrong answers, and which of them they are.

    named: right, direct, indirect (the last two where there is one) -> number of the candidate.
    """

    puzzle: Puzzle
    named: dict[str, int]

    @classmethod
    def of(cls, puzzle: Puzzle) -> Asked:
        """Of a puzzle of KINDS. Candidates keep their numbers; new ones stand behind them."""
        candidates, named = list(puzzle.candidates), {"right": puzzle.shown}
        for name, answer in _MISTAKES[kind_of(puzzle.task)](puzzle):
            same = [n for n, one in enumerate(candidates) if _key(one) == _key(answer)]
            if not same:
                candidates.append(answer)
            named.setdefault(name, same[0] if same else len(candidates) - 1)
        return cls(replace(puzzle, candidates=tuple(candidates)), named)


@dataclass(frozen=True)
class Branch:
    """A way that turns wrong: both ways have `common` tiles before, then own ones, in order."""

    common: int
    way: tuple[Cell, ...]
    wrong: tuple[Cell, ...]
    candidate: int


def cells_of(answer: list) -> list[Cell]:
    return [(cell[0], cell[1]) for cell in answer]


def branches(puzzle: Puzzle, n: int, least: int = 1) -> list[Branch]:
    """Up to n wrong ways of a puzzle of WAYS, whose turns lie evenly along the right one.

    Where several turn at one place the longest is taken. least: of own tiles of a wrong way.
    """
    right = cells_of(puzzle.candidates[puzzle.shown])
    by_turn: dict[int, Branch] = {}
    for number, answer in enumerate(puzzle.candidates):
        other = cells_of(answer)
        common = next(
            (i for i, (a, b) in enumerate(zip(right, other, strict=False)) if a != b), None
        )
        if common is None or len(other) < common + least or set(other[common:]) & set(right):
            continue  # it stops short, or meets the right way again
        start = tuple(puzzle.layout["start"])
        if not common and other[0] not in puzzle.board.neighbours(start):
            continue  # a way from another tile turns nowhere
        found = Branch(common, tuple(right[common:]), tuple(other[common:]), number)
        if common not in by_turn or len(found.wrong) > len(by_turn[common].wrong):
            by_turn[common] = found
    wanted = [round((i + 1) / (n + 1) * (len(right) - 1)) for i in range(n)]
    turns = [min(by_turn, key=lambda turn: abs(turn - one)) for one in wanted if by_turn]
    return [by_turn[turn] for turn in dict.fromkeys(turns)]


def _key(answer: list) -> object:
    """What makes two candidates alike: ways by their tiles, fillings by what is in each place."""
    return frozenset(cells_of(answer)) if isinstance(answer[0], list | tuple) else tuple(answer)


def _from_the_middle(length: int) -> list[int]:
    """0 .. length - 1, those in the middle first."""
    return sorted(range(length), key=lambda i: abs(i - (length - 1) / 2))


def _of_chain(puzzle: Puzzle) -> Iterator[tuple[str, list]]:
    arrows = dict(zip(puzzle.board.cells, puzzle.layout["arrows"], strict=True))
    right = cells_of(puzzle.candidates[puzzle.shown])
    way = [tuple(puzzle.layout["start"]), *right]
    for hop in _from_the_middle(len(right)):
        before = way[: hop + 1]
        for other in puzzle.board.neighbours(way[hop]):
            if other in way:
                continue
            on = list(takewhile(lambda cell: cell not in way, follow(arrows, other, set(before))))
            if len(on) > 1:
                yield "direct", [*before[1:], other]
                yield "indirect", [*before[1:], *on][: puzzle.board.frames - 1]
                return


def _of_maze(puzzle: Puzzle) -> Iterator[tuple[str, list]]:
    right = cells_of(puzzle.candidates[puzzle.shown])
    walls = dict(zip(puzzle.board.cells, puzzle.layout["walls"], strict=True))
    for at in _from_the_middle(len(right) - 1):
        for side in walls[right[at]]:
            behind = (right[at][0] + SIDES[side][0], right[at][1] + SIDES[side][1])
            if behind in walls and behind not in right:
                yield "direct", [*right[: at + 1], behind]
                break
        else:
            continue
        break
    for branch in branches(puzzle, 1):
        yield "indirect", list(puzzle.candidates[branch.candidate])


def _of_latin(puzzle: Puzzle) -> Iterator[tuple[str, list]]:
    """Both mistakes are in the place that is filled first, and lead on from there."""
    holes = [tuple(hole) for hole in puzzle.layout["holes"]]
    given = dict(zip(PLACES, puzzle.layout["square"], strict=True))
    given = {place: n for place, n in given.items() if place not in holes}
    right = puzzle.candidates[puzzle.shown]
    depths = list(task_of(puzzle.task).depths(puzzle, puzzle.shown).values())
    for answer in sorted(puzzle.candidates, key=lambda a: depths[_differs(a, right)]):
        at = _differs(answer, right)
        if answer == right or answer[at] is None:
            continue
        line = {n for (r, c), n in given.items() if r == holes[at][0] or c == holes[at][1]}
        yield ("direct" if answer[at] in line else "indirect"), list(answer)


def _differs(answer: list, right: list) -> int:
    return next((i for i, (a, b) in enumerate(zip(answer, right, strict=True)) if a != b), 0)


_MISTAKES = {"chain": _of_chain, "maze": _of_maze, "latin": _of_latin}
