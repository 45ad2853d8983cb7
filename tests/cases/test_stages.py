"""Cases from VBVR-Bench and own folders: size, checks, and the stages that take them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import standin
import yaml
from PIL import Image

from chain_of_steps import cli
from chain_of_steps.artifacts import read_table
from chain_of_steps.cases import sources
from chain_of_steps.cases.folders import Case, load_cases
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.cases.videos import VideoFolder
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr.scores import check_counts, summarise_scores, write_references
from chain_of_steps.pocket import training
from chain_of_steps.settings.cases import Cases
from chain_of_steps.settings.video import Video
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.study.config import check_config
from chain_of_steps.tasks import task_names, task_of
from chain_of_steps.video import read_mp4, video_facts, write_mp4

VIDEO = Video(frames=17, stride=4, area=6400, multiple=16)
MAZE, PASS = standin.STAND_INS


def config_of(root: Path, **fields) -> dict:
    base = {
        "study": "bench",
        "experiments": ["vbvr"],
        "models": {"pocket": {"path": "model", "max_sequence_length": 24}},
        "sampler": {"steps": 2},
        "cases": {"source": "vbvr-bench", "path": str(root), "tasks": list(standin.STAND_INS)}
        | {"in-domain": 1, "out-of-domain": 1},
        "video": {"frames": None, "area": 6400},
        "seeds": [3, 1],
        "execution": {"shard": 1, "batch": 2},
        "statistics": {"resamples": 100},
        "perturbation": {"modes": ["replace"], "steps": [1], "frames": [2], "control_cases": 0},
        "ensemble": {"k": 2, "every": 1, "many_steps": 1},
        "vbvr": {"conditions": ["clean", "steps"], "steps_every": 1},
    }
    return base | fields


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two samples of two tasks, whose videos have 17 and 22 frames of 240 x 240 pixels."""
    root = tmp_path_factory.mktemp("bench")
    standin.write_bench(root, 2, lengths=(17, 22))
    return root


