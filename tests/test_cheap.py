"""Cheap readings: judged where the codec reads as well, and trusted there alone."""

import itertools
import json

import chain
import native
import numpy as np
import pandas as pd
import pytest
import tae
import torch
from machines import pipe_of
from safetensors.torch import save_file
from scipy.stats import binomtest

from chain_of_steps.artifacts import read_table, write_table
from chain_of_steps.cheap import agreement, cheap_steps, compared, fitting_of
from chain_of_steps.drawn import drawn
from chain_of_steps.experiments.reading.summary import summarise
from chain_of_steps.models.codec import LinearVideoCodec
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import Cheaply, read_trajectory
from chain_of_steps.settings.reading import Reading
from chain_of_steps.tasks import stream
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING
from chain_of_steps.trajectory import Trajectory

STEPS, EARLY = 6, 3


def rows_of(agrees):
    """agrees: step -> case -> whether each of its seeds agrees."""
    return pd.DataFrame(
        {
            "model": "m",
            "decoder": "projection",
            "task": "maze" if case < 2 else "odd",
            "case": f"case{case}",
            "seed": seed,
            "step": step,
            "sigma": 1 - step / 10,
            "agrees": agreed,
            "difference": 0.0 if agreed else 0.5,
        }
        for step, cases in agrees.items()
        for case, seeds in enumerate(cases)
        for seed, agreed in enumerate(seeds)
    )


def test_a_case_agrees_where_all_its_seeds_do():
    rows = rows_of({0: [(1, 1), (1, 0), (0, 0), (1, 1), (1, 1)]})
    (row,) = agreement(rows, ["step"]).itertuples()
    expected = binomtest(3, 5).proportion_ci(method="wilson")
    assert (row.step, row.n, row.agrees, row.difference) == (0, 5, 0.6, pytest.approx(0.15))
    assert (row.low, row.high) == pytest.approx((expected.low, expected.high))


def test_a_step_is_read_cheaply_where_both_checked_neighbours_are_above_the_bound():
    good, bad = [(1,)] * 10, [(1,)] * 9 + [(0,)]
    rows = rows_of({0: bad, 3: good, 6: good, 9: bad, 10: good})
    low = {k: binomtest(k, 10).proportion_ci(method="wilson").low for k in (9, 10)}
    between = Reading(decoder="projection", agreement=(low[9] + low[10]) / 2)
    assert cheap_steps(rows, between) == [3, 4, 5, 6, 10]
    assert cheap_steps(rows, Reading(decoder="projection", agreement=low[10] + 1e-6)) == []
    under = Reading(decoder="projection", agreement=low[9] - 1e-6)
    assert cheap_steps(rows, under) == list(range(11))
    table = summarise(rows, between)
    whole = table[table["task"] == "all"]
    assert whole["cheap"].tolist() == [False, True, True, False, True]
    assert set(table["task"]) == {"all", "maze", "odd"} and (table["read_cheaply"] == 5).all()
    assert whole["n"].tolist() == [10] * 5


def test_the_first_and_the_last_step_are_always_checked():
    for steps in (2, 3, 8, 60):
        found = Reading(decoder="projection", steps=steps).checked(50)
        assert found[0] == 0 and found[-1] == 49 and len(found) == min(steps, 50)
        gaps = np.diff(found)
        assert gaps.max() - gaps.min() <= 1


class Folded(LinearVideoCodec):
    """Shows latents that lie FAR away as those nearby: no linear map can."""

    FAR = 40.0

    def decode_frames(self, z, frames):
        far = (z.mean(dim=(1, 2, 3, 4), keepdim=True) > self.FAR / 2) * self.FAR
        return super().decode_frames(z - far, frames)

    def decode(self, z, return_dict=True):
        far = (z.mean(dim=(1, 2, 3, 4), keepdim=True) > self.FAR / 2) * self.FAR
        return super().decode(z - far, return_dict)


@pytest.fixture(scope="module")
def late(tmp_path_factory, puzzle_codec):
    """Runs that show their answers throughout, in latents whose early ones lie far away."""
    puzzles = list(itertools.islice(stream("maze", "in-domain", "evaluation", 0), 4))
    cases = native.cases_of(tmp_path_factory.mktemp("cases"), puzzles, DEFAULT_DRAWING)
    codec = Folded(**{k: v for k, v in puzzle_codec.config.items() if not k.startswith("_")})
    codec.load_state_dict(puzzle_codec.state_dict())
    model = WanModel(pipe_of(codec, puzzles), max_sequence_length=24, name="m")
    far = model._normalised(torch.full((1, codec.config.z_dim, 1, 1, 1), Folded.FAR))
    far = far - model._normalised(torch.zeros_like(far))
    right, wrong = (
        torch.cat([drawn(model, one, [n]) for one, n in zip(puzzles, shown, strict=True)])
        for shown in ([p.shown for p in puzzles], [(p.shown + 1) % 3 for p in puzzles])
    )
    # wrong, then right, then far away no more
    looks = [wrong + far, right + far, right + far, right, wrong, right]
    clean = torch.stack(looks, dim=1).repeat(2, 1, 1, 1, 1, 1)
    table = pd.DataFrame(
        {"model": "m", "case": case.name, "task": case.task, "split": case.split, "seed": seed}
        for seed in (0, 1)
        for case in cases
    )
    x = torch.cat([clean, right.repeat(2, 1, 1, 1, 1)[:, None]], dim=1)
    runs = Trajectory(table, torch.linspace(1, 0, STEPS + 1), x, clean, [0] * STEPS, {})
    return model, runs, cases


