"""Chains against a walk along arrows that are read from the pixels of the first frame."""

import itertools
from collections import Counter

import numpy as np
import pytest

from chain_of_steps.tasks import pool_of, stream, task_of
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.reader import NO_ANSWER, first_frame
from chain_of_steps.tasks.scene import COLOURS, RING, render, render_movie, render_tile, split_tiles

DRAWINGS = ("chain", "chain_back", "chain_once", "chain_lit")
BOARDS = (DEFAULT_BOARD, Board(7, 7, 6), Board(9, 9, 8))
STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))  # up, right, down, left
every_drawing = pytest.mark.parametrize("task", DRAWINGS)
every_split = pytest.mark.parametrize("split", SPLITS)
every_board = pytest.mark.parametrize("board", BOARDS, ids=str)


def draw(task, split, n, board=DEFAULT_BOARD, pool="evaluation") -> list[Puzzle]:
    return list(itertools.islice(stream(task, split, pool, 3, board), n))


def colour_at(tile: np.ndarray, place, colour) -> bool:
    return bool(np.abs(tile[place] * 255 - colour).max() < 3)


def seen(puzzle: Puzzle) -> tuple[dict, tuple, set]:
    """Arrows (cell -> next cell, None on a sink), start and coloured tiles, from the pixels.

    The middle of an arrow's tile is dark whichever way it points, so its direction is that of the
    most similar of the four arrows.
    """
    tiles = split_tiles(first_frame(puzzle))
    arrows, starts, lit = {}, [], set()
    templates = [render_tile((f"arrow:{turn}",)).min(-1) for turn in range(4)]
    for r, c in itertools.product(*map(range, tiles.shape[:2])):
        tile = tiles[r, c]
        if colour_at(tile, (4, 4), COLOURS["green"]):  # where no arrow reaches
            starts.append((r, c))
        if colour_at(tile, (4, 4), COLOURS["yellow"]):
            lit.add((r, c))
        if tile[4, 2, 0] - tile[4, 2, 1] > 0.3:
            arrows[r, c] = None  # a red frame
            continue
        dark = tile.max(-1) < 0.35
        turn = int(np.argmin([(dark ^ (t < 0.4)).sum() for t in templates]))
        arrows[r, c] = (r + STEPS[turn][0], c + STEPS[turn][1])
    (start,) = starts
    return arrows, start, lit


def walked(arrows: dict, cell: tuple, met: tuple = ()) -> list:
    """`cell` and what follows, to a sink or before a cell that was met."""
    way = []
    while cell is not None and cell not in way and cell not in met:
        way.append(cell)
        cell = arrows[cell]
    return way


def rings(scene, board) -> set:
    tiles = split_tiles(render(scene, board))
    cells = itertools.product(*map(range, tiles.shape[:2]))
    return {cell for cell in cells if colour_at(tiles[cell], (0, 8), RING)}


def as_set(way) -> frozenset:
    return frozenset(map(tuple, way))


@every_drawing
@every_split
@every_board
def test_the_marked_way_is_that_of_the_arrows_and_its_hops_are_the_need(task, split, board):
    for puzzle in draw(task, split, 40 if board == DEFAULT_BOARD else 6, board):
        arrows, start, lit = seen(puzzle)
        assert all(cell is None or cell in arrows for cell in arrows.values())
        way = walked(arrows, start)
        assert arrows[way[-1]] is None
        assert sum(target is None for target in arrows.values()) > 1  # several sinks
        assert all(end in arrows.values() for end, target in arrows.items() if target is None)
        hops = len(way) - 1
        assert puzzle.need == (0 if task == "chain_lit" else hops)
        assert lit == (set(way[1:]) if task == "chain_lit" else set())
        assert puzzle.solutions == (0,) and puzzle.shown == 0
        movie = task_of(task).movie(puzzle, 0)
        for frame, scene in enumerate(movie):
            n = min(frame, hops)
            marked = {
                "chain_back": way[hops + 1 - n :],
                "chain_once": way[1:] if frame else [],
            }.get(task, way[1 : n + 1])
            assert rings(scene, board) == set(marked)
        assert task_of("chain").depths(puzzle, 0) == {cell: n for n, cell in enumerate(way) if n}