@pytest.fixture(scope="module")
def study(tmp_path_factory, data, build_pocket) -> Path:
    """A folder with a random model, c.yaml, the cases, and the trajectories of both."""
    root = tmp_path_factory.mktemp("study")
    prompts = [path.read_text().strip() for path in data.rglob("prompt.txt")]
    training.save_pipeline(build_pocket(prompts), root / "model")
    (root / "c.yaml").write_text(yaml.safe_dump(config_of(data)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert cos("cases", "--out", "cases") == 0
        for shard in (0, 1):
            out = ("--shard", shard, "--out", f"{shard}.safetensors")
            assert cos("sample", "--model", "pocket", "--cases", "cases", *out) == 0
    return root


@pytest.fixture
def inside(study, monkeypatch) -> Path:
    monkeypatch.chdir(study)
    return study


def cos(command: str, *arguments) -> int:
    return cli.main([command, "--config", "c.yaml", *map(str, arguments)])


def refused(*words: str):
    return pytest.raises(UserError, match=".*".join(words))


# The bench's tasks


def test_the_tasks_are_a_hundred_in_two_halves_by_category():
    table = pd.DataFrame([vars(task) for task in vbvr_tasks().values()])
    counts = table.groupby(["split", "family"], sort=True).size().tolist()
    assert counts == [15, 9, 11, 8, 7, 8, 5, 19, 5, 13]
    assert set(table["family"]) == {task_of(name).FAMILY for name in task_names()}
    assert vbvr_tasks()["O-39_maze"].folder == "Out-of-Domain_50/O-39_maze_data-generator"


# Sizes and lengths


@pytest.mark.parametrize(
    ("size", "area", "multiple", "expected"),
    [
        ((1024, 1024), None, 16, (1024, 1024)),
        ((1000, 990), None, 16, (1008, 992)),  # up, as the official inference does
        ((640, 360), None, 16, (640, 368)),
        ((1024, 1024), 480 * 832, 16, (624, 624)),
        ((1280, 720), 480 * 832, 16, (832, 464)),
        ((832, 480), 480 * 832, 32, (832, 480)),
        ((256, 256), 480 * 832, 16, (256, 256)),  # not enlarged
        ((400, 400), 6400, 16, (80, 80)),
        ((100, 75), 6400, 16, (64, 48)),
    ],
)
def test_a_picture_keeps_its_aspect_at_a_size_that_models_take(size, area, multiple, expected):
    found = sources.fitted_size(*size, area=area, multiple=multiple)
    assert found == expected
    assert all(side % multiple == 0 for side in found)
    assert max(found[0] * size[1], found[1] * size[0]) <= 1.05 * min(
        found[0] * size[1], found[1] * size[0]
    )


@pytest.mark.parametrize(
    ("truth", "frames", "stride", "expected"),
    [
        *((22, None, 4, 25), (25, None, 4, 25), (96, None, 4, 97), (1, None, 4, 1)),
        *((22, None, 8, 25), (22, 81, 4, 81), (None, 17, 4, 17)),
    ],
)
def test_frames_are_the_ground_truths_rounded_up_or_the_studys(truth, frames, stride, expected):
    assert sources.fitted_frames(truth, frames, stride) == expected


def test_without_a_ground_truth_the_number_of_frames_must_be_given():
    with refused("video.frames is null", "4 k"):
        sources.fitted_frames(None, None, 4)


# The bench's reader


def test_cases_have_the_size_and_length_of_their_samples(study, data):
    index = read_table(study / "cases/cases.csv")
    assert index["case"].tolist() == [f"out-of-domain/{MAZE}/00000", f"in-domain/{PASS}/00000"]
    assert index["family"].tolist() == ["Spatiality", "Transformation"]
    assert index["truth_frames"].tolist() == [17, 22]
    assert index["frames"].tolist() == [17, 25]
    for row, case in zip(
        index.itertuples(), load_cases(study / "cases", index["case"].tolist()), strict=True
    ):
        original = data / vbvr_tasks()[case.task].folder / "00000"
        assert (case.task, case.split) == (row.task, row.split)
        assert case.image.size == (row.width, row.height) == (80, 80)
        assert case.prompt == (original / "prompt.txt").read_text().strip()
        for name in ("first_frame.png", "final_frame.png"):  # the scorer gets them as they were
            assert np.array_equal(
                np.asarray(Image.open(case.folder / name)), np.asarray(Image.open(original / name))
            )
        truth = original / "ground_truth.mp4"
        assert (case.folder / "ground_truth.mp4").read_bytes() == truth.read_bytes()


def test_a_subset_is_by_task_split_and_count(data):
    def names(**cases):
        config = check_config(config_of(data, cases=config_of(data)["cases"] | cases))
        assert sources.count_cases(config.cases) == len(sources.samples(config.cases))
        return [sample.name for sample in sources.samples(config.cases)]

    maze, occlude = f"out-of-domain/{MAZE}", f"in-domain/{PASS}"
    assert names() == [f"{maze}/00000", f"{occlude}/00000"]
    assert names(**{"in-domain": 0, "out-of-domain": 2}) == [f"{maze}/00000", f"{maze}/00001"]
    assert names(tasks=[f"{PASS}_data-generator"]) == [f"{occlude}/00000"]


def test_the_whole_bench_is_counted_without_its_data():
    cases = {"source": "vbvr-bench", "path": "nowhere", "tasks": None}
    config = check_config(config_of(Path("x"), cases=cases | {"in-domain": 5, "out-of-domain": 1}))
    assert sources.count_cases(config.cases) == 50 * 5 + 50


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ({"tasks": ["O-39_mase"]}, ("cases.tasks.0", "did you mean O-39_maze")),
        ({"path": None}, ("cases.path is missing",)),
        ({"in-domain": 0, "out-of-domain": 0}, ("leave none",)),
        ({"source": "internet"}, ("cases.source", "write one of puzzles, vbvr-bench, folder")),
    ],
)
def test_a_mistake_in_the_field_cases_is_one_sentence(cases, said):
    with refused(*said):
        check_config(config_of(Path("x"), cases=config_of(Path("x"))["cases"] | cases))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"experiments": ["decision"]}, ("experiments has decision", "vbvr-bench", "[vbvr]")),
        ({"experiments": ["vbvr", "layers"]}, ("experiments has layers",)),
        ({"video": {"frames": 81, "stride": 8}, "experiments": ["videos"]}, ()),
        ({"video": {"frames": 77, "stride": 8}}, ("video.frames is 77", "8 k", "73")),
        ({"vbvr": {"conditions": ["ensemble"]}, "ensemble": {"k": 1}}, ("ensemble.every is 4",)),
        ({"seeds": [1], "ensemble": {"many_steps": 1}}, ()),  # no ensemble is asked for
    ],
)
def test_experiments_and_lengths_must_fit_the_source(fields, said):
    config = config_of(Path("x"), **fields)
    if not said:
        check_config(config)
        return
    with refused(*said):
        check_config(config)


