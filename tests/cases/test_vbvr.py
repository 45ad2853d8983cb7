"""Cases from VBVR-Bench: which there are, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import standin
from PIL import Image
from standin import config_of

from chain_of_steps.artifacts import read_table
from chain_of_steps.cases import sources
from chain_of_steps.cases.folders import load_cases
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.errors import UserError
from chain_of_steps.settings.cases import Cases
from chain_of_steps.study.config import check_config
from chain_of_steps.tasks import task_names, task_of

MAZE, PASS = standin.STAND_INS


def refused(*words: str):
    return pytest.raises(UserError, match=".*".join(words))


# The bench's tasks


def test_the_tasks_are_a_hundred_in_two_halves_by_category():
    table = pd.DataFrame([vars(task) for task in vbvr_tasks().values()])
    counts = table.groupby(["split", "family"], sort=True).size().tolist()
    assert counts == [15, 9, 11, 8, 7, 8, 5, 19, 5, 13]
    assert set(table["family"]) == {task_of(name).FAMILY for name in task_names()}
    assert vbvr_tasks()["O-39_maze"].folder == "Out-of-Domain_50/O-39_maze_data-generator"


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
        (
            {"seeds": [1], "vbvr": {"conditions": ["ensemble"]}, "ensemble": {"k": 2}},
            ("ensemble.k is 2", "write 1 or less"),
        ),
        ({"seeds": [1], "ensemble": {"k": 9}}, ()),  # no ensemble is asked for
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
