"""Every puzzle: drawn by rule, solved here a second time from its pixels, prompt or layout."""

import itertools
import re
from collections import Counter, deque

import numpy as np
import pytest
from puzzles import (
    MANY,
    SOME,
    draw,
    near,
    shapes_in,
    truth,
)

from chain_of_steps.tasks import identify, task_of
from chain_of_steps.tasks.board import DEFAULT_BOARD
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.scene import (
    COLOURS,
    FLOOR,
    FRAMES,
    INK,
    SLOT,
    TILE,
    render,
    render_tile,
    split_tiles,
)

BOARD = DEFAULT_BOARD.rows
BEATS = (0, 1, 5, 9, 13)  # the frame at which each beat starts
every_split = pytest.mark.parametrize("split", SPLITS)


def pixels(scene) -> np.ndarray:
    """Tiles (5, 5, 16, 16, 3) of a rendered scene."""
    return split_tiles(render(scene))


def dots(scene) -> set[tuple[int, int]]:
    """Tiles whose centre is green."""
    tiles = pixels(scene)
    return {
        cell
        for cell in itertools.product(range(BOARD), repeat=2)
        if near(tiles[cell][TILE // 2, TILE // 2], COLOURS["green"])
    }


def goal_of(scene) -> tuple[int, int]:
    """The one tile with a red frame: third line of pixels, in the middle."""
    middle = pixels(scene)[:, :, 2, TILE // 2]
    (goal,) = np.argwhere(middle[..., 0] - middle[..., 2] > 0.3)
    return tuple(map(int, goal))


def distances(start, around) -> dict:
    """Breadth-first distances from `start`; `around(cell)` lists the open neighbours."""
    found, todo = {start: 0}, deque([start])
    while todo:
        cell = todo.popleft()
        for step in around(cell):
            if step not in found:
                found[step] = found[cell] + 1
                todo.append(step)
    return found


def shortest(start, goal, around) -> list[list]:
    """All shortest paths: walk back from the goal along falling distances."""
    far = distances(start, around)

    def back(cell):
        if cell == start:
            return [[start]]
        steps = [c for c in around(cell) if far.get(c, -1) == far[cell] - 1]
        return [[*path, cell] for step in steps for path in back(step)]

    return back(goal) if goal in far else []


def maze_passages(scene) -> dict:
    """Open neighbours of each cell, read from the walls in the pixels."""
    tiles = pixels(scene)
    last, middle = TILE - 1, TILE // 2
    sides = {(-1, 0): (0, middle), (1, 0): (last, middle), (0, -1): (middle, 0)}
    sides[(0, 1)] = (middle, last)
    walls = {
        (cell, side): near(tiles[cell][at], INK)
        for cell in itertools.product(range(BOARD), repeat=2)
        for side, at in sides.items()
    }
    passages = {cell: [] for cell, _ in walls}
    for ((r, c), (dr, dc)), closed in walls.items():
        other = (r + dr, c + dc)
        if other not in passages:
            assert closed  # nothing leads out of the picture
        else:
            assert closed == walls[other, (-dr, -dc)]  # both sides of a wall are drawn
            if not closed:
                passages[(r, c)].append(other)
    return passages


@pytest.mark.parametrize(
    ("split", "least", "most"), [("in-domain", 4, 10), ("out-of-domain", 11, 16)]
)
def test_maze_has_one_way_and_the_truth_walks_it(split, least, most):
    lengths = set()
    for puzzle in draw("maze", split, SOME):
        movie = truth(puzzle)
        passages = maze_passages(movie[0])
        assert sum(map(len, passages.values())) == 2 * (BOARD**2 - 1)
        (start,), goal = dots(movie[0]), goal_of(movie[0])
        reached = distances(start, passages.__getitem__)
        assert len(reached) == BOARD**2  # connected, with 24 passages: a tree, so one way
        (way,) = shortest(start, goal, passages.__getitem__)
        assert least <= len(way) - 1 <= most
        lengths.add(len(way) - 1)
        assert [dots(scene) for scene in movie] == [set(way[: n + 1]) for n in range(FRAMES)]
        # the other candidates end in dead ends and never touch the goal
        for route in puzzle.candidates[1:]:
            assert len(passages[route[-1]]) == 1
            assert goal not in route
            assert shortest(start, route[-1], passages.__getitem__) == [route]
    assert lengths == set(range(least, most + 1))


@pytest.mark.parametrize(("split", "least", "most"), [("in-domain", 3, 5), ("out-of-domain", 6, 8)])
def test_grid_candidates_are_all_shortest_ways(split, least, most):
    for puzzle in draw("grid", split, SOME):
        movie = truth(puzzle)
        centres = pixels(movie[0])[:, :, TILE // 2, TILE // 2]
        free = {c for c in itertools.product(range(BOARD), repeat=2) if not near(centres[c], INK)}

        def around(cell, free=free):
            r, c = cell
            return [n for n in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)) if n in free]

        (start,), goal = dots(movie[0]), goal_of(movie[0])
        ways = shortest(start, goal, around)
        assert len(ways) >= 2
        assert least <= len(ways[0]) - 1 <= most
        assert sorted(ways) == sorted(map(list, puzzle.candidates))
        assert puzzle.solutions == tuple(range(len(ways)))
        shown = puzzle.candidates[puzzle.shown]
        assert [dots(scene) for scene in movie] == [set(shown[: n + 1]) for n in range(FRAMES)]


def has_three(board: np.ndarray) -> bool:
    lines = [*board, *board.T, board.diagonal(), board[:, ::-1].diagonal()]
    return any(line.all() for line in lines)


def ink_of(tiles: np.ndarray) -> np.ndarray:
    """Dark pixels in the middle of each tile, where no line of the board runs."""
    middle = tiles[..., 3:13, 3:13, :]
    return (np.abs(middle * 255 - INK).max(-1) < 2).sum((-1, -2))


@every_split
def test_tictactoe_solutions_are_the_winning_cells(split):
    for puzzle in draw("tictactoe", split, SOME):
        board = np.array(list(puzzle.layout["board"])).reshape(3, 3)
        assert not has_three(board == "x")
        assert not has_three(board == "o")
        assert (board == "o").sum() - (board == "x").sum() in (0, 1)  # the crosses move next
        empty = [n for n in range(9) if board.flat[n] == "."]
        assert list(puzzle.candidates) == empty
        wins = []
        for n, cell in enumerate(empty):
            after = board == "x"
            after.flat[cell] = True
            if has_three(after):
                wins.append(n)
        assert list(puzzle.solutions) == wins
        # the picture shows this board, and the truth adds one cross to it
        before, after = pixels(truth(puzzle)[0]), pixels(truth(puzzle)[-1])
        assert np.array_equal(ink_of(before[1:4, 1:4]) > 0, board != ".")
        changed = np.argwhere(np.abs(before - after).max((2, 3, 4)) > 0).tolist()
        row, col = divmod(empty[puzzle.shown], 3)
        assert changed == [[row + 1, col + 1]]


def test_tictactoe_winning_moves_differ_between_the_splits():
    def combinations(split):
        found = set()
        for puzzle in draw("tictactoe", split, SOME):
            board = puzzle.layout["board"]
            lines = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8)]
            for line in [*lines, (0, 4, 8), (2, 4, 6)]:
                marks = "".join(board[i] for i in line)
                if sorted(marks) == [".", "x", "x"]:
                    found.add((line, line[marks.index(".")]))
        return found

    assert not combinations("in-domain") & combinations("out-of-domain")