def test_puzzles_cannot_be_scored_by_the_bench():
    puzzles = {"study": "p", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["maze"]}}
    with refused("experiments has vbvr", "puzzles"):
        check_config(puzzles | {"experiments": ["vbvr"]})
    with refused("video.frames is null"):
        check_config(puzzles | {"video": {"frames": None}})
    assert check_config(puzzles | {"cases": {"tasks": None}}).cases.tasks == list(task_names())


@pytest.mark.parametrize("name", ["ground_truth.mp4", "final_frame.png", "prompt.txt"])
@pytest.mark.parametrize("how", ["remove", "garble"])
def test_a_broken_sample_stops_before_anything_is_written(data, tmp_path, name, how):
    root = shutil.copytree(data, tmp_path / "data")
    path = root / vbvr_tasks()[PASS].folder / "00000" / name
    path.unlink() if how == "remove" else path.write_bytes(b"\xff\xfe garbage")
    with refused(name):
        sources.take_cases(tmp_path / "cases", check_config(config_of(root)))
    assert not (tmp_path / "cases").exists()


def test_a_task_with_too_few_samples_is_refused(data, tmp_path):
    cases = config_of(data)["cases"] | {"out-of-domain": 3}
    with refused("has 2 of 3 samples", "cases.out-of-domain"):
        sources.take_cases(tmp_path / "c", check_config(config_of(data, cases=cases)))
    with refused("no folder", "hf download"):
        sources.samples(Cases(**cases | {"path": str(tmp_path / "none")}))


# Own folders


@pytest.fixture
def own(tmp_path) -> Path:
    standin.write_own(tmp_path / "own")
    return tmp_path / "own"


def test_own_cases_are_pictures_with_a_text_or_case_folders(own, tmp_path):
    config = config_of(own, experiments=["videos"], video={"frames": 9, "area": 6400})
    config["cases"] = {"source": "folder", "path": str(own), "tasks": None}
    index = sources.take_cases(tmp_path / "cases", check_config(config))
    assert index["case"].tolist() == ["own/inside/one", "own/own/red"]
    palette, red = load_cases(tmp_path / "cases", index["case"].tolist())
    assert palette.image.mode == red.image.mode == "RGB"
    assert (palette.image.size, red.image.size) == ((64, 64), (64, 48))
    assert red.image.getpixel((10, 10)) == (229, 135, 135)  # 120 / 255 of (200, 0, 0) on white
    assert red.prompt == "Move the red square to the right."
    assert (red.frames, red.task, red.split) == (9, "own", "own")
    with refused("no puzzle", "only puzzles have a reader"):
        red.puzzle  # noqa: B018
    assert sources.count_cases(check_config(config).cases) == 2


def test_two_own_cases_of_one_name_are_refused(own):
    Image.new("RGB", (64, 64)).save(own / "red.jpg")
    with refused("red", "rename"):
        sources.own_samples(own)


class Words:
    """A tokenizer of whole words."""

    unk_token_id = 0

    def __call__(self, text):
        known = {"go": 1, "red": 2}
        ids = [known.get(word, 0) for word in text.split()] + [9]
        return type("Encoding", (), {"input_ids": ids})


@pytest.mark.parametrize(
    ("size", "text", "problem", "unknown"),
    [
        ((80, 80), "go red", None, []),
        ((80, 80), "go blue", None, ["blue"]),
        ((80, 80), "go go go go", "5 tokens, but the model takes 4", []),
        ((80, 80), "  ", "empty", []),
        ((40, 23), "go", "distorted", []),
    ],
)
def test_a_case_is_checked_before_a_model_loads(tmp_path, size, text, problem, unknown):
    Image.new("RGB", size).save(tmp_path / "a.png")
    sample = sources.Sample("own/own/a", "own", tmp_path / "a.png", text)
    checked = sources.check_sample(sample, VIDEO, sources.Prompts(4, Words()))
    assert list(checked.unknown) == unknown
    assert (checked.problem is None) == (problem is None)
    assert problem is None or problem in checked.problem


