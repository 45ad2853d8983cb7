"""Where cases come from when they are not puzzles: VBVR-Bench, or a folder of one's own.

Nothing is assumed of a sample: the size is that of its first frame, the number of frames that of
its ground truth. Everything is checked before the first case is written, and before any model
loads.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from chain_of_steps.cases.listing import METADATA, OWN, Found, own_cases, passed_over, vbvr_cases
from chain_of_steps.cases.vbvr import vbvr_size, vbvr_tasks
from chain_of_steps.errors import UserError
from chain_of_steps.files import shown
from chain_of_steps.tasks.puzzle import SPLITS

if TYPE_CHECKING:
    import pandas as pd

    from chain_of_steps.cases.folders import Case
    from chain_of_steps.settings.cases import Cases
    from chain_of_steps.settings.models import Model, WithModels
    from chain_of_steps.settings.video import Video

    class HasCases(Protocol):
        """What `take_cases` reads: a view with WithCases and WithVideo."""

        @property
        def cases(self) -> Cases: ...

        @property
        def video(self) -> Video: ...


MOST_STRETCH = 0.05  # the scorer of VBVR-Bench takes more for padding


@dataclass(frozen=True)
class Sample:
    """A case to be. name: <split>/<task>/<number>; final, truth: may be absent in own folders.

    prompt: a text file, or the text itself. metadata: what VBVR-Pro-Bench has beside them.
    """

    name: str
    family: str
    image: Path
    prompt: Path | str
    final: Path | None = None
    truth: Path | None = None
    metadata: Path | None = None

    @classmethod
    def of(cls, one: Found, split: str, family: str) -> Sample:
        """A sample of the files that were found for it."""
        name = f"{split}/{one.task}/{one.name}"
        return cls(name, family, one.image, one.prompt, one.final, one.truth, one.metadata)


@dataclass(frozen=True)
class Shape:
    """Size and length that a model is asked for, in pixels and frames."""

    width: int
    height: int
    frames: int


def samples(cases: Cases) -> list[Sample]:
    """The samples that a checked section `cases` asks for.

    Raises UserError when the folder, a task, a sample or one of its files is not there.
    """
    root = Path(cases.path)
    if not root.is_dir():
        raise UserError(f"cases.path is {root}, which is no folder: {_fetch(cases, root)}.")
    if cases.source == "folder":
        return own_samples(root, cases.tasks)
    return _vbvr_samples(root, cases)


def count_cases(cases: Cases) -> int:
    """How many cases a checked section `cases` makes; only `folder` is looked at."""
    if cases.source == "puzzles":
        return sum(cases.number(task, split) for task in cases.tasks for split in SPLITS)
    return len(samples(cases)) if cases.source == "folder" else vbvr_size(cases)


def _vbvr_samples(root: Path, cases: Cases) -> list[Sample]:
    found = []
    for task in (vbvr_tasks()[name] for name in cases.tasks):
        wanted, there = cases.number(task.name, task.split), vbvr_cases(root, task)
        if len(there) < wanted:
            raise UserError(
                f"{root / task.folder} has {len(there)} of {wanted} samples: "
                f"{_fetch(cases, root)}, or write a smaller cases.{task.split}."
            )
        for one in there[:wanted]:
            for path in (one.image, one.prompt, one.final, one.truth):
                if path not in one.files:
                    raise UserError(f"{path} is missing: {_fetch(cases, root)}.")
            found.append(Sample.of(one, task.split, task.family))
    return found


def _fetch(cases: Cases, root: Path) -> str:
    if cases.source == "folder":
        return "write the path of a folder of pictures with a text each"
    return (
        "fetch it with `hf download Video-Reason/VBVR-Bench-Data --repo-type dataset --local-dir "
        f"{root}`"
    )


def own_samples(root: Path, tasks: Sequence[str] | None = None) -> list[Sample]:
    """Cases of one's own below `root`, as `own_cases` finds them; `tasks` picks some.

    Raises UserError when there are none, or two of one name.
    """
    found: dict[str, Sample] = {}
    for one in own_cases(root):
        if tasks is not None and one.task not in tasks:
            continue
        sample = Sample.of(one, OWN, OWN)
        if sample.name in found:
            other = found[sample.name].image
            raise UserError(f"{one.image} and {other} are both {sample.name}: rename one of them.")
        found[sample.name] = sample
    if not found:
        where = "" if tasks is None else f" in {', '.join(tasks)}"
        raise UserError(
            f"{root} holds no case{where}: put pictures there, each with a text file of the same "
            "name that says what shall happen."
        )
    return list(found.values())


def fitted_size(
    width: int, height: int, *, area: int | None = None, multiple: int = 16
) -> tuple[int, int]:
    """Width and height that a picture of width x height is brought to: multiples of `multiple`.

    Its own size rounded up, where that stretches it by MOST_STRETCH at most and has no more than
    `area` pixels. Otherwise, among smaller sizes that stretch it no more than that (or least of
    all), a large one that stretches it little: 1 % of stretch weighs as much as 4 % of the pixels.
    """
    scale = 1.0 if area is None else min(1.0, math.sqrt(area / (width * height)))
    up = (-(-width // multiple) * multiple, -(-height // multiple) * multiple)
    if stretch((width, height), up) <= MOST_STRETCH and (area is None or math.prod(up) <= area):
        return up

    def sides(side: int) -> range:
        most = max(1, math.ceil(side * scale / multiple))
        return range(max(1, most - 8) * multiple, most * multiple + 1, multiple)

    sizes = [(w, h) for w in sides(width) for h in sides(height)]
    sizes = [size for size in sizes if area is None or math.prod(size) <= area] or [min(sizes)]
    changes = {size: stretch((width, height), size) for size in sizes}
    most = max(MOST_STRETCH, min(changes.values()))
    near = [size for size in sizes if changes[size] <= most]
    return max(near, key=lambda size: math.prod(size) * (1 - 4 * changes[size]))


def stretch(old: tuple[int, int], new: tuple[int, int]) -> float:
    """How much the aspect changes between two sizes (width, height); 0 not at all, 1 twofold."""
    ratio = (new[0] * old[1]) / (new[1] * old[0])
    return max(ratio, 1 / ratio) - 1


def fitted_frames(truth_frames: int | None, frames: int | None, stride: int) -> int:
    """Frames of a case's video: `frames`, or those of the ground truth up to stride k + 1.

    Raises UserError where both are missing.
    """
    if frames is not None:
        return frames
    if truth_frames is None:
        raise UserError(
            "video.frames is null, but there is no ground truth to take a number of frames from: "
            f"write {stride} k + 1 frames."
        )
    return -(-max(0, truth_frames - 1) // stride) * stride + 1


class Prompts:
    """What a model can be told: at most `limit` tokens of its tokenizer.

    Without a tokenizer a word is taken for one token, which is the least it can be.
    """

    def __init__(self, limit: int, tokenizer=None) -> None:
        self.limit, self.tokenizer = limit, tokenizer

    @classmethod
    def of(cls, model: Model) -> Prompts:
        """Of a configured model; its tokenizer is read where it is a local directory."""
        folder = Path(model.path) / "tokenizer"
        if not folder.is_dir():
            return cls(model.max_sequence_length)
        from transformers import AutoTokenizer

        return cls(model.max_sequence_length, AutoTokenizer.from_pretrained(folder))

    def check(self, text: str) -> None:
        """Raises UserError when the text is too long, which the pipeline would cut unseen."""
        tokens = len(self.tokenizer(text).input_ids if self.tokenizer else text.split())
        if tokens > self.limit:
            least = "" if self.tokenizer else "at least "
            raise UserError(
                f"the prompt has {least}{tokens} tokens, but the model takes {self.limit}: shorten "
                "it, or raise max_sequence_length of a model that can take more."
            )

    def unknown(self, text: str) -> list[str]:
        """The words that the tokenizer has no token for."""
        missing = getattr(self.tokenizer, "unk_token_id", None)
        if missing is None:
            return []
        return [word for word in text.split() if missing in self.tokenizer(word).input_ids]


@dataclass(frozen=True)
class Checked:
    """A sample with what it will be given as.

    problem: why it cannot be used. unknown: words of its prompt that the model has no token for.
    """

    sample: Sample
    size: tuple[int, int] | None
    shape: Shape | None
    truth: Mapping[str, Any] | None
    problem: str | None
    unknown: Sequence[str] = ()


def check_sample(sample: Sample, video: Video, prompts: Prompts | None = None) -> Checked:
    """Reads all of a sample; video: the section. No model is needed."""
    from chain_of_steps.cases.folders import prompt_text
    from chain_of_steps.video import read_image, video_facts

    size = truth = shape = problem = None
    unknown: Sequence[str] = ()
    try:
        height, width = read_image(sample.image).shape[:2]
        size = (width, height)
        truth = None if sample.truth is None else video_facts(sample.truth)
        if sample.final is not None:
            read_image(sample.final)
        frames = fitted_frames(truth and truth["frames"], video.frames, video.stride)
        fitted = fitted_size(width, height, area=video.area, multiple=video.multiple)
        if stretch(size, fitted) > MOST_STRETCH:
            raise UserError(
                f"a picture of {width} x {height} would be distorted by "
                f"{stretch(size, fitted):.0%} at {fitted[0]} x {fitted[1]}: bring its sides near "
                f"multiples of {video.multiple}, or write a larger video.area"
            )
        shape = Shape(*fitted, frames)
        text = prompt_text(sample.prompt)
        if prompts is not None:
            prompts.check(text)
            unknown = prompts.unknown(text)
    except UserError as error:
        problem = str(error).rstrip(".")
    return Checked(sample, size, shape, truth, problem, unknown)


def refuse_problems(checked: Sequence[Checked], place: str) -> None:
    """Raises UserError with the first problem, and how many there are."""
    bad = [one for one in checked if one.problem]
    if bad:
        few = "" if len(bad) == 1 else f" (and {len(bad) - 1} more, see `cos check`)"
        raise UserError(f"{place}, {bad[0].sample.name}: {bad[0].problem}{few}.")


def write_case_of(checked: Checked, folder: Path, source: str) -> None:
    """Writes a sample as a case folder. Pictures keep their size, and RGB ones their pixels."""
    from chain_of_steps.cases.folders import FACTS, prompt_text
    from chain_of_steps.files import write_json
    from chain_of_steps.video import read_image, write_png

    sample = checked.sample
    folder.mkdir(parents=True)
    write_png(folder / "first_frame.png", read_image(sample.image))
    (folder / "prompt.txt").write_text(prompt_text(sample.prompt) + "\n", encoding="utf-8")
    if sample.final is not None:
        write_png(folder / "final_frame.png", read_image(sample.final))
    if sample.truth is not None:
        shutil.copyfile(sample.truth, folder / "ground_truth.mp4")
    if sample.metadata is not None and sample.metadata.is_file():
        shutil.copyfile(sample.metadata, folder / METADATA)
    write_json(folder / FACTS, {"source": source, **vars(checked.shape), "truth": checked.truth})


def take_cases(root: Path, settings: HasCases) -> pd.DataFrame:
    """Writes the samples of a study as case folders below `root`; returns their index.

    One row a case: case, task, split, family, digest, width, height, frames (what the model is
    asked for), truth_frames. case.json says what the first frame is resized to when it is read.
    """
    import pandas as pd

    from chain_of_steps.artifacts import write_table
    from chain_of_steps.cases.folders import INDEX
    from chain_of_steps.files import digest_file

    cases = settings.cases
    checked = [check_sample(sample, settings.video) for sample in samples(cases)]
    refuse_problems(checked, cases.path)
    rows = []
    for one in checked:
        sample, folder = one.sample, root / one.sample.name
        write_case_of(one, folder, cases.source)
        split, task, _ = sample.name.split("/")
        rows.append(
            {
                "case": sample.name,
                "task": task,
                "split": split,
                "family": sample.family,
                "digest": digest_file(folder),
                **vars(one.shape),
                "truth_frames": one.truth and one.truth["frames"],
            }
        )
    index = pd.DataFrame(rows).astype({"truth_frames": "Int64"})
    write_table(root / INDEX, index)
    return index


def check_prompts(settings: WithModels, model: str, cases: Sequence[Case]) -> None:
    """Raises UserError where a prompt that is no puzzle's is longer than the model takes."""
    brought = [case for case in cases if not case.is_puzzle]
    if not brought or model not in settings.models:
        return
    prompts = Prompts.of(settings.models[model])
    for case in brought:
        try:
            prompts.check(case.prompt)
        except UserError as error:
            raise UserError(f"{case.name}: {error}") from None


def told_passed_over(cases: Cases, most: int = 20) -> list[str]:
    """Lines on what lies in the folder of a section and is no part of a case; `most` of them."""
    found = passed_over(cases)
    lines = [f"passed over: {shown(path)}: {why}" for path, why in found[:most]]
    more = len(found) - most
    return [*lines, f"passed over: {more} more"] if more > 0 else lines


def told(checked: Checked) -> str:
    """One line on a sample."""
    if checked.problem:
        return f"{checked.sample.name}: {checked.problem}"
    width, height = checked.size
    shape = checked.shape
    line = f"{checked.sample.name}: {width} x {height}"
    if (shape.width, shape.height) != checked.size:
        line += f", given as {shape.width} x {shape.height}"
    line += f", {shape.frames} frames"
    if checked.truth:
        line += f" (ground truth {checked.truth['frames']})"
    if checked.unknown:
        line += f"; the model does not know: {', '.join(checked.unknown)}"
    return line