@pytest.mark.parametrize("decoder", ["projection", "latents"])
def test_early_steps_that_it_misreads_are_read_in_full(late, decoder):
    model, runs, cases = late
    reading = Reading(decoder=decoder, agreement=0.5, steps=STEPS)  # 4 of 4: from 0.51 on
    rows = compared(model, runs, cases, reading)
    assert len(rows) == len(cases) * STEPS and set(rows["seed"]) == {0}
    assert rows.groupby("step")["agrees"].all().tolist() == [False] * EARLY + [True] * EARLY
    assert (rows["answer_full"] >= 0).all()  # the codec reads all of them
    late_rows = rows[rows["step"] >= EARLY]
    assert (late_rows["difference"] < 0.05).all()
    steps = cheap_steps(rows, reading)
    assert steps == [3, 4, 5]

    full = read_trajectory(model, runs, cases)
    fitting = fitting_of(reading)
    mixed = read_trajectory(model, runs, cases, Cheaply(decoder, fitting, steps))
    assert "decoder" not in full
    by = mixed.groupby("step")["decoder"].agg(set).tolist()
    assert by == [{"full"}] * EARLY + [{decoder}] * EARLY + [{"full"}]
    for name in ("model", "case", "seed", "step", "sigma", "answer", "leads", "correct"):
        assert mixed[name].equals(full[name]), name
    assert full.groupby("step")["correct"].mean().tolist() == [0, 1, 1, 1, 0, 1, 1]
    same = mixed["decoder"] == "full"
    assert (mixed.loc[same, "solution"] == full.loc[same, "solution"]).all()
    # without the check they would have been misread
    blind = read_trajectory(model, runs, cases, Cheaply(decoder, fitting, range(STEPS)))
    early = blind["step"] < EARLY
    assert (blind.loc[early, "answer"] != full.loc[early, "answer"]).all()


def test_a_decoder_that_shows_nothing_reads_no_step(late, tmp_path):
    """A tiny one with random weights, of which no answer is made."""
    model, runs, cases = late
    channels = runs.x.shape[2]
    save_file(tae.file_of(channels, 2, (1, 2, 2)), tmp_path / "tae.safetensors")
    file = str(tmp_path / "tae.safetensors")
    reading = Reading(decoder="tiny", file=file, agreement=0.0, steps=2)
    rows = compared(model, runs, cases[:4], reading)
    assert (rows["answer_cheap"] == -1).all() and not rows["agrees"].any()
    assert cheap_steps(rows, reading) == []


def test_stages(tmp_path, monkeypatch, build_pocket, capsys):
    chain.prepare(tmp_path, build_pocket)
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.yaml"
    asks = "experiments: [decision, reading]\nreading: {decoder: projection, agreement: 0.5}\n"
    given = ("--model", "pocket", "--cases", "cases")
    assert chain.cos("cases", "--out", "cases") == 0
    for shard in chain.SHARDS:
        path = f"trajectories/pocket/{shard}.safetensors"
        assert chain.cos("sample", *given, "--shard", shard, "--out", path) == 0
    table = ("read", *given, "--trajectory", "trajectories/pocket/0.safetensors", "--out")
    assert chain.cos(*table, "full.parquet") == 0
    compare = ("compare-reading", *given, "--trajectories", "trajectories/pocket", "--out")
    assert chain.cos(*compare, "compared.parquet") == 1
    assert "reading.decoder is full" in capsys.readouterr().err
    config.write_text(config.read_text() + asks)
    assert chain.cos(*table, "cheap.parquet") == 1
    assert "give --compared FILE" in capsys.readouterr().err
    assert chain.cos(*compare, "compared.parquet") == 0
    rows = read_table("compared.parquet")
    assert len(rows) == 6 * chain.STEPS and rows["case"].nunique() == 6  # of both shards
    assert chain.cos("reading-summary", "--runs", "compared.parquet", "--out", "reading.csv") == 0
    assert set(read_table("reading.csv")["task"]) == {"all", "maze", "odd"}

    # random weights show no answer by either; what was compared decides alone
    for agreed, decoders in ((True, {"full", "projection"}), (False, {"full"})):
        judged = f"judged-{agreed}.parquet"
        write_table(judged, rows.assign(agrees=agreed))
        assert chain.cos(*table, "cheap.parquet", "--compared", judged) == 0
        cheap, full = read_table("cheap.parquet"), read_table("full.parquet")
        assert set(cheap["decoder"]) == decoders
        assert set(cheap.loc[cheap["step"] == chain.STEPS, "decoder"]) == {"full"}
        assert np.allclose(cheap["score"], full["score"], atol=0.2)
        assert list(cheap.drop(columns="decoder")) == list(full)
    record = json.loads((tmp_path / "cheap.parquet.manifest.json").read_text())
    assert judged in record["made"]["inputs"]


def test_what_cannot_be_read_is_said():
    with pytest.raises(ValueError, match=r"reading\.file is null: write the path"):
        Reading(decoder="tiny")