@every_split
def test_shelf_puts_the_named_object_on_the_named_tier(split):
    words = {"top": 0, "second": 1, "third": 2, "lowest": 3}
    for puzzle in draw("shelf", split, MANY):
        colour, shape, tier = re.fullmatch(
            r"Put the (\w+) (\w+) on the (\w+) shelf\.", puzzle.prompt
        ).groups()
        layer = f"{shape}:{colour}:m"
        movie = truth(puzzle)
        places = [[cell for cell, tile in scene.items() if layer in tile] for scene in movie]
        assert all(len(place) == 1 for place in places)  # the named object is the only such one
        assert places[0][0][0] == BOARD - 1
        assert places[0][0][1] < 3
        assert places[-1] == [(words[tier], 3)]
        everyone = [task_of("shelf").movie(puzzle, n)[-1] for n in range(4)]
        assert all(layer in scene[(n, 3)] for n, scene in enumerate(everyone))


@every_split
def test_odd_one_out_is_the_only_one_of_its_kind(split):
    least, most = {"in-domain": (4, 8), "out-of-domain": (9, 13)}[split]
    for puzzle in draw("odd", split, MANY):
        objects = [(tuple(cell), tuple(pair)) for cell, pair in puzzle.layout["objects"]]
        assert least <= len(objects) <= most
        kinds = Counter(pair for _, pair in objects)
        (odd,) = [pair for pair, n in kinds.items() if n == 1]
        assert len(kinds) == 2
        assert puzzle.candidates == tuple(cell for cell, _ in objects)
        assert objects[puzzle.solutions[0]][1] == odd
        first, last = truth(puzzle)[0], truth(puzzle)[-1]
        assert [cell for cell in last if last[cell] != first[cell]] == [
            cell for cell, pair in objects if pair == odd
        ]


