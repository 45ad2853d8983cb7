"""Results as videos, in the layout that the scorer of VBVR-Bench reads unchanged.

<folder>/<run>/{In-Domain_50,Out-of-Domain_50}/<task>_data-generator/<00000>.mp4
<folder>/<run>/steps/checkpoint-<k>/...                the clean estimate of step k

A run is one condition of one seed. Cases that are not the bench's lie at <run>/<case>.mp4. Each
folder has an index, one row a video; what is scored later is what the index names.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from chain_of_steps.cases.folders import Case
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.errors import UserError
from chain_of_steps.files import shown
from chain_of_steps.video import write_mp4

SINGLE = "single run"
OURS = "written by chain_of_steps"  # in each video, so that no other is ever replaced
INDEX = (
    *("model", "condition", "label", "kind", "mode", "index", "step", "sigma", "seed"),
    *("case", "task", "split", "run", "file", "frames"),
)


class VideoFolder:
    """Writes videos (T, H, W, 3) below `folder` and keeps their index.

    Raises UserError where a video lies there that this program did not write.
    """

    def __init__(self, folder: Path, fps: int) -> None:
        self.folder, self.fps = folder, fps
        self.rows: list[dict] = []
        for path in sorted(folder.rglob("[!.]*.mp4")):
            if not _is_ours(path):
                raise UserError(
                    f"{shown(path)} was not written by this program: move it away, as videos of "
                    "runs are written there."
                )

    def write(self, run: str, case: Case, video: np.ndarray, **labels) -> None:
        """labels: further columns of the index: model, condition, label, seed, ..."""
        file = place(run, case)
        write_mp4(self.folder / file, video, fps=self.fps, comment=OURS)
        where = {"case": case.name, "task": case.task, "split": case.split, "run": run}
        self.rows.append({**labels, **where, "file": file, "frames": len(video)})

    def index(self) -> pd.DataFrame:
        table = pd.DataFrame(self.rows).reindex(columns=list(INDEX))
        return table.astype({"index": "Int64", "step": "Int64", "seed": "Int64"})


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:  # what is known of a video stands at its beginning
        return OURS.encode() in file.read(1 << 16)


def place(run: str, case: Case) -> str:
    """Path of a case's video below the folder of videos."""
    if case.facts.get("source") != "vbvr-bench":
        return f"{run}/{case.name}.mp4"
    return f"{run}/{vbvr_tasks()[case.task].folder}/{Path(case.name).name}.mp4"
