"""Experiments on puzzles that are drawn at another size and length, with models that draw answers.

The codec loses nothing and the model draws what it is told, so each measure is known beforehand.
"""

import itertools

import native
import numpy as np
import pytest
import torch

from chain_of_steps.drawn import drawn, drawn_still
from chain_of_steps.experiments.behaviours.memory import ERRORS, memory_shard
from chain_of_steps.experiments.behaviours.perception import perception_shard
from chain_of_steps.experiments.behaviours.posterior import compare_shard, encoded_answers
from chain_of_steps.experiments.ensemble.settings import Ensemble
from chain_of_steps.experiments.ensemble.variants import run_ensembles, variants
from chain_of_steps.experiments.front.fronts import tile_rows
from chain_of_steps.experiments.handover.ends import ends_of
from chain_of_steps.experiments.handover.jacobian import Places
from chain_of_steps.experiments.handover.settings import Handover
from chain_of_steps.experiments.handover.tiles import tiles_of
from chain_of_steps.experiments.layers.energy import token_masks
from chain_of_steps.experiments.loops.passes import passes_of
from chain_of_steps.experiments.loops.settings import Loops
from chain_of_steps.experiments.noise.propagation import decisive_places
from chain_of_steps.films import draw_run
from chain_of_steps.runs import read_trajectory, run_shard
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.observe import observer_of
from chain_of_steps.tasks.places import on_grid, places_of
from chain_of_steps.tasks.regions import REGIONS, tile_masks
from chain_of_steps.tasks.scene import render_movie
from chain_of_steps.video import read_image

STEPS, SHIFT = 2, 5.0
LARGE = Drawing(32, 224, 160, 33)  # bare ground at both sides
WHITE = Drawing(32, style="white")
BATCH = 4
pytestmark = pytest.mark.slow
soak = pytest.mark.soak


def puzzle(task, n=0, need=None):
    found = (p for p in stream(task, "in-domain", "evaluation", 0) if need in (None, p.need))
    return next(itertools.islice(found, n, None))


def truth(one):
    return [one.shown]


def wrong(one):
    return [(one.shown + 1) % len(one.candidates)]


def test_frames_before_a_video_show_nothing(tmp_path):
    """As of CogVideoX 1.5, whose tokens have two latent frames each."""
    cases = native.cases_of(tmp_path, [puzzle("maze")], LARGE)
    (plain,) = decisive_places(cases, (9, 10, 14)).values()
    (found,) = decisive_places(cases, (10, 10, 14), 1).values()
    assert not found[0].any() and plain[1:].any()
    assert torch.equal(found[1:], plain)


@pytest.fixture
def ran(tmp_path):
    """(tasks, what is drawn, drawing) -> the model, its runs, their cases."""

    def run(tasks, shows, drawing):
        cases = native.cases_of(tmp_path, [puzzle(task) for task in tasks], drawing)
        model = native.model_of(cases, shows)
        frames = drawing.frames_on(cases[0].puzzle.board)
        options = {"steps": STEPS, "shift": SHIFT, "n_frames": frames, "batch": BATCH}
        return model, run_shard(model, cases, [0], **options), cases

    return run


