"""Case folders: each gives its puzzle back, and a fault in one is named."""

import json
import re

import numpy as np
import pytest
from puzzles import draw, every_task_and_split, truth

from chain_of_steps.cases import folders as cases
from chain_of_steps.errors import UserError
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.scene import (
    FRAMES,
    render_movie,
)
from chain_of_steps.video import read_image, read_mp4


@pytest.fixture
def case(tmp_path):
    puzzle = draw("maze", "in-domain", 1)[0]
    cases.write_case(tmp_path, puzzle)
    return cases.Case("in-domain/maze/00000", tmp_path)


@every_task_and_split
def test_a_case_folder_gives_back_its_puzzle(task, split, tmp_path):
    puzzle = draw(task, split, 1)[0]
    cases.write_case(tmp_path, puzzle)
    assert {file.name for file in tmp_path.iterdir()} == {
        "first_frame.png",
        "final_frame.png",
        "ground_truth.mp4",
        "prompt.txt",
        "meta.json",
    }
    case = cases.Case("a", tmp_path)
    assert case.prompt == puzzle.prompt
    assert case.puzzle.digest == puzzle.digest
    plain = json.loads(json.dumps(vars(puzzle)))
    again = vars(case.puzzle)
    assert {name: plain[name] for name in plain if name not in ("candidates", "solutions")} == {
        name: again[name] for name in again if name not in ("candidates", "solutions")
    }
    assert [*again["candidates"]] == plain["candidates"]
    assert [*again["solutions"]] == plain["solutions"]
    video = render_movie(truth(puzzle))
    redrawn = render_movie(task_of(task).movie(case.puzzle, case.puzzle.shown))
    assert np.array_equal(redrawn, video)
    assert np.abs(np.asarray(case.image) / 255 - video[0]).max() <= 0.5 / 255 + 1e-6
    final = read_image(tmp_path / "final_frame.png") / 255
    assert np.abs(final - video[-1]).max() <= 0.5 / 255 + 1e-6
    film = read_mp4(tmp_path / "ground_truth.mp4")
    assert film.shape == (FRAMES, 80, 80, 3)
    assert np.abs(film / 255 - video).mean() < 0.04


def test_a_study_has_an_index_of_its_cases(tmp_path):
    table = cases.make_cases(
        tmp_path, ["grid", "odd"], {"in-domain": 2, "out-of-domain": 1}, seed=3
    )
    assert table["case"].tolist() == [
        "in-domain/grid/00000",
        "in-domain/grid/00001",
        "out-of-domain/grid/00000",
        "in-domain/odd/00000",
        "in-domain/odd/00001",
        "out-of-domain/odd/00000",
    ]
    again = [case.puzzle for case in cases.load_cases(tmp_path, table["case"].tolist())]
    assert table["digest"].tolist() == [puzzle.digest for puzzle in again]
    assert table["solutions"].tolist() == [len(puzzle.solutions) for puzzle in again]
    assert table["candidates"].tolist() == [len(puzzle.candidates) for puzzle in again]
    assert table["split"].tolist() == [puzzle.split for puzzle in again]
    assert [puzzle.digest for puzzle in again[:2]] == [
        puzzle.digest for puzzle in draw("grid", "in-domain", 2, seed=3)
    ]


def test_a_task_may_have_several_times_as_many_cases(tmp_path):
    once, thrice = (
        cases.make_cases(
            tmp_path / name, ["grid", "maze"], {"in-domain": 2, "out-of-domain": 1}, 3, times=times
        ).set_index("case")["digest"]
        for name, times in (("once", {}), ("thrice", {"maze": 3}))
    )
    assert thrice.loc[once.index].tolist() == once.tolist()  # those that are there stay
    more = sorted(set(thrice.index) - set(once.index))
    assert len(more) == 4 + 2 and all("/maze/" in name for name in more)


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_an_empty_or_missing_prompt_is_named(case, text):
    path = case.folder / "prompt.txt"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(UserError, match=re.escape(str(path))):
        _ = case.prompt


def test_a_missing_first_frame_is_named(case):
    root, name = case.folder.parent, case.folder.name
    assert cases.load_cases(root, [name])[0].folder == case.folder
    (case.folder / "first_frame.png").unlink()
    with pytest.raises(UserError, match=re.escape(str(case.folder))):
        cases.load_cases(root, [name])


def test_a_picture_that_is_none_is_named(case):
    path = case.folder / "first_frame.png"
    path.write_text("not a picture")
    with pytest.raises(UserError, match=re.escape(str(path))):
        _ = case.image


def without(field):
    return lambda meta: {name: value for name, value in meta.items() if name != field}


@pytest.mark.parametrize(
    "change",
    [
        without("layout"),
        without("candidates"),
        without("prompt"),
        lambda meta: {**meta, "colour": "red"},
        lambda meta: {**meta, "task": "labyrinth"},
        lambda meta: {**meta, "candidates": 3},
        lambda meta: [meta],
        lambda meta: None,
    ],
)
def test_a_meta_file_that_describes_no_puzzle_is_named(case, change):
    path = case.folder / "meta.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(UserError, match=re.escape(str(path))):
        _ = case.puzzle


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", None])
def test_a_meta_file_that_is_no_json_is_named(case, content):
    path = case.folder / "meta.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(str(path))):
        _ = case.puzzle
