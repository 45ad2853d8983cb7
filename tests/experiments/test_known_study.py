"""A model that draws what it is told, through all that a real one goes through, files and all.

Its codec is diffusers' AutoencoderKLWan, its pictures are puzzles of 64 pixels a tile, and readers
restore what the codec leaves of them. So each measure of a whole study is known beforehand.
"""

import os
from pathlib import Path

import drawing_model
import numpy as np
import pytest
import smoke as helper
import studies
import tiny
import torch
from drawing_model import other_of
from wan_codec import wan_codec

from chain_of_steps.artifacts import read_table
from chain_of_steps.cases.folders import load_cases
from chain_of_steps.experiments.behaviours.memory import ERRORS
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.drawing import Drawing
from chain_of_steps.tasks.reader import ACCEPT

pytestmark = [pytest.mark.slow, pytest.mark.soak]

BOARD, DRAWING = Board(3, 3, 4), Drawing(64)
DRAWS = {
    **{"maze": "posterior", "chain": "wrong", "odd": "halves", "identify": "never"},
    **{"reappear": "truth", "move": "fragile"},
}
# not the layers: what is drawn does not come from them
EXPERIMENTS = ["decision", "noise", "behaviours", "ensemble", "front", "handover", "loops"]
OVER = {
    "experiments": [*EXPERIMENTS, "latents"],
    "models": {"tiny": {"guidance": 1.0}},
    "sampler": {"steps": 4, "schedule": "diffusers"},
    "cases": {"tasks": list(DRAWS), "seed": 1, "drawing": {"side": 64}},
    "video": {"frames": 17},
    "execution": {"shard": 6, "vae_tiling": False},
    "front": {"every": 1},
}
HALF = 2  # the first step at a noise level below UNTIL


