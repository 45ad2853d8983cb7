"""The files that cases are read from: all that is read, and nothing else, is listed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import standin
from hypothesis import given
from PIL import Image
from trees import build, fresh, trees

from chain_of_steps.cases import sources
from chain_of_steps.cases.folders import prompt_text
from chain_of_steps.cases.listing import PICTURES, files_of, own_cases, passed_over
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.errors import UserError
from chain_of_steps.files import walk
from chain_of_steps.settings.cases import Cases
from chain_of_steps.settings.video import Video
from chain_of_steps.study.config import check_config
from chain_of_steps.video import write_mp4

TASK, OTHER = "O-39_maze", "O-10_shape_outline_fill"


def asked(root: Path | None, source: str = "folder", tasks=None, **numbers) -> Cases:
    path = None if root is None else str(root)
    return Cases(source=source, path=path, tasks=tasks, **numbers)


def listed(root: Path, **options) -> list[str]:
    return [path.relative_to(root).as_posix() for path in files_of(asked(root, **options))]


def picture(path: Path, text: str = "Go.") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64)).save(path)
    path.with_suffix(".txt").write_text(text)


def opened(work) -> set[Path]:
    """The files that `work` opens, watched by the interpreter itself."""
    seen: set[Path] = set()
    active = True

    def hook(event, arguments):
        if active and event == "open" and isinstance(arguments[0], str | os.PathLike):
            seen.add(Path(arguments[0]).absolute())

    sys.addaudithook(hook)
    work()
    active = False
    return seen


@pytest.fixture
def own(tmp_path) -> Path:
    """Cases of every form, a linked picture, a linked folder, and files that are none of these."""
    root = tmp_path / "own"
    standin.write_own(root)
    picture(tmp_path / "elsewhere/far.png")
    picture(tmp_path / "elsewhere/deep/er.png")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "near.PNG").symlink_to(tmp_path / "elsewhere/far.png")
    (root / "near.TXT").write_text("Go.")
    shutil.copy(root / "red.png", root / "inside/one/final_frame.png")
    write_mp4(root / "inside/one/ground_truth.mp4", np.zeros((9, 64, 64, 3), np.uint8))
    picture(root / ".hidden/no.png")
    picture(root / "._red.png")
    (root / "notes.txt").write_text("Not a case.")
    (root / "notes.md").write_text("Not a case.")
    return root


OWN_FILES = [
    "inside/one/final_frame.png",
    "inside/one/first_frame.png",
    "inside/one/ground_truth.mp4",
    "inside/one/prompt.txt",
    "linked/deep/er.png",
    "linked/deep/er.txt",
    "linked/far.png",
    "linked/far.txt",
    "near.PNG",
    "near.TXT",
    "red.png",
    "red.txt",
]


def test_own_cases_are_listed_by_what_they_are_read_from(own):
    assert listed(own) == OWN_FILES
    names = [sample.name for sample in sources.own_samples(own)]
    short = ["inside/one", "linked-deep/er", "linked/far", "own/near", "own/red"]
    assert names == [f"own/{name}" for name in short]


def test_what_is_listed_is_what_is_read(own, tmp_path):
    config = check_config(
        {
            "study": "a",
            "models": {"m": {"path": "p"}},
            "experiments": ["videos"],
            "cases": {"source": "folder", "path": str(own), "tasks": None},
            "video": {"frames": 9, "area": 6400},
        }
    )
    read = opened(lambda: sources.take_cases(tmp_path / "cases", config))
    assert {path for path in read if path.is_relative_to(own)} == {own / n for n in OWN_FILES}


def test_only_the_chosen_tasks_are_listed(own):
    assert listed(own, tasks=["linked"]) == ["linked/far.png", "linked/far.txt"]
    assert listed(own, tasks=["none"]) == []


def test_a_case_that_comes_goes_or_is_completed_changes_the_list(own):
    Image.new("RGB", (64, 64)).save(own / "new.png")
    assert set(listed(own)) - set(OWN_FILES) == {"new.png"}
    (own / "new.txt").write_text("Go.")
    (own / "new.mp4").write_bytes(b"a film")
    assert set(listed(own)) - set(OWN_FILES) == {"new.png", "new.txt", "new.mp4"}
    (own / "linked").unlink()
    assert not [name for name in listed(own) if name.startswith("linked")]


def test_folders_that_hold_themselves_are_gone_through_once(tmp_path):
    root = tmp_path / "own"
    picture(root / "a/one.png")
    picture(root / "b/two.png")
    (root / "a/to-b").symlink_to(root / "b")
    (root / "b/to-a").symlink_to("../a")
    (root / "b/up").symlink_to("..")
    (root / "b/far-up").symlink_to("/")
    (root / "b/self").symlink_to("self")
    assert [path for path in listed(root) if path.endswith(".png")] == [
        "a/one.png",
        "a/to-b/two.png",
        "b/to-a/one.png",
        "b/two.png",
    ]


def test_a_path_of_the_working_folder_stays_relative(own, monkeypatch):
    monkeypatch.chdir(own.parent)
    assert files_of(asked(Path("own")))[0] == Path("own/inside/one/final_frame.png")


def test_a_linked_root_and_capital_endings_are_read(own, tmp_path):
    (tmp_path / "root").symlink_to(own)
    assert listed(tmp_path / "root") == OWN_FILES
    (near,) = [one for one in own_cases(own) if one.name == "near"]
    assert near.prompt == own / "near.TXT"
    (own / "near.txt").write_text("Go on.")
    (near,) = [one for one in own_cases(own) if one.name == "near"]
    assert near.prompt == own / "near.txt"


def test_a_link_that_leads_nowhere_is_a_case_that_cannot_be_read(own):
    (own / "linked/far.png").unlink()
    assert "linked/far.png" not in listed(own) and "near.PNG" not in listed(own)
    checked = {
        sample.name: sources.check_sample(sample, Video(frames=9))
        for sample in sources.own_samples(own)
    }
    assert str(own / "near.PNG") in checked["own/own/near"].problem
    assert checked["own/own/red"].problem is None


def test_samples_of_vbvr_bench_are_listed_by_task(tmp_path):
    root = tmp_path / "data"
    # metadata.json is of VBVR-Pro-Bench alone
    names = ("final_frame.png", "first_frame.png", "ground_truth.mp4", "metadata.json")
    names += ("prompt.txt",)
    for task in (TASK, OTHER):
        folder = tmp_path / "store" / task
        for number in ("00000", "00001"):
            (folder / number).mkdir(parents=True)
            for name in (*names, "notes.json"):
                (folder / number / name).touch()
        link = root / vbvr_tasks()[task].folder
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder)
    (tmp_path / "store" / TASK / "00001/prompt.txt").unlink()
    folder = vbvr_tasks()[TASK].folder
    expected = [f"{folder}/{number}/{name}" for number in ("00000", "00001") for name in names][:-1]
    assert listed(root, source="vbvr-bench", tasks=[TASK]) == expected
    everything = listed(root, source="vbvr-bench", tasks=[OTHER, TASK])
    assert len(everything) == 19 and set(expected) < set(everything)
    first = {"in-domain": 0, "out-of-domain": 1}  # of these the study takes the first ones
    assert listed(root, source="vbvr-bench", tasks=[OTHER, TASK], **first) == expected[:5]
    assert listed(tmp_path / "nowhere", source="vbvr-bench", tasks=[TASK]) == []


def test_what_is_no_part_of_a_case_is_named_with_the_reason(own):
    (own / "late.mp4").touch()
    (own / "photo.heic").touch()
    (own / "inside/two").mkdir(parents=True)
    shutil.copy(own / "red.png", own / "inside/two/final_frame.PNG")
    found = {path.relative_to(own).as_posix(): why for path, why in passed_over(asked(own))}
    assert found.keys().isdisjoint(OWN_FILES)
    everything = {p.relative_to(own).as_posix() for p in own.rglob("*") if p.is_file()}
    hidden = {".hidden/no.txt", "._red.txt"}  # of hidden files, pictures are named
    assert everything - set(OWN_FILES) - hidden == found.keys()
    assert found["notes.txt"] == "a text without a picture"
    assert found["late.mp4"] == "a video without a picture"
    assert found["photo.heic"] == "a format that is not read; pictures are PNG or JPEG"
    assert found[".hidden/no.png"] == found["._red.png"] == "hidden"
    assert found["inside/two/final_frame.PNG"] == "a last frame without a first one"


NAMES = (
    *("a.png", "a.TXT", "a.txt", "b.JPG", "b.txt", "c.mp4", "c.png", ".d.png", "notes.md"),
    *("first_frame.png", "final_frame.Png", "prompt.txt", "ground_truth.mp4", "e", "f.webp"),
)


@given(tree=trees(NAMES))
def test_every_file_is_read_or_passed_over_with_a_reason(tmp_path, tree):
    root = fresh(tmp_path) / "own"
    build(root, tree)
    read = set(files_of(asked(root)))
    over = dict(passed_over(asked(root)))
    assert read.isdisjoint(over) and all(over.values())
    inside = {path: path.relative_to(root).parts for path in walk(root)}
    seen = {path for path, parts in inside.items() if not any(p.startswith(".") for p in parts)}
    assert read <= seen
    for path in seen - read - over.keys():
        # neither: a picture that leads nowhere, which is a case that cannot be read
        assert not path.exists() and path.suffix.lower() in PICTURES, path
    pictures = {path for path in inside if path.suffix.lower() in PICTURES} - seen
    assert over.keys() - seen == pictures


def test_folders_of_vbvr_bench_that_are_no_samples_are_named(tmp_path):
    folder = tmp_path / vbvr_tasks()[TASK].folder
    for name in ("00000", "00001_old", "1", "000002", "notes"):
        (folder / name).mkdir(parents=True)
        (folder / name / "first_frame.png").touch()
    (folder / "00003").touch()
    cases = asked(tmp_path, source="vbvr-bench", tasks=[TASK])
    assert [path.parent.name for path in files_of(cases)] == ["00000"]
    found = {path.name: why for path, why in passed_over(cases)}
    assert found.keys() == {"00001_old", "1", "000002", "notes", "00003"}
    assert found["00001_old"] == "a folder whose name is not five digits"


@pytest.mark.parametrize("mark", ["", "\ufeff", "\ufeff\ufeff", " \ufeff"])
def test_a_mark_before_a_text_is_no_part_of_it(own, mark):
    (own / "red.txt").write_text(f"{mark}Draw the way.\n", encoding="utf-8")
    assert prompt_text(own / "red.txt") == "Draw the way."
    assert prompt_text(f"{mark}Draw the way.") == "Draw the way."
    (own / "red.txt").write_text(mark, encoding="utf-8")
    with pytest.raises(UserError, match="is missing or empty"):
        prompt_text(own / "red.txt")


def test_puzzles_and_folders_that_are_not_there_have_no_files(own, tmp_path):
    assert files_of(asked(own, source="puzzles")) == []
    assert files_of(asked(None, source="puzzles", tasks=["maze"])) == []
    assert listed(tmp_path / "nowhere") == []


def test_the_list_is_cheap_to_import():
    program = (
        "import sys, chain_of_steps.cases.listing\n"
        "print(*sys.modules.keys() & {'torch', 'pandas', 'numpy', 'PIL'})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