@every_board
def test_lengths_are_spread_evenly_and_further_out_of_domain(board):
    inside = Counter(p.need for p in draw("chain", "in-domain", 300, board))
    outside = {p.need for p in draw("chain", "out-of-domain", 40, board)}
    assert sorted(inside) == list(range(1, max(inside) + 1))
    assert min(outside) == max(inside) + 1
    assert max(outside) == board.frames - 1
    expected = 300 / len(inside)
    assert all(abs(n - expected) < 4.5 * expected**0.5 for n in inside.values())


@every_split
@every_board
def test_drawings_of_a_seed_show_the_same_puzzles(split, board):
    """So chain_lit has the lengths of chain, case by case."""
    chains = draw("chain", split, 20, board)
    for task in DRAWINGS[1:]:
        others = draw(task, split, 20, board)
        assert [p.digest for p in others] == [p.digest for p in chains]
        assert [p.candidates for p in others] == [p.candidates for p in chains]
        assert all(pool_of(p) == "evaluation" for p in others)
    training = [p for task in DRAWINGS for p in draw(task, "in-domain", 60, pool="train")]
    assert not {p.digest for p in training} & {p.digest for p in chains}


def test_lengths_of_training_are_alike_with_and_without_light():
    lengths = {
        task: sorted(len(p.candidates[0]) for p in draw(task, "in-domain", 600, pool="train"))
        for task in ("chain", "chain_lit")
    }
    # the largest difference of two distributions of 600 is below .08 in 19 of 20 pairs
    of_one, of_other = (np.array(lengths[task]) for task in lengths)
    apart = max(abs((of_one <= n).mean() - (of_other <= n).mean()) for n in range(1, 17))
    assert 0 < apart < 0.1


def one_hop_wrong(arrows: dict, start: tuple, board: Board) -> dict[frozenset, list]:
    """What a way marks that stops, or goes to another neighbour, at one hop."""
    way, found = walked(arrows, start), []
    for hop in range(len(way) - 1):
        before, here = way[: hop + 1], way[hop]
        found.append(before)
        for dr, dc in STEPS:
            other = (here[0] + dr, here[1] + dc)
            if other in arrows and other != way[hop + 1]:
                found.append(before + walked(arrows, other, tuple(before)))
    marks = [[cell for cell in way if cell != start][: board.frames - 1] for way in found]
    return {frozenset(cells): cells for cells in marks if cells}


@every_drawing
@every_board
def test_every_way_that_is_wrong_at_one_hop_is_read_as_itself(task, board):
    few = 5 if board == DEFAULT_BOARD else 1
    for puzzle in draw(task, "in-domain", few, board) + draw(task, "out-of-domain", few, board):
        arrows, start, _ = seen(puzzle)
        sets = [as_set(way) for way in puzzle.candidates]
        assert len(set(sets)) == len(sets)
        wrong = one_hop_wrong(arrows, start, board)
        others = {as_set([c for c in walked(arrows, cell) if c != start]) for cell in arrows}
        assert set(sets[1:]) >= (wrong.keys() | {o for o in others if len(o) < board.frames}) - {
            sets[0],
            frozenset(),
        }
        reader = Observer(puzzle)
        videos = np.stack(
            [render_movie(task_of(task).movie(puzzle, n), board) for n in range(len(sets))]
        )
        last = videos[:, [0, -1]]
        reading = reader.read(last)
        assert reading.accepted.tolist() == list(range(len(sets)))
        assert np.allclose(reading.evidence, np.eye(len(sets)), atol=1e-6)
        half = reader.read((last + last[:1])[1:] / 2)
        assert (half.accepted == NO_ANSWER).all()
        assert np.allclose(half.evidence[:, 0], 0.5, atol=0.02)
        pairs = np.random.default_rng(0).integers(1, len(sets), (40, 2))
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        assert (reader.read(last[pairs].mean(1)).accepted == NO_ANSWER).all()
        # a video that marks as candidate n does, drawn here from its set of cells alone
        for cells, n in zip(sets[1:4], range(1, 4), strict=False):
            assert rings(task_of(task).movie(puzzle, n)[-1], board) == set(cells)