def codec():
    puzzle = next(stream("maze", "in-domain", "evaluation", 0, BOARD))
    return wan_codec([torch.from_numpy(DRAWING.film(puzzle))[None]])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The results of a study of all experiments, and its cases."""
    tree = helper.copy_tree(tmp_path_factory.mktemp("known") / "tree")
    pipe = tiny.pipeline(
        codec=codec(), transformer=tiny.transformer(1, layers=2), **tiny.text_parts()
    )
    pipe.save_pretrained(tree / "tiny")
    drawing_model.install(tree / "site", tree / "tiny", "results/family/cases", DRAWS)
    variables = helper.environment(tree)
    paths = [variables["PYTHONPATH"], str(tree / "site"), str(Path(tiny.__file__).parent)]
    variables["PYTHONPATH"] = os.pathsep.join(paths)
    targets = ("figures/claims.csv", "tables/latents_runs.parquet")
    results = studies.run(tree, "vbvr-wan2.2", OVER, *targets, variables=variables)
    cases = load_cases(results / "cases", read_table(results / "cases/cases.csv")["case"].tolist())
    return results, {case.task: case.puzzle for case in cases}


def table(study, name):
    return read_table(study[0] / "tables" / name)


def test_answers_are_those_that_are_drawn(study):
    puzzles, looks = study[1], table(study, "readouts.parquet")
    assert len(looks) == len(DRAWS) * 2 * 5
    for task, draws in DRAWS.items():
        mine, puzzle = looks[looks["task"] == task], puzzles[task]
        early = mine["step"] < HALF
        first, then = mine[early], mine[~early]
        if draws in ("wrong", "halves", "truth", "fragile"):
            assert (then["answer"] == puzzle.shown).all() and then["correct"].all()
            assert then["score"].to_numpy() == pytest.approx(1)
            assert then["n_candidates"].to_numpy() == pytest.approx(1, abs=0.1)
        if draws in ("truth", "fragile"):
            assert (first["answer"] == puzzle.shown).all()
        if draws == "wrong":
            assert (first["answer"] == other_of(puzzle)).all() and not first["correct"].any()
            assert (first["score"] < 0.9).all()
        if draws == "halves":
            assert (first["answer"] == -1).all()
            assert first["n_candidates"].to_numpy() == pytest.approx(2, abs=0.1)
        if draws == "never":
            assert (mine["answer"] == -1).all()
            assert mine["n_candidates"].to_numpy() == pytest.approx(2, abs=0.1)
        if draws == "posterior":  # it has all at first, and one in the end
            assert (first.loc[first["step"] == 0, "n_candidates"] > 2).all()
            assert (mine.loc[mine["step"] == 4, "answer"] >= 0).all()


def test_runs_commit_when_what_is_drawn_changes_no_more(study):
    outcomes = table(study, "decision_outcomes.parquet")
    mine = outcomes[(outcomes["condition"] == "accepted") & (outcomes["threshold"] == ACCEPT)]
    steps = mine[mine["outcome"] == "commitment"].groupby("task")["value"].unique()
    never = mine[mine["outcome"] == "never"].groupby("task")["value"].mean()
    when = {"truth": 0, "fragile": 0, "wrong": HALF, "halves": HALF}
    for task, draws in DRAWS.items():
        assert never[task] == (draws == "never")
        if draws in when:
            assert steps[task].tolist() == [when[draws]]
    latents = table(study, "latents_runs.parquet")
    for task, draws in DRAWS.items():
        rows = latents[(latents["task"] == task) & (latents["frame"] > 0)]
        settled = rows.groupby("step")["settled"].min()
        assert (settled[HALF:] == 1).all() or draws == "posterior"
        assert (settled[:HALF] < 1).all() == (draws in ("wrong", "halves", "posterior"))


def test_tiles_are_decided_when_the_right_way_is_drawn(study):
    tiles = table(study, "tiles_runs.parquet")
    tiles = tiles[tiles["task"] == "chain"]
    puzzle = study[1]["chain"]
    right, wrong = (
        task_of(puzzle.task).movie(puzzle, n)[-1] for n in (puzzle.shown, other_of(puzzle))
    )
    assert len(tiles)
    for tile in tiles.itertuples():
        cell = (tile.row, tile.column)
        alike = right.get(cell) == wrong.get(cell)
        assert (tile.leads, tile.accepted) == ((0, 0) if alike else (HALF, HALF))


def test_noise_moves_the_answers_of_the_model_that_takes_them_from_the_latent(study):
    rows = read_table(study[0] / "perturbation/tiny/0.parquet")
    noisy = rows[(rows["part"] == "sweep") & (rows["kind"] != "clean")]
    frames = noisy[(noisy["kind"] == "frame") & (noisy["task"] != "maze")]
    assert len(frames) and frames["answer_same_as_clean"].all()
    drawn = noisy[~noisy["task"].isin(["maze", "move"])]
    assert len(drawn) and drawn["answer_same_as_clean"].all()
    assert np.array_equal(drawn["score"], drawn["clean_score"])
    hit = noisy[(noisy["task"] == "move") & (noisy["kind"] == "step")]
    assert len(hit) and (hit["answer"] == other_of(study[1]["move"])).all()
    assert (hit["clean_score"] == 1).all() and (hit["score"] < 0.9).all()
    # one case in six
    verdicts = table(study, "noise_verdicts.csv").set_index(["claim", "control"])
    worse = verdicts.loc["step_worse_than_frame", "only frames that are read"]
    assert worse.loc["mean"] == pytest.approx((1 - hit["score"].mean()) / len(DRAWS))


def test_what_is_put_in_stays_where_the_latent_counts_alone(study):
    rows = table(study, "handover_runs.parquet")
    put = rows[rows["intervention"] == "inject"]
    told, latent = (put[put["task"] == task] for task in ("chain", "maze"))
    assert len(told) and told["right_accepted"].all()
    assert (told["kept"] == (told["put"] == "right")).all()
    # one that is none of its candidates turns into the nearest of them
    assert {"right", "indirect"} <= set(latent["put"])
    assert (latent["kept"] == (latent["put"] != "direct")).all()
    turned = rows[rows["intervention"].isin(["u_turn", "fresh_noise"])]
    assert turned.loc[turned["task"] == "chain", "right_accepted"].all()
    assert turned.loc[turned["task"] == "maze", "kept"].all()
    loops = table(study, "loop_runs.parquet")
    mine = loops[loops["task"] == "chain"]
    for method in ("full", "loop", "erased"):
        assert mine.loc[mine["method"] == method, "right_accepted"].all()


def test_what_is_shown_of_memory_and_motion_is_right(study):
    memory = table(study, "memory_runs.parquet")
    # with another object in it, its picture is nearest to that of another puzzle
    memory = memory[memory["condition"] != "changed"]
    assert set(memory["condition"]) == {"clean", "absent", "withheld"}
    assert memory[list(ERRORS)].to_numpy() == pytest.approx(0, abs=0.1)
    seen = table(study, "perception_runs.parquet")
    clean = seen[seen["condition"] == "clean"]
    assert clean[["localised", "motion"]].to_numpy() == pytest.approx(1, abs=0.15)


def test_the_ideal_is_what_the_model_of_the_ideal_shows(study):
    rows = table(study, "posterior_runs.parquet")
    maze = rows[(rows["task"] == "maze") & (rows["prior"] == "wide")]
    assert len(maze) == 2 * 4
    assert maze["distance"].to_numpy() == pytest.approx(0, abs=1e-3)
    assert maze["kl_read"].to_numpy() == pytest.approx(0, abs=0.05)
    # where one answer is right, the ideal of right answers has it from the start
    chain = rows[(rows["task"] == "chain") & (rows["prior"] == "rule")]
    late = chain["step"] >= HALF
    assert chain.loc[late, "distance"].to_numpy() == pytest.approx(0, abs=1e-3)
    assert late.any() and (chain.loc[~late, "distance"] > 0.01).all()


def test_all_claims_are_judged(study):
    claims = read_table(study[0] / "figures/claims.csv")
    assert len(claims) > 40
