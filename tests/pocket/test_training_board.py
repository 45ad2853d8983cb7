"""Training on another board and on a choice of tasks: what is saved samples and reads."""

import itertools
import json
from dataclasses import replace

import numpy as np
import torch
from trained import TINY

from chain_of_steps.models.adapters import load_model
from chain_of_steps.pocket import training
from chain_of_steps.pocket.card import accuracy_table, card_text, solve
from chain_of_steps.study.config import check_config
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.scene import render_movie

BOARD = Board(7, 6, 3)
SMALL = replace(TINY, steps=1, mix={"maze": 1.0}, tasks=("grid", "maze"), board=BOARD)


def draw(task, n, pool="evaluation"):
    return list(itertools.islice(stream(task, "in-domain", pool, 2, BOARD), n))


def test_painted_latents_are_those_of_the_drawn_video():
    codec = training.codec_for_puzzles(16, 40, ["maze"], BOARD)
    paint = training.LatentPainter(codec)
    puzzles = draw("maze", 3)
    movies = [task_of("maze").movie(p, p.shown) for p in puzzles]
    painted = paint(movies, BOARD)
    assert painted.shape == (3, 16, 4, 7, 6)
    video = np.stack([render_movie(movie, BOARD) for movie in movies])
    encoded = codec.encode(torch.from_numpy(video).permute(0, 4, 1, 2, 3) * 2 - 1)
    mean, std = (x.view(1, -1, 1, 1, 1) for x in (paint.mean, paint.std))
    assert torch.allclose(painted, (encoded.latent_dist.mode() - mean) / std, atol=1e-4)
    assert paint.condition(painted).shape == (3, 20, 4, 7, 6)


def test_a_model_of_another_board_is_trained_sampled_and_read(tmp_path):
    training.train(SMALL, tmp_path / "model")
    record = json.loads((tmp_path / "model/training.json").read_text())
    config = record["stages"][0]["config"]
    assert Board(**config["board"]) == BOARD
    assert config["tasks"] == ["grid", "maze"]
    study = {"study": "s", "models": {"m": {"path": str(tmp_path / "model")}}}
    model = load_model(check_config(study | {"cases": {"tasks": ["maze"]}}), "m")
    rows = solve(model, draw("maze", 2), steps=2, shift=5.0, n_frames=BOARD.frames)
    assert [row["task"] for row in rows] == ["maze", "maze"]
    assert all(row["need"] > 0 and 0 <= row["accepted"] <= 1 for row in rows)
    tokenizer = training.load_pipeline(tmp_path / "model").tokenizer
    for task, known in (("maze", True), ("grid", True), ("polyomino", False)):
        ids = tokenizer(draw(task, 1)[0].prompt).input_ids
        assert (tokenizer.unk_token_id not in ids) == known
    table = accuracy_table(rows)
    assert "96 x 112 pixels\nand 13 frames" in card_text("m", record, table, 2)
