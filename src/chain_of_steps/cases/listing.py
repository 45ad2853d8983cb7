"""Which files cases are read from when they are not puzzles. Cheap to import.

Reading and watching go by the same list, so that nothing is read whose change goes unseen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chain_of_steps.cases.vbvr import VbvrTask, vbvr_tasks
from chain_of_steps.files import walk

if TYPE_CHECKING:
    from chain_of_steps.settings.cases import Cases

# what is taken for a picture of a case; of one that is no PNG or JPEG, whoever reads it says so
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
NUMBER = re.compile(r"[0-9]{5}")  # name of a sample's folder in VBVR-Bench
METADATA = "metadata.json"  # what the rules of VBVR-Pro-Bench read beside the truth
OWN = "own"  # the task of one's own cases where there is no folder that names one


@dataclass(frozen=True)
class Found:
    """The files of a case: name is that within its task.

    Of one's own cases final and truth are None where they are not there; any other file may be
    missing all the same, which whoever reads it has to say. metadata: of VBVR-Pro-Bench alone.
    """

    task: str
    name: str
    image: Path
    prompt: Path
    final: Path | None
    truth: Path | None
    metadata: Path | None = None

    @property
    def files(self) -> list[Path]:
        """Those that are there."""
        every = (self.image, self.prompt, self.final, self.truth, self.metadata)
        return [path for path in every if path is not None and path.is_file()]


def files_of(cases: Cases) -> list[Path]:
    """All files that a checked section `cases` is read from, sorted.

    None for puzzles, which are drawn, and where there is no folder.
    """
    if cases.source == "puzzles" or cases.path is None:
        return []
    root, found = Path(cases.path), []
    if cases.source == "folder":
        found = [one for one in own_cases(root) if cases.tasks is None or one.task in cases.tasks]
    else:
        for task in (vbvr_tasks()[name] for name in cases.tasks or ()):
            found += vbvr_cases(root, task)[: cases.number(task.name, task.split)]
    return sorted({path for one in found for path in one.files})


def passed_over(cases: Cases) -> list[tuple[Path, str]]:
    """What lies in the folder of a checked section `cases` and is no part of any case, and why."""
    if cases.source == "puzzles" or cases.path is None:
        return []
    root = Path(cases.path)
    if cases.source == "folder":
        used = {path for one in own_cases(root) for path in one.files}
        every = walk(root, hidden=False)
        hidden = [
            (path, "hidden")
            for path in walk(root)
            if path.suffix.lower() in PICTURES
            and any(part.startswith(".") for part in path.relative_to(root).parts)
        ]
        return [(path, _why(path)) for path in every if path not in used] + hidden
    found = []
    for task in (vbvr_tasks()[name] for name in cases.tasks or ()):
        for path in _entries(root, task):
            if not (NUMBER.fullmatch(path.name) and path.is_dir()):
                why = "a folder whose name is not five digits" if path.is_dir() else "no folder"
                found.append((path, why))
    return found


def _why(path: Path) -> str:
    """Why a file of an own folder is no part of a case."""
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return "a text without a picture"
    if suffix == ".mp4":
        return "a video without a picture"
    if suffix in PICTURES:
        return "a last frame without a first one"
    return "a format that is not read; pictures are PNG or JPEG"


def _entries(root: Path, task: VbvrTask) -> list[Path]:
    folder = root / task.folder
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def vbvr_cases(root: Path, task: VbvrTask) -> list[Found]:
    """The samples of a task below `root`, in order of their numbers."""
    folders = sorted(path for path in _entries(root, task) if NUMBER.fullmatch(path.name))
    folders = [path for path in folders if path.is_dir()]
    names = ("first_frame.png", "prompt.txt", "final_frame.png", "ground_truth.mp4", METADATA)
    return [Found(task.name, path.name, *(path / name for name in names)) for path in folders]


def own_cases(root: Path) -> list[Found]:
    """Cases of one's own below `root`, in order of the paths of their pictures.

    Either a folder with first_frame.* and prompt.txt (and final_frame.*, ground_truth.mp4), or a
    picture x.png with x.txt beside it (and x.mp4). The task is the path of the folder that holds
    them, dashes for slashes, or `own` at the root. Links are followed; hidden files and folders
    are left out, and case does not matter in what a name ends with.
    """
    there = walk(root, hidden=False)
    # lower case comes last, so of x.TXT and x.txt the latter is meant
    ends = {path.with_suffix(path.suffix.lower()): path for path in there}
    finals = {path.parent: path for path in reversed(there) if path.stem == "final_frame"}
    found = []
    for image in there:
        if image.suffix.lower() not in PICTURES or image.stem == "final_frame":
            continue
        inside = image.relative_to(root)
        if image.stem == "first_frame":
            parents, name = inside.parts[:-2], image.parent.name if len(inside.parts) > 1 else OWN
            prompt, truth = image.with_name("prompt.txt"), image.with_name("ground_truth.mp4")
            final = finals.get(image.parent)
        else:
            parents, name = inside.parts[:-1], image.stem
            prompt, truth = image.with_suffix(".txt"), image.with_suffix(".mp4")
            final = None
        video = ends.get(truth)
        found.append(
            Found(
                task="-".join(parents) or OWN,
                name=name,
                image=image,
                prompt=ends.get(prompt, prompt),
                final=final,
                truth=video if video is not None and video.is_file() else None,
            )
        )
    return found