def readings_of(puzzle: Puzzle, kinds: list[str]) -> list[str]:
    """Which of `kinds` (layers) each tile of the puzzle's row shows, `` in the empty place."""
    row = pixels(truth(puzzle)[0])[puzzle.layout["row"]]
    names = {render_tile((kind,)).tobytes(): kind for kind in kinds}
    assert all(near(row[puzzle.layout["gap"]][at], SLOT) for at in ((0, 0), (8, 8)))
    return [names.get(np.ascontiguousarray(tile).tobytes(), "") for tile in row]


def drawn_in_gap(puzzle: Puzzle) -> bytes:
    last = pixels(truth(puzzle)[-1])
    return np.ascontiguousarray(last[puzzle.layout["row"], puzzle.layout["gap"]]).tobytes()


@pytest.mark.parametrize(
    ("task", "patterns"),
    [
        ("size", [tuple(order) * 2 for order in itertools.permutations("lms")]),
        (
            "rotation",
            [tuple(str((s + d * i) % 4) for i in range(5)) for s in range(4) for d in (1, 3)],
        ),
    ],
)
def test_the_gap_is_filled_with_what_continues_the_pattern(task, patterns):
    used = {}
    for split in SPLITS:
        used[split] = set()
        for puzzle in draw(task, split, MANY):
            if task == "size":
                prefix = f"disc:{puzzle.layout['colour']}:"
                kinds = [f"{prefix}{size}" for size in "lms"]
            else:
                prefix = "arrow:"
                kinds = [f"arrow:{turn}" for turn in range(4)]
            seen = [kind.removeprefix(prefix) for kind in readings_of(puzzle, kinds)]
            gap = seen.index("")
            fits = [
                pattern[:BOARD]
                for pattern in patterns
                if all(s in ("", p) for s, p in zip(seen, pattern[:BOARD], strict=True))
            ]
            assert len(fits) == 1, seen  # one way to continue
            assert drawn_in_gap(puzzle) == render_tile((prefix + fits[0][gap],)).tobytes()
            assert puzzle.solutions == (puzzle.shown,)
            used[split].add((fits[0], gap))
    assert not used["in-domain"] & used["out-of-domain"]


@every_split
def test_object_leaves_and_returns_to_its_exact_place(split):
    for puzzle in draw("reappear", split, SOME):
        colour, shape, side = re.fullmatch(
            r"The (\w+) (\w+) leaves the picture on the (left|right) and returns to its place\.",
            puzzle.prompt,
        ).groups()
        layer = f"{shape}:{colour}:m"
        movie = truth(puzzle)
        assert np.array_equal(render(movie[0]), render(movie[-1]))
        (place,) = [cell for cell, tile in movie[0].items() if tile == (layer,)]
        away = pixels(movie[8])
        assert all(near(away[place][at], FLOOR) for at in ((8, 8), (0, 0)))
        assert not [cell for cell, tile in movie[8].items() if layer in tile]
        edge = (place[0], 0 if side == "left" else BOARD - 1)
        assert movie[1][edge] == movie[9][edge] == (layer,)


@every_split
def test_large_square_passes_and_the_small_object_survives(split):
    for puzzle in draw("occlude", split, MANY):
        large, small, shape = re.fullmatch(
            r"The large (\w+) square moves over the (\w+) (\w+) to the other side\.", puzzle.prompt
        ).groups()
        movie = truth(puzzle)
        (place,) = [cell for cell, tile in movie[0].items() if tile == (f"{shape}:{small}:m",)]
        path = [
            [cell for cell, tile in movie[beat].items() if tile == (f"square:{large}:l",)]
            for beat in BEATS
        ]
        row = place[0]
        columns = [cells[0][1] for cells in path]
        assert path == [[(row, column)] for column in columns]
        assert columns in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])
        hidden = columns.index(place[1])
        assert 1 <= hidden <= 3
        assert movie[BEATS[hidden]][place] == (f"square:{large}:l",)
        assert movie[-1][place] == (f"{shape}:{small}:m",)