def test_without_a_tokenizer_words_are_counted():
    sources.Prompts(4).check("one two three four")
    with refused("at least 5 tokens"):
        sources.Prompts(4).check("one two three four five")


def test_cos_check_names_every_bad_case(own, inside, capsys):
    check = ["check", str(own), "--config", "own.yaml"]
    config = yaml.safe_load(Path("c.yaml").read_text()) | {"video": {"area": 6400}}
    Path("own.yaml").write_text(yaml.safe_dump(config))
    assert cli.main(check) == 0
    out = capsys.readouterr().out
    assert "own/own/red: 100 x 75, given as 64 x 48" in out
    assert "the model does not know: " in out
    (own / "bad.png").write_bytes(b"no picture")
    (own / "bad.txt").write_text("Go.")
    Image.new("RGB", (64, 64)).save(own / "mute.png")
    assert cli.main(check) == 1
    said = capsys.readouterr()
    assert "own/own/bad: " in said.out and "own/own/mute: " in said.out
    assert "2 of 4 cases can be used" in said.out
    assert "(and 1 more, see `cos check`)" in said.err


# Stages


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
        ("ensemble", ("--shard", 0)),
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
    index = ("--index", tmp_path / "i.csv")
    noise = ("--trajectory", "0.safetensors", "--flow", "f.csv")
    assert cos("noise-videos", *given, *index, *noise) == 0
    index, table = read_table(tmp_path / "i.csv"), read_table(tmp_path / "t.parquet")
    assert set(index["label"]) == {"noise, step 1, replace", "noise, frame 2, replace"}
    assert set(index["seed"]) == {3}
    assert table["score"].isna().all() and set(table["kind"]) == {"clean", "step", "frame"}
    assert all((tmp_path / file).is_file() for file in index["file"])

    assert cos("ensemble-videos", *given, *index, "--shard", 1) == 0
    index, table = read_table(tmp_path / "i.csv"), read_table(tmp_path / "t.parquet")
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


# One run


def test_one_run_of_an_own_picture(inside, tmp_path, capsys):
    picture = Image.new("RGBA", (160, 120), (255, 0, 0, 255))
    picture.save(tmp_path / "red.png")
    (tmp_path / "c.yaml").write_text(
        yaml.safe_dump(config_of(tmp_path, video={"frames": 9, "area": 6400}))
    )
    command = ["run", "--config", tmp_path / "c.yaml", "--image", tmp_path / "red.png"]
    command += ["--prompt", "go", "--seed", 5, "--out", tmp_path / "out"]
    assert cli.main(list(map(str, command))) == 0
    out = tmp_path / "out"
    assert {p.name for p in (out / "steps").iterdir()} == {"step-00.mp4", "step-01.mp4"}
    assert video_facts(out / "video.mp4")["frames"] == 9
    assert Image.open(out / "steps.png").width > 300
    manifest = json.loads((out / "trajectory.safetensors.manifest.json").read_text())
    assert manifest["nfe"] == 2 and manifest["parameters"]["seed"] == 5
    assert Case("own/own/red", out / "case").image.size == (64, 48)
    said = capsys.readouterr().out
    assert "160 x 120, given as 64 x 48, 9 frames" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--image", "none.png", "--prompt", "go"), "does not exist"),
        (("--image", "c.yaml", "--prompt", "go"), "not a readable image"),
        (("--image", "ok.png", "--prompt", " "), "prompt is empty"),
        (("--image", "ok.png", "--prompt", "go " * 30), "tokens, but the model takes 24"),
        (("--image", "ok.png", "--prompt", "go", "--model", "x"), "write one of pocket"),
        (("--image", "ok.png", "--prompt", "go", "--seed", "-1"), "--seed is -1"),
    ],
)
def test_a_run_is_refused_before_a_model_loads(inside, capsys, monkeypatch, arguments, said):
    def load(*_):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("chain_of_steps.models.adapters.load_model", load)
    Image.new("RGB", (80, 80)).save(inside / "ok.png")
    # the study takes its frames from ground truths, which an own picture has not
    config = yaml.safe_load((inside / "c.yaml").read_text()) | {"video": {"area": 6400}}
    (inside / "own.yaml").write_text(yaml.safe_dump(config))
    assert cli.main(["run", "--config", "own.yaml", *arguments, "--out", "out"]) == 1
    assert said in capsys.readouterr().err
    assert not (inside / "out").exists()


