"""What runs are given, how they are cut into batches, taken up again and read."""

import gc
import itertools
import sys

import numpy as np
import pandas as pd
import psutil
import pytest
import torch

from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import (
    Drawn,
    Runs,
    batches,
    by_step,
    looks_of,
    read_looks,
    rerun,
    return_memory,
    run_shard,
)
from chain_of_steps.sampling import cuts
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.tasks.scene import render_movie

STEPS, FRAMES, SEEDS = 3, 17, [3, 1]


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    root = tmp_path_factory.mktemp("cases")
    index = make_cases(root, ["maze", "odd"], {"in-domain": 2, "out-of-domain": 0}, 0)
    return load_cases(root, index["case"].tolist())


@pytest.fixture(scope="module")
def model(build_pocket, cases) -> WanModel:
    pipe = build_pocket([case.prompt for case in cases], seed=5)
    return WanModel(pipe, name="tiny", max_sequence_length=24)


@pytest.fixture(scope="module")
def trajectory(model, cases):
    return run_shard(model, cases, SEEDS, steps=STEPS, shift=5.0, n_frames=FRAMES, batch=3)


# Batches


def test_cuts_are_full_but_the_last_and_keep_groups_whole():
    def sizes(*given, **how):
        return [cut.stop - cut.start for cut in cuts(*given, **how)]

    assert sizes(59, 13) == [13, 13, 13, 13, 7]
    assert sizes(12, 13, together=3) == [12]
    assert sizes(14, 13, together=2) == [12, 2]
    assert sizes(6, 2, together=3) == [3, 3]  # a group is never cut
    assert sizes(20, 13, together=2, even=True) == [10, 10]
    assert sizes(26, 13, together=2, even=True) == [10, 10, 6]
    assert sizes(7, 3, even=True) == [3, 3, 1]
    assert sizes(8, 3, even=True) == [3, 3, 2]
    assert sizes(10, 4, even=True) == [4, 4, 2]
    assert sizes(9, 5, even=True) == [5, 4]


@pytest.mark.parametrize("even", [False, True])
def test_every_row_is_in_one_cut_that_is_small_enough(even):
    for groups, batch, together in itertools.product(range(9), range(1, 8), (1, 2, 3)):
        n = groups * together
        found = cuts(n, batch, together=together, even=even)
        rows = [list(range(n))[cut] for cut in found]
        assert list(itertools.chain(*rows)) == list(range(n))
        assert all(len(cut) <= max(batch, together) for cut in rows)
        assert all(len(cut) % together == 0 for cut in rows)
        assert len(rows) == -(-groups // max(1, batch // together))  # no more than it takes


# What runs are given


def test_a_run_starts_from_the_noise_of_its_seed_and_is_read_as_its_case(model, cases):
    runs = Runs.planned(model, cases, SEEDS, FRAMES).select([5, 0, 4])
    assert runs.table["seed"].tolist() == [1, 3, 3]
    assert runs.table.index.tolist() == [5, 0, 4]
    for row, seed in zip(runs.noise(), (1, 3, 3), strict=True):
        assert torch.equal(row, model.noise(seed, FRAMES, 80, 80)[0])
    assert runs.latent_shape() == tuple(runs.noise().shape[1:])
    first, second, third = runs.readers()
    assert first is third and first.puzzle == cases[2].puzzle and second.puzzle == cases[0].puzzle


def test_a_puzzle_drawn_in_memory_is_given_as_its_case_is(model, cases):
    case = cases[1]
    drawn = Drawn.of(case.puzzle)
    assert np.array_equal(np.asarray(drawn.image), np.asarray(case.image))
    table = pd.DataFrame({"seed": [0, 0]})
    both = Runs(model, table, [drawn, case], FRAMES).condition()
    assert torch.equal(both.picture["latents"][0], both.picture["latents"][1])
    assert torch.equal(both.text["embeds"][0], both.text["embeds"][1])
    grey = Drawn.of(case.puzzle, np.full((80, 80, 3), 0.5, np.float32))
    assert grey.prompt == case.prompt and set(np.asarray(grey.image).ravel()) == {128}


# Runs taken up again


def test_runs_taken_up_again_are_the_stored_ones_unless_they_are_given_another_case(
    model, trajectory, cases
):
    runs = Runs.stored(model, trajectory, cases)
    for rows in batches(runs.table, 3):
        part, stored = runs.select(rows), trajectory.select(rows)
        for start in range(STEPS):
            end, nfe = rerun(model, part.condition(), stored, start)
            assert torch.equal(end, stored.x[:, -1])
            assert nfe == len(rows) * (STEPS - start)
        others = [cases[cases.index(case) - 1] for case in part.given]
        others = Runs(model, part.table, others, FRAMES).condition()
        assert not torch.equal(rerun(model, others, stored)[0], stored.x[:, -1])


# Readings


def test_looks_are_the_clean_estimates_and_then_the_result(trajectory):
    looks = looks_of(trajectory, [4, 2])
    assert looks.shape[:2] == (2, STEPS + 1)
    assert torch.equal(looks[1, :-1], trajectory.clean[2])
    assert torch.equal(looks[1, -1], trajectory.x[2, -1])
    assert torch.equal(looks_of(trajectory, 2), looks[1])
    assert torch.equal(looks_of(trajectory)[4], looks[0])


def test_rows_by_step_are_run_by_run_with_the_sigma_of_the_step(trajectory):
    table = by_step(trajectory.select([7, 0]), [2, 3])
    assert table["step"].tolist() == [2, 3, 2, 3]
    assert table["seed"].tolist() == [1, 1, 3, 3]
    assert table["sigma"].tolist() == [trajectory.sigmas[k].item() for k in (2, 3, 2, 3)]


def test_many_looks_are_read_as_each_alone(model, trajectory, cases):
    runs = Runs.stored(model, trajectory, cases)
    looks = looks_of(trajectory).transpose(0, 1)
    truths = {}
    for case in cases:  # so that some looks have an answer
        puzzle = case.puzzle
        video = render_movie(task_of(puzzle.task).movie(puzzle, puzzle.shown))
        truths[case.name] = model.encode(torch.from_numpy(video)[None])[0]
    looks = torch.cat([looks, torch.stack([truths[name] for name in runs.table["case"]])[None]])
    found = read_looks(model, runs.readers(), looks)
    assert list(found) == ["score", "correct", "answer"]
    assert found["correct"][-1].all() and not found["correct"][0].all()
    for row, case in enumerate(runs.given):
        for number in range(len(looks)):
            alone = model.decode(looks[number, row][None]).numpy()
            reading = Observer(case.puzzle).read_video(alone)
            for name, values in found.items():
                assert values[number, row] == pytest.approx(
                    getattr(reading, "accepted" if name == "answer" else name)[0], abs=1e-6
                )


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
def test_what_is_free_between_what_is_kept_goes_back():
    process = psutil.Process()
    kept, pieces = [], []
    for _ in range(4000):  # small enough to lie in the heap and not in maps of their own
        pieces.append(np.ones(2**16, np.uint8))
        kept.append(np.ones(2**11, np.uint8))
    del pieces
    gc.collect()
    return_memory(0)
    held = process.memory_info().rss
    again = [np.ones(2**16, np.uint8) for _ in range(4000)]
    assert process.memory_info().rss - held > 150 * 2**20, "it had them still"
    assert len(kept) == len(again)
