"""The stages that take cases of VBVR-Bench, and the videos that they write."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import standin
import yaml
from PIL import Image
from standin import config_of, cos

from chain_of_steps import cli
from chain_of_steps.artifacts import read_table
from chain_of_steps.cases.folders import load_cases
from chain_of_steps.cases.videos import VideoFolder
from chain_of_steps.experiments.vbvr.scores import write_references
from chain_of_steps.video import read_mp4, video_facts, write_mp4

MAZE, PASS = standin.STAND_INS


def test_trajectories_have_the_length_of_their_case(inside):
    from chain_of_steps.trajectory import Trajectory

    frames = [Trajectory.load(inside / f"{n}.safetensors").x.shape[3] for n in (0, 1)]
    assert frames == [5, 7]  # latent frames of 17 and 25


def test_a_prompt_that_is_too_long_for_the_model_stops_before_it_loads(
    inside, data, tmp_path, capsys
):
    cases = shutil.copytree(inside / "cases", tmp_path / "cases")
    (cases / f"out-of-domain/{MAZE}/00000/prompt.txt").write_text("go " * 30)
    out = ("--shard", 0, "--out", tmp_path / "x.safetensors")
    assert cos("sample", "--model", "pocket", "--cases", cases, *out) == 1
    said = capsys.readouterr().err
    assert f"out-of-domain/{MAZE}/00000: the prompt has 31 tokens" in said
    assert "Loading" not in said


def test_cases_of_one_job_must_be_alike(inside, data, capsys, tmp_path):
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(config_of(data, execution={"shard": 2})))
    command = ["sample", "--config", tmp_path / "two.yaml", "--model", "pocket", "--cases", "cases"]
    command += ["--shard", 0, "--out", tmp_path / "x.safetensors"]
    assert cli.main(list(map(str, command))) == 1
    assert "execution.shard: 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("read", ("--trajectory", "0.safetensors")),
        ("perturb", ("--trajectory", "0.safetensors", "--flow", "no.parquet")),
        ("ensemble", ("--trajectory", "0.safetensors")),
        ("energy", ("--job", 0)),
    ],
)
def test_stages_that_need_a_reader_say_so(inside, capsys, command, more):
    given = ("--model", "pocket", "--cases", "cases", *more, "--out", "no.parquet")
    assert cos(command, *given) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "only puzzles have a reader" in said
    assert not list(inside.glob("no.*"))


def test_videos_lie_as_the_scorer_reads_them(inside, tmp_path):
    given = ("--model", "pocket", "--cases", "cases", "--trajectory", "1.safetensors")
    assert cos("videos", *given, "--out", tmp_path / "i.csv") == 0
    index = read_table(tmp_path / "i.csv")
    place = f"In-Domain_50/{PASS}_data-generator/00000.mp4"
    runs = [f"seed-{s}{tail}" for s in (3, 1) for tail in ("", *STEPS)]
    assert set(index["file"]) == {f"{run}/{place}" for run in runs}
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.mp4")} == set(
        index["file"]
    )
    for row in index.itertuples():
        facts = video_facts(tmp_path / row.file)
        assert (facts["frames"], facts["width"], facts["fps"]) == (25, 80, 16.0)
        assert row.frames == 25
    steps = index[index["condition"] == "steps"]
    assert set(steps["step"]) == {0, 1}
    # the last clean estimate of a run is its result
    one = read_mp4(tmp_path / f"seed-3/steps/checkpoint-1/{place}").astype(int)
    assert abs(one - read_mp4(tmp_path / f"seed-3/{place}")).max() < 3


STEPS = ("/steps/checkpoint-0", "/steps/checkpoint-1")


def test_noise_and_ensembles_run_on_bench_cases_and_leave_videos(inside, tmp_path):
    given = ("--model", "pocket", "--cases", "cases", "--out", tmp_path / "t.parquet")
    given += ("--index", tmp_path / "i.csv")
    noise = ("--trajectory", "0.safetensors", "--flow", "f.csv")
    assert cos("noise-videos", *given, *noise) == 0
    index, table = read_table(tmp_path / "i.csv"), read_table(tmp_path / "t.parquet")
    assert set(index["label"]) == {"noise, step 1, replace", "noise, frame 2, replace"}
    assert set(index["seed"]) == {3}
    assert table["score"].isna().all() and set(table["kind"]) == {"clean", "step", "frame"}
    assert all((tmp_path / file).is_file() for file in index["file"])

    assert cos("ensemble-videos", *given, "--shard", 1) == 1, "another command wrote these"
    given = (*given[:4], "--out", tmp_path / "e.parquet", "--index", tmp_path / "j.csv")
    assert cos("ensemble-videos", *given, "--shard", 1) == 0
    index, table = read_table(tmp_path / "j.csv"), read_table(tmp_path / "e.parquet")
    assert set(index["label"]) == set(table["method"])
    assert "ensemble" in set(index["label"]) and "ensemble, all go on, vote" not in set(
        index["label"]
    )
    assert set(index["frames"]) == {25}
    assert all((tmp_path / file).is_file() for file in index["file"])


def test_references_are_made_of_the_ground_truth(inside, tmp_path):
    names = read_table("cases/cases.csv")["case"].tolist()
    cases = load_cases(Path("cases"), names)
    videos = VideoFolder(tmp_path, 16)
    write_references(cases[1:], cases, videos)
    index = videos.index()
    assert index["label"].tolist() == ["truth", "jump", "other", "static"]
    looks = {row.label: read_mp4(tmp_path / row.file).astype(int) for row in index.itertuples()}
    first, final = (
        np.asarray(Image.open(cases[1].folder / f"{n}_frame.png")).astype(int)
        for n in ("first", "final")
    )
    truth = read_mp4(cases[1].folder / "ground_truth.mp4").astype(int)

    def near(a, b):
        return abs(a - b).mean() < 2

    assert near(looks["truth"], truth)
    assert near(looks["static"][0], first) and near(looks["static"][-1], first)
    assert near(looks["jump"][0], first) and near(looks["jump"][1], final)
    assert near(looks["other"], read_mp4(cases[0].folder / "ground_truth.mp4").astype(int))
    assert not near(looks["other"][-1], final)


def test_a_video_of_the_users_is_not_replaced(inside, tmp_path, capsys):
    places = ("--cases", "cases", "--shard", 0, "--out", tmp_path / "videos/index.csv")
    assert cos("reference-videos", *places) == 0
    ours = sorted((tmp_path / "videos").rglob("*.mp4"))
    kept = [path.read_bytes() for path in ours]
    (tmp_path / "videos/index.csv").unlink()
    assert cos("reference-videos", *places) == 0, "its own it makes again"
    assert [path.read_bytes() for path in ours] == kept
    write_mp4(ours[0], np.zeros((2, 16, 16, 3), np.uint8))
    foreign = ours[0].read_bytes()
    (tmp_path / "videos/index.csv").unlink()
    assert cos("reference-videos", *places) == 1
    assert f"{ours[0]} was not written by this program: move it away" in capsys.readouterr().err
    assert ours[0].read_bytes() == foreign and not (tmp_path / "videos/index.csv").exists()