# Scores


def scores_of(values: dict[str, list[float]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of runs by label, over four cases of two tasks; and the cases."""
    cases = pd.DataFrame(
        {
            "case": ["in-domain/a/0", "in-domain/a/1", "out-of-domain/b/0", "out-of-domain/b/1"],
            "task": ["a", "a", "b", "b"],
            "split": ["in-domain"] * 2 + ["out-of-domain"] * 2,
            "family": ["Knowledge", "Knowledge", "Spatiality", "Spatiality"],
        }
    )
    tables = []
    for label, score in values.items():
        condition = "clean" if label == "single run" else "ensemble"
        table = cases[["case", "task", "split"]].assign(score=score, label=label, seed=0)
        none = dict.fromkeys(("kind", "mode", "index", "step", "sigma"), np.nan)
        tables.append(table.assign(model="m", condition=condition, **none))
    return pd.concat(tables, ignore_index=True), cases


def test_means_are_over_samples_and_a_missing_score_is_no_zero():
    scores, cases = scores_of(
        {"single run": [0.5, 0.7, 0.1, 0.3], "other way": [0.6, 0.9, np.nan, 0.2]}
    )
    table = summarise_scores(scores, cases, resampling=Resampling(100, 0))
    whole = table[table["part"] == "all"].set_index("label")
    single, other = whole.loc["single run"], whole.loc["other way"]
    assert single["mean"] == pytest.approx(0.4)
    assert (single["n"], single["missing"], single["videos"]) == (4, 0, 4)
    assert other["mean"] == pytest.approx((0.6 + 0.9 + 0.2) / 3)
    assert (other["n"], other["missing"], other["videos"]) == (3, 1, 4)
    assert other["difference"] == pytest.approx((0.1 + 0.2 - 0.1) / 3)
    assert other["pairs"] == 3
    assert np.isnan(single["difference"])
    # the tasks' means are 0.6 and 0.2: resampling them gives one, the other or both
    assert (single["low"], single["high"]) == pytest.approx((0.2, 0.6))
    parts = table[table["label"] == "single run"].set_index(["part", "split"])["mean"]
    assert parts["split", "in-domain"] == pytest.approx(0.6)
    assert parts["family", "out-of-domain"] == pytest.approx(0.2)


def test_a_run_without_any_score_is_kept_and_has_no_mean():
    scores, cases = scores_of({"single run": [0.5, 0.7, 0.1, 0.3], "broken": [np.nan] * 4})
    table = summarise_scores(scores, cases, resampling=Resampling(100, 0))
    broken = table[(table["label"] == "broken") & (table["part"] == "all")].iloc[0]
    assert (broken["n"], broken["missing"]) == (0, 4)
    assert np.isnan(broken["mean"])


def test_a_missing_or_repeated_video_is_an_error():
    scores, cases = scores_of({"single run": [0.5, 0.7, 0.1, 0.3]})
    check_counts(scores, cases)
    with refused("single run of m, seed 0", "3 of 4", "out-of-domain/b/1"):
        check_counts(scores.iloc[:3], cases)
    with refused("in-domain/a/0 twice"):
        check_counts(pd.concat([scores, scores.iloc[:1]]), cases)
    with refused("is no case"):
        check_counts(pd.concat([scores, scores.iloc[:1].assign(case="x/y/z")]), cases)


def test_video_facts_count_frames(tmp_path):
    write_mp4(tmp_path / "a.mp4", np.zeros((7, 32, 48, 3), np.uint8), fps=12)
    assert video_facts(tmp_path / "a.mp4") == {"frames": 7, "width": 48, "height": 32, "fps": 12.0}
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with refused("b.mp4 is not a readable video"):
        video_facts(tmp_path / "b.mp4")
