"""The generator: what a seed gives, what the pools share, that every puzzle is whole."""

import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest
from puzzles import BOTH, FEW, MANY, draw, every_task, every_task_and_split, shapes_in, truth

from chain_of_steps.errors import UserError
from chain_of_steps.tasks import pool_of, stream, task_of
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.scene import (
    COLOURS,
    FRAMES,
    HELD_OUT_PAIRS,
    SHAPES,
    render,
)


def view(puzzle: Puzzle) -> tuple[str, bytes]:
    """All that a model is given: the prompt and the pixels of the first frame."""
    return puzzle.prompt, render(truth(puzzle)[0]).tobytes()


@every_task_and_split
def test_the_same_seed_gives_the_same_puzzles_and_another_seed_others(task, split):
    before = random.getstate()
    assert draw(task, split, 30) == draw(task, split, 30)
    assert random.getstate() == before
    assert draw(task, split, 30) != draw(task, split, 30, seed=1)


def test_puzzles_do_not_depend_on_the_order_of_sets():
    program = (
        "from chain_of_steps.tasks import stream, task_names\n"
        "from itertools import islice, product\n"
        "for task, split in product(task_names(), ('in-domain', 'out-of-domain')):\n"
        "    for p in islice(stream(task, split, 'evaluation', 5), 4):\n"
        "        print(p.digest, p.candidates, p.shown, p.prompt)\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(printed[0].splitlines()) == 4 * len(BOTH)
    assert printed[0] == printed[1]


@pytest.mark.parametrize(
    "names",
    [
        ("labyrinth", "in-domain", "train"),
        ("maze", "inside", "train"),
        ("maze", "in-domain", "test"),
    ],
)
def test_unknown_names_are_refused(names):
    with pytest.raises(ValueError, match="unknown name"):
        next(stream(*names, 0))


def test_a_pool_that_runs_dry_says_so(monkeypatch):
    only = draw("maze", "out-of-domain", 1)[0]
    monkeypatch.setattr(task_of("maze"), "propose", lambda rng, split: only)
    endless = stream("maze", "out-of-domain", "evaluation", 0)
    assert next(endless) == only
    with pytest.raises(UserError, match="maze has only 1 different out-of-domain cases"):
        next(endless)


@every_task
def test_training_and_evaluation_share_no_puzzle(task):
    training = draw(task, "in-domain", MANY, pool="train")
    assert {pool_of(puzzle) for puzzle in training} == {"train"}
    evaluation = draw(task, "in-domain", MANY) + draw(task, "out-of-domain", MANY)
    digests = [puzzle.digest for puzzle in evaluation]
    assert len(set(digests)) == len(digests)  # so there are at least 200 cases each
    assert not {puzzle.digest for puzzle in training} & set(digests)


@every_task
def test_no_training_puzzle_looks_like_one_of_the_evaluation(task):
    training = {view(puzzle) for puzzle in draw(task, "in-domain", 600, pool="train")}
    evaluation = {view(p) for split in SPLITS for p in draw(task, split, MANY)}
    assert not training & evaluation


@every_task
def test_about_one_in_domain_puzzle_in_four_is_for_evaluation(task):
    rng = random.Random(8)
    drawn = []
    while len(drawn) < 400:
        try:
            drawn.append(task_of(task).propose(rng, "in-domain"))
        except Exception as error:
            assert type(error).__name__ == "Retry"
    share = np.mean([pool_of(puzzle) == "evaluation" for puzzle in drawn])
    assert 0.15 < share < 0.35


@every_task_and_split
def test_a_puzzle_is_whole(task, split):
    module = task_of(task)
    for puzzle in draw(task, split, FEW):
        assert (puzzle.task, puzzle.split) == (task, split)
        assert len(puzzle.candidates) >= 2
        assert puzzle.shown in puzzle.solutions
        assert set(puzzle.solutions) <= set(range(len(puzzle.candidates)))
        movies = [module.movie(puzzle, n) for n in range(len(puzzle.candidates))]
        assert {len(movie) for movie in movies} == {FRAMES}
        first = render(movies[0][0])
        assert all(np.array_equal(render(movie[0]), first) for movie in movies)
        looks = {
            b"".join(render(movie[frame]).tobytes() for frame in module.KEY_FRAMES)
            for movie in movies
        }
        assert len(looks) == len(movies)  # no two candidates look the same
        assert len(module.empty(puzzle)) == len(module.KEY_FRAMES)


@every_task_and_split
def test_prompts_are_plain_english(task, split):
    sentence = re.compile(r"[A-Z][a-z]+(,? [a-z]+)+\.")
    for puzzle in draw(task, split, MANY):
        sentences = re.split(r"(?<=\.) ", puzzle.prompt)
        assert all(sentence.fullmatch(one) for one in sentences), puzzle.prompt


@every_task
def test_held_out_pairs_never_appear_in_domain(task):
    for pool in ("train", "evaluation"):
        for puzzle in draw(task, "in-domain", MANY, pool=pool):
            shown = {pair for scene in truth(puzzle) for pair in shapes_in(scene)}
            assert not shown & HELD_OUT_PAIRS
            names = {f"{colour} {shape}" for shape, colour in HELD_OUT_PAIRS}
            assert not any(name in puzzle.prompt for name in names)


@pytest.mark.parametrize("task", ["shelf", "odd", "reappear", "occlude", "move", "identify"])
def test_held_out_pairs_make_these_tasks_out_of_domain(task):
    for puzzle in draw(task, "out-of-domain", MANY):
        shown = set(shapes_in(truth(puzzle)[0]))
        named = {(s, c) for s in SHAPES for c in COLOURS if f"{c} {s}" in puzzle.prompt}
        assert (shown | named) & HELD_OUT_PAIRS