@every_split
def test_ball_follows_a_reflected_triangle_wave(split):
    chambers = set()
    for puzzle in draw("bounce", split, MANY):
        top, bottom = puzzle.layout["chamber"]
        chambers.add((top, bottom))
        colour, shape, up, towards = re.fullmatch(
            r"The (\w+) (\w+) flies (up|down) and to the (left|right) and bounces until it lands\.",
            puzzle.prompt,
        ).groups()
        height = bottom - top
        # a point that goes on straight, folded back into the chamber
        time = np.arange(BOARD) * (-1 if up == "up" else 1) + puzzle.layout["row"] - top
        rows = top + height - np.abs(time % (2 * height) - height)
        columns = range(BOARD) if towards == "right" else range(BOARD - 1, -1, -1)
        movie = truth(puzzle)
        for beat, cell in enumerate(zip(rows.tolist(), columns, strict=True)):
            inside = {
                place: tile
                for place, tile in movie[BEATS[beat]].items()
                if top <= place[0] <= bottom
            }
            assert inside == {cell: (f"{shape}:{colour}:m",)}
        assert puzzle.candidates[puzzle.shown] == rows[-1]
        assert puzzle.candidates == tuple(range(top, bottom + 1))
        walls = {row for (row, _), tile in movie[0].items() if tile == ("block",)}
        assert walls == {row for row in (top - 1, bottom + 1) if 0 <= row < BOARD}
    everywhere = {(t, b) for t in range(BOARD) for b in range(t + 1, BOARD)}
    inside = {(0, 4), (0, 3), (1, 4), (1, 3)}
    assert chambers == (inside if split == "in-domain" else everywhere - inside)


@every_split
def test_polyomino_turns_like_the_picture(split):
    for puzzle in draw("polyomino", split, SOME):
        assert puzzle.prompt == "Turn the shape a quarter clockwise."
        r, c = puzzle.layout["corner"]
        colour = COLOURS[puzzle.layout["colour"]]

        def filled(scene, r=r, c=c, colour=colour):
            centres = pixels(scene)[r : r + 3, c : c + 3, TILE // 2, TILE // 2]
            return np.abs(centres * 255 - colour).max(-1) < 2

        before, after = filled(truth(puzzle)[0]), filled(truth(puzzle)[-1])
        cells = int(before.sum())
        assert cells in ((3, 4) if split == "in-domain" else (5,))
        assert np.array_equal(after, np.rot90(before, -1))
        # connected, and every candidate is a rotation or mirror image
        inside = set(itertools.product(range(3), repeat=2))
        start = tuple(map(int, np.argwhere(before)[0]))

        def around(cell, before=before, inside=inside):
            a, b = cell
            beside = ((a - 1, b), (a + 1, b), (a, b - 1), (a, b + 1))
            return [n for n in beside if n in inside and before[n]]

        assert len(distances(start, around)) == cells
        images = {
            np.rot90(image, n).tobytes() for image in (before, before[:, ::-1]) for n in range(4)
        }
        drawn = [filled(task_of("polyomino").movie(puzzle, n)[-1]) for n in range(len(images))]
        assert {mask.tobytes() for mask in drawn} == images
        assert len(puzzle.candidates) == len(images)


@every_split
def test_the_named_object_slides_to_the_named_edge(split):
    for puzzle in draw("move", split, MANY):
        colour, shape, edge = re.fullmatch(
            r"Move the (\w+) (\w+) to the (\w+) edge\.", puzzle.prompt
        ).groups()
        layer = (f"{shape}:{colour}:m",)
        first, last = truth(puzzle)[0], truth(puzzle)[-1]
        (here,) = [cell for cell, tile in first.items() if tile == layer]
        (there,) = [cell for cell, tile in last.items() if tile == layer]
        ends = {"left": (here[0], 0), "right": (here[0], 4), "top": (0, here[1])}
        ends["bottom"] = (4, here[1])
        assert there == ends[edge] != here
        assert {**first, here: None, there: layer} == {**last, here: None}
        assert 3 <= len(first) <= 5


@every_split
def test_what_is_present_is_marked(split):
    seen = Counter()
    for puzzle in draw("identify", split, MANY):
        one, two = re.fullmatch(
            r"Mark the (\w+ \w+) or the two objects like a (\w+ \w+)\.", puzzle.prompt
        ).groups()
        first, last = truth(puzzle)[0], truth(puzzle)[-1]
        kinds = [" ".join(reversed(pair)) for pair in shapes_in(first)]
        assert kinds in ([one], [two, two])
        seen[len(kinds)] += 1
        assert last == {cell: (*tile, "ring") for cell, tile in first.items()}
        other = identify.twin(puzzle)
        assert other.prompt == puzzle.prompt
        assert other.digest == puzzle.digest
        assert not set(truth(other)[0]) & set(first)  # elsewhere
        assert len(truth(other)[0]) == 3 - len(first)
        assert identify.twin(other) == puzzle
    assert min(seen.values()) > MANY / 3