def test_the_default_drawing_is_what_it_was(tmp_path):
    """Answers, stills, masks and places, held against what they were before there were others."""
    (case,) = native.cases_of(tmp_path, [puzzle("maze")], DEFAULT_DRAWING)
    model, one = native.model_of([case], truth), case.puzzle
    movie = task_of("maze").movie
    videos = np.stack([render_movie(movie(one, n)) for n in range(len(one.candidates))])
    assert torch.equal(encoded_answers(model, one), model.encode(torch.from_numpy(videos)))
    still = np.stack([videos[0][0]] * 17)
    assert torch.equal(drawn_still(model, one), model.encode(torch.from_numpy(still)[None])[0])
    rng = np.random.default_rng(0)
    for grid in ((5, 5, 5), (5, 10, 20), (3, 2, 3), (1, 5, 5)):
        tiles = rng.random((17, 5, 5)) < 0.2
        frames = np.array_split(tiles[1:], grid[0] - 1) if grid[0] > 1 else []
        latent = np.stack([tiles[0], *(part.any(0) for part in frames)])
        rows, columns = (np.arange(n) * 5 // n for n in grid[1:])
        wanted = latent[:, rows][:, :, columns]
        assert np.array_equal(on_grid(tiles, grid, one.board), wanted)
    cells = ((1, 2), (4, 0))
    assert places_of(cells, (5, 5), one.board) == cells


def test_places_on_a_frame_that_is_larger_than_its_board():
    one = puzzle("maze")
    grid = (9, 10, 14)  # of 16 pixels, 33 frames
    masks = dict(zip(["all", *REGIONS], token_masks(one, grid, LARGE), strict=True))
    tiles = tile_masks(one)
    for region in REGIONS:
        inside = masks[region][:, :, 2:12]
        assert (masks[region][:, :, [0, 1, 12, 13]] == (region == "background")).all()
        assert np.array_equal(inside[0, ::2, ::2], tiles[region][0])
        assert np.array_equal(inside[:, ::2], inside[:, 1::2])
        # frames 1 to 4 show frames 1 and 2 of the movie, each twice
        assert np.array_equal(inside[1, ::2, ::2], tiles[region][1:3].any(0))
    assert set(places_of([(0, 0)], (10, 14), one.board, LARGE)) == {(0, 2), (0, 3), (1, 2), (1, 3)}


def test_drawn_answers_are_read_as_themselves(ran):
    model, runs, cases = ran(["odd", "move"], wrong, LARGE)
    looks = read_trajectory(model, runs, cases)
    assert not looks["correct"].any()
    options = {"steps": STEPS, "shift": SHIFT, "n_frames": 33, "batch": BATCH}
    methods = variants(Ensemble(k=1, averaged=[], controls=True), STEPS)
    methods = [one for one in methods if one.start][:1]  # of one that needs no hidden states
    found = run_ensembles(model, cases, [0], methods, **options)
    for case in cases:
        for table in (looks, found):
            answers = table.loc[table["case"] == case.name, "answer"]
            assert len(answers) and (answers == wrong(case.puzzle)[0]).all()


def test_half_tones_are_two_candidates(ran):
    model, runs, cases = ran(["tictactoe"], lambda one: truth(one) + wrong(one), LARGE)
    looks = read_trajectory(model, runs, cases)
    assert (looks["answer"] == -1).all()
    assert looks["n_candidates"].to_numpy() == pytest.approx(2, abs=0.1)
    (case,) = cases
    rows = compare_shard(model, runs, cases, looks)
    wide = rows[rows["prior"] == "wide"]
    assert len(wide) == STEPS
    # the ideal's flow ends on one of them
    assert np.isfinite(wide["kl"]).all()
    z = encoded_answers(model, case.puzzle, case.drawing)
    mean = z[[truth(case.puzzle)[0], wrong(case.puzzle)[0]]].mean(0)
    assert torch.allclose(runs.clean[0, 0], mean, atol=1e-4)


@pytest.mark.parametrize(
    "drawing",
    [pytest.param(LARGE, id="large"), pytest.param(WHITE, id="white", marks=soak)],
)
def test_memory_and_perception_of_what_is_drawn_right(ran, drawing):
    model, runs, cases = ran(["reappear", "move"], truth, drawing)
    names = [case.name for case in cases]
    memory, nfe = memory_shard(model, runs, cases, names, seeds=[0], starts=[0, 1])
    assert nfe > 0 and set(memory["condition"]) == {"clean", "absent", "changed", "withheld"}
    assert memory[list(ERRORS)].to_numpy() == pytest.approx(0, abs=0.02)
    seen, _ = perception_shard(model, runs, cases, names, seeds=[0])
    assert set(seen["condition"]) == {"clean", "alone"}
    clean = seen[seen["condition"] == "clean"]
    assert clean[["localised", "motion"]].to_numpy() == pytest.approx(1, abs=0.02)


def test_what_is_put_in_is_read_as_it_is_drawn(ran):
    model, runs, cases = ran(["chain_once"], truth, LARGE)
    fields = Handover(levels=[0.7], tile_levels=[0.7], draws=1)
    ends, _ = ends_of(model, runs, cases, fields, BATCH)
    assert ends["right"].all() and ends["right_accepted"].all()
    put = ends[ends["intervention"] == "inject"]
    assert set(put["put"]) >= {"right", "direct"}
    assert put.loc[put["put"] != "right", "kept"].eq(False).all()
    tiles, _ = tiles_of(model, runs, cases, fields, BATCH)
    assert len(tiles)
    # the model draws the right way whatever is put in
    for name in ("follows_next", "follows", "plain_next", "plain"):
        assert not tiles[name].any(), name


def test_a_derivative_is_taken_where_the_tiles_are(tmp_path):
    (case,) = native.cases_of(tmp_path, [puzzle("maze")], LARGE)
    model = native.model_of([case], truth)
    places = Places.of(model, case)
    right = drawn(model, case.puzzle, [case.puzzle.shown], LARGE)[0]
    changed = (right - drawn_still(model, case.puzzle, LARGE)).abs().amax((0, 1)) > 0.01
    tiles = places.answer[0]
    assert (changed <= tiles).all()  # nothing changes elsewhere
    assert tiles.sum() == 4 * len(places.by_depth)  # of 2 x 2 positions each


def test_loops_tiles_and_film_sheets(ran, tmp_path):
    model, runs, cases = ran(["chain_once"], truth, LARGE)
    fields = Loops(
        **{"few_steps": [1], "matched_steps": [1], "matched_levels": [0.7], "rest": 1},
        **{"levels": [0.7], "passes": [0, 1], "above": 1, "below": 1},
        chosen={"sigma": 0.7, "passes": 1},
    )
    rows, _ = passes_of(model, runs, cases, fields, SHIFT, BATCH)
    assert {"full", "few", "matched", "loop", "erased"} == set(rows["method"])
    assert rows["right"].all() and rows["right_accepted"].all() and rows["share"].eq(1).all()
    tiles = tile_rows(model, runs, cases, 1)
    assert len(tiles) and tiles["leads"].eq(0).all() and tiles["accepted"].eq(0).all()
    (case,) = cases
    (mask,) = decisive_places(cases, (9, 10, 14)).values()
    assert mask.any() and not mask[:, :, [0, 1, 12, 13]].any()
    looks = read_trajectory(model, runs, cases)
    path = tmp_path / "sheet.png"
    drawn_run = draw_run(path, model, runs, looks, case.name, 0, observer_of(case))
    assert drawn_run["off"] == drawn_run["undecided"] == [0] * len(drawn_run["steps"])
    sheet = read_image(path)
    assert sheet.shape == (160 * len(drawn_run["steps"]), 224 * len(drawn_run["frames"]), 3)


@soak
def test_a_way_of_a_dot_that_moves(ran):
    model, runs, cases = ran(["maze"], truth, WHITE)
    fields = Handover(levels=[0.7], tile_levels=[0.7], draws=1)
    tiles, _ = tiles_of(model, runs, cases, fields, BATCH)
    assert len(tiles) and not tiles["follows"].any() and not tiles["plain"].any()
    looks = read_trajectory(model, runs, cases)
    assert looks["correct"].all()
