"""Which files cases are read from when they are not puzzles. Cheap to import.

Reading and watching go by the same list, so that nothing is read whose change goes unseen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chain_of_steps.cases.vbvr import VbvrTask, vbvr_tasks

if TYPE_CHECKING:
    from chain_of_steps.settings.cases import Cases

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
OWN = "own"  # the task of one's own cases where there is no folder that names one


@dataclass(frozen=True)
class Found:
    """The files of a case: name is that within its task.

    Of one's own cases final and truth are None where they are not there; any other file may be
    missing all the same, which whoever reads it has to say.
    """

    task: str
    name: str
    image: Path
    prompt: Path
    final: Path | None
    truth: Path | None

    @property
    def files(self) -> list[Path]:
        """Those that are there."""
        every = (self.image, self.prompt, self.final, self.truth)
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
            found += vbvr_cases(root, task)[: cases.number(task.split)]
    return sorted({path for one in found for path in one.files})


def vbvr_cases(root: Path, task: VbvrTask) -> list[Found]:
    """The samples of a task below `root`, in order of their numbers."""
    folders = sorted(path for path in (root / task.folder).glob("[0-9]*") if path.is_dir())
    names = ("first_frame.png", "prompt.txt", "final_frame.png", "ground_truth.mp4")
    return [Found(task.name, path.name, *(path / name for name in names)) for path in folders]


def own_cases(root: Path) -> list[Found]:
    """Cases of one's own below `root`, in order of the paths of their pictures.

    Either a folder with first_frame.* and prompt.txt (and final_frame.*, ground_truth.mp4), or a
    picture x.png with x.txt beside it (and x.mp4). The task is the path of the folder that holds
    them, dashes for slashes, or `own` at the root. Links are followed; hidden files and folders
    are left out, and case does not matter in what a name ends with.
    """
    there = sorted(_files_below(root))
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


def _files_below(root: Path) -> Iterator[Path]:
    """Files that are not hidden, also in linked folders; a link that leads nowhere is one too."""
    for folder, folders, names in os.walk(root, followlinks=True):
        here = Path(folder)
        # a link to a folder that holds it would go round for ever
        above = {path.resolve() for path in (here, *here.absolute().parents)}
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() not in above
        ]
        yield from (here / name for name in names if not name.startswith("."))
