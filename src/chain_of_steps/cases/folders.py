"""Case folders in the layout of VBVR-Bench, with what is known of them beside.

<root>/<split>/<task>/<00000>/   first_frame.png  final_frame.png  ground_truth.mp4
                                 prompt.txt       meta.json or case.json

meta.json: the puzzle, with its solution, and how it is drawn where that is not the default.
case.json: of any other case, the size and number of
frames that a model is asked for.
"""

from __future__ import annotations

import itertools
import string
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
from PIL import Image

from chain_of_steps.artifacts import read_table, write_table
from chain_of_steps.errors import UserError
from chain_of_steps.files import inside, read_json, read_text, write_json
from chain_of_steps.tasks import stream, task_names, task_of
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.video import read_image, write_mp4, write_png

INDEX = "cases.csv"
FACTS = "case.json"
_BLANK = string.whitespace + "\ufeff"  # the mark that some editors put before a text


@dataclass(frozen=True)
class Case:
    """One case folder. `name` is its path below the root, such as in-domain/maze/00003."""

    name: str
    folder: Path

    @property
    def split(self) -> str:
        return self.name.split("/")[0]

    @property
    def task(self) -> str:
        return self.name.split("/")[1]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What case.json holds; nothing for puzzles."""
        path = self.folder / FACTS
        return read_json(path) if path.is_file() else {}

    @property
    def is_puzzle(self) -> bool:
        """Whether there is a reader for its videos."""
        return not self.facts

    @property
    def frames(self) -> int | None:
        """Frames of its videos; None for puzzles, whose number is the study's."""
        return self.facts.get("frames")

    @property
    def shape(self) -> tuple[int | None, ...]:
        """(width, height, frames) that a model is asked for; None for puzzles, all alike."""
        return tuple(self.facts.get(name) for name in ("width", "height", "frames"))

    @property
    def image(self) -> Image.Image:
        """The first frame at the size a model is given it."""
        image = Image.fromarray(read_image(self.folder / "first_frame.png"))
        if self.is_puzzle:
            return image
        size = (self.facts["width"], self.facts["height"])
        return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)

    @property
    def prompt(self) -> str:
        """The text of prompt.txt. Raises UserError when there is none or it is empty."""
        return prompt_text(self.folder / "prompt.txt")

    @cached_property
    def puzzle(self) -> Puzzle:
        """The puzzle of meta.json. Raises UserError when a field is missing or unknown."""
        if not self.is_puzzle:
            raise UserError(
                f"{self.folder} is no puzzle, and only puzzles have a reader of answers: use "
                "`cos videos`, and `cos score` for VBVR-Bench."
            )
        return self._described[0]

    @property
    def drawing(self) -> Drawing:
        """How its puzzle is drawn. Raises UserError as `puzzle` does."""
        self.puzzle  # noqa: B018 what is no puzzle is not drawn
        return self._described[1]

    @cached_property
    def _described(self) -> tuple[Puzzle, Drawing]:
        meta = read_json(self.folder / "meta.json")
        try:
            drawing = Drawing(**meta.get("drawing", {}))
            puzzle = Puzzle(
                **{
                    **{name: value for name, value in meta.items() if name != "drawing"},
                    "candidates": tuple(meta["candidates"]),
                    "solutions": tuple(meta["solutions"]),
                }
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise UserError(
                f"{self.folder / 'meta.json'} does not describe a puzzle ({error}): make the cases"
                " again with `cos cases`."
            ) from None
        if puzzle.task not in task_names():
            raise UserError(
                f"{self.folder / 'meta.json'}: task is {puzzle.task!r}, write one of "
                f"{', '.join(task_names())}."
            )
        return puzzle, drawing

    def check(self) -> None:
        """Raises UserError when its prompt or, for a puzzle, its description cannot be read."""
        self.prompt  # noqa: B018
        if self.is_puzzle:
            self.puzzle  # noqa: B018


def prompt_text(path: Path | str) -> str:
    """The text of a prompt file, or the text itself.

    Raises UserError when there is none, or it is empty or no text.
    """
    if isinstance(path, str):
        text = path.strip(_BLANK)
        if not text:
            raise UserError("the prompt is empty: write what shall happen.")
        return text
    try:
        text = read_text(path).strip(_BLANK) if path.is_file() else ""
    except (UnicodeDecodeError, OSError):
        raise UserError(f"{path} is not a readable text: write it as UTF-8.") from None
    if not text:
        raise UserError(f"{path} is missing or empty: write the case's instruction into it.")
    return text


def write_case(
    folder: Path, puzzle: Puzzle, fps: int = 16, drawing: Drawing = DEFAULT_DRAWING
) -> None:
    """Draws one puzzle into a case folder."""
    video = drawing.film(puzzle)
    write_png(folder / "first_frame.png", video[0])
    write_png(folder / "final_frame.png", video[-1])
    write_mp4(folder / "ground_truth.mp4", video, fps=fps)
    (folder / "prompt.txt").write_text(drawing.words(puzzle) + "\n", encoding="utf-8")
    write_json(folder / "meta.json", {**vars(puzzle), **drawing.entry})


def make_cases(
    root: Path,
    tasks: list[str],
    per_split: dict[str, int],
    seed: int,
    board: Board = DEFAULT_BOARD,
    drawing: Drawing = DEFAULT_DRAWING,
    times: Mapping[str, int] = MappingProxyType({}),
) -> pd.DataFrame:
    """Draws the evaluation cases of a study and returns their index.

    per_split: cases of each task; times: tasks that have so many times as many.
    One row a case: case, task, split, family, digest, candidates, solutions (counts), need.
    Raises UserError when a task has not that many different cases.
    """
    # drawn before any is written: asking for too many should not take minutes to fail
    drawn = {
        (task, split): list(
            itertools.islice(
                stream(task, split, "evaluation", seed, board),
                per_split[split] * times.get(task, 1),
            )
        )
        for task, split in itertools.product(tasks, SPLITS)
    }
    rows = []
    for (task, split), puzzles in drawn.items():
        for number, puzzle in enumerate(puzzles):
            name = f"{split}/{task}/{number:05d}"
            (root / name).mkdir(parents=True, exist_ok=True)
            write_case(root / name, puzzle, drawing=drawing)
            rows.append(
                {
                    "case": name,
                    "task": task,
                    "split": split,
                    "family": task_of(task).FAMILY,
                    "digest": puzzle.digest,
                    "candidates": len(puzzle.candidates),
                    "solutions": len(puzzle.solutions),
                    "need": puzzle.need,
                }
            )
    index = pd.DataFrame(rows)
    write_table(root / INDEX, index)
    return index


def with_need(table: pd.DataFrame, root: Path) -> pd.DataFrame:
    """A table of runs of the cases below `root`, with the need of each case as a last column.

    Need is a property of the case alone, so tables of runs do not repeat it. Raises UserError where
    the index has none.
    """
    index = read_table(root / INDEX, columns=["case", "need"])
    return table.assign(need=table["case"].map(index.set_index("case")["need"]).to_numpy())


def need_puzzles(cases: list[Case]) -> None:
    """Raises UserError where a case has no reader, for stages that read answers."""
    for case in cases:
        case.puzzle  # noqa: B018


def load_cases(root: Path, names: list[str]) -> list[Case]:
    """The named cases below `root`.

    Raises UserError naming the first that is not there, twice there, or outside of `root`.
    """
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise UserError(f"{root / INDEX} names {twice[0]} twice: write each case once.")
    for name in names:
        if not (inside(root, name) / "first_frame.png").is_file():
            raise UserError(f"{root / name} has no first_frame.png: make it with `cos cases`.")
    return [Case(name, root / name) for name in names]


def cases_of(root: Path, runs: pd.DataFrame) -> list[Case]:
    """The cases that the column `case` of a table names, in its order."""
    return load_cases(root, list(dict.fromkeys(runs["case"])))


def first_of_each(index: pd.DataFrame, n: int) -> set[str]:
    """Names of the first n cases of each task and split."""
    return set(index.groupby(["task", "split"]).head(n)["case"])


def shard_cases(root: Path, shard: int, size: int) -> list[Case]:
    """The cases of one shard of `size`, in the order of the index."""
    names = read_table(root / INDEX, columns=["case"])["case"].tolist()
    chosen = names[shard * size : (shard + 1) * size]
    if shard < 0 or not chosen:
        last = (len(names) - 1) // size
        raise UserError(f"shard is {shard}: write a number from 0 to {last}.")
    return load_cases(root, chosen)
