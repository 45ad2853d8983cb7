"""One run for a paper or a talk: a strip or a grid of clean estimates, still and moving."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from chain_of_steps.cases.folders import Case
from chain_of_steps.errors import UserError
from chain_of_steps.files import atomic_path
from chain_of_steps.films import film_sheet
from chain_of_steps.films import shown_steps as spread_steps
from chain_of_steps.plots import PAGE, film, style
from chain_of_steps.video import to_uint8, write_mp4

STRIP = (0.0, 0.1, 0.25, 0.5, 1.0)  # of the run; 1 is the result
FPS = {"strip": 8, "grid": 2}
HOLD = 4  # times the last picture is shown, so that one sees how it ends
DPI = 150  # of GIF and MP4
LINES = 4  # of a prompt at most


def shown_steps(kind: str, n_steps: int, asked: Sequence[int] | None = None) -> list[int]:
    """The looks to draw: those asked for, or a spread. Raises UserError for one that is not."""
    for step in asked or ():
        if not 0 <= step <= n_steps:
            raise UserError(f"steps has {step}: write numbers from 0 to {n_steps}, the result.")
    if asked:
        return sorted(set(asked))
    if kind == "grid":
        return spread_steps(n_steps)
    return sorted({round(share * n_steps) for share in STRIP})


def draw_strip(
    stem: Path,
    case: Case,
    video: np.ndarray,
    steps: Sequence[int],
    sigmas: Sequence[float],
    label: str,
) -> None:
    """First frame, then the shown steps, under the prompt; the still shows their last frames.

    Writes <stem>.png, .pdf, .gif and .mp4; in the moving ones every step plays its video.
    video: (steps, T, H, W, 3) in [0, 1]. sigmas: of looks 0 .. N.
    """
    given = np.asarray(case.image)
    titles = ["first frame", *(_look(step, sigmas) for step in steps)]

    def draw(frame: int) -> Figure:
        pictures = [given, *to_uint8(video[:, frame])]
        tall = PAGE / len(pictures) * given.shape[0] / given.shape[1]
        height = tall + _head_height(case, PAGE) + 0.22
        figure, axes = plt.subplots(1, len(pictures), figsize=(PAGE, height))
        for axis, picture, title in zip(axes, pictures, titles, strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set_title(title, fontsize=6.5, pad=3)
            axis.set_axis_off()
        figure.subplots_adjust(0.005, 0.03 / height, 0.995, tall / height, wspace=0.04)
        _head(figure, case, label, f"frame {frame + 1} of {video.shape[1]}")
        return figure

    _save(stem, draw, video.shape[1], still=video.shape[1] - 1, fps=FPS["strip"])


def draw_grid(
    stem: Path,
    case: Case,
    video: np.ndarray,
    steps: Sequence[int],
    sigmas: Sequence[float],
    label: str,
) -> None:
    """Steps by frames under the prompt; in the moving ones the rows appear step by step.

    Arguments and files as for `draw_strip`.
    """
    frames = list(range(0, video.shape[1], max(1, (video.shape[1] - 1) // 4)))
    rows, columns = len(steps), len(frames)
    width = 0.62 * columns * video.shape[3] / video.shape[2] + 1.2
    head = _head_height(case, width)
    height = 0.62 * rows + head + 0.45

    def draw(last: int) -> Figure:
        shown = to_uint8(video[:, frames])
        shown[last + 1 :] = 255
        example = {
            "sheet": film_sheet(shown),
            "steps": steps,
            "sigmas": [sigmas[step] for step in steps],
            "frames": frames,
        }
        figure, axis = plt.subplots(figsize=(width, height))
        film(axis, example)
        axis.set_xlabel("frame")
        figure.subplots_adjust(1.0 / width, 0.4 / height, 0.99, 1 - head / height)
        _head(figure, case, label, "")
        return figure

    _save(stem, draw, rows, still=rows - 1, fps=FPS["grid"])


def _look(step: int, sigmas: Sequence[float]) -> str:
    return "result" if step == len(sigmas) - 1 else f"step {step}, σ {sigmas[step]:.2f}"


def _prompt(case: Case, wide: float) -> list[str]:
    """The prompt as lines for a figure `wide` inches wide; a long one is cut."""
    lines = textwrap.wrap(case.prompt, int(wide * 15))
    if len(lines) <= LINES:
        return lines
    return [*lines[: LINES - 1], lines[LINES - 1].rpartition(" ")[0] + " …"]


def _head_height(case: Case, wide: float) -> float:
    """Inches that `_head` takes."""
    return 0.15 * len(_prompt(case, wide)) + 0.22


def _head(figure: Figure, case: Case, label: str, right: str) -> None:
    """The prompt, and below it which run this is."""
    wide, tall = figure.get_size_inches()
    lines = _prompt(case, wide)
    figure.text(0.005, 1 - 0.04 / tall, "\n".join(lines), fontsize=8, va="top")
    below = 1 - (0.15 * len(lines) + 0.06) / tall
    figure.text(0.005, below, label, fontsize=6, va="top", color="0.35")
    figure.text(0.995, below, right, fontsize=6, va="top", ha="right", color="0.35")


def _save(stem: Path, draw: Callable[[int], Figure], n: int, *, still: int, fps: int) -> None:
    style()
    figure = draw(still)
    for suffix, options in ((".png", {}), (".pdf", {"metadata": {"CreationDate": None}})):
        with atomic_path(stem.with_name(stem.name + suffix)) as path:
            figure.savefig(path, **options)
    plt.close(figure)
    pictures = []
    for number in range(n):
        figure = draw(number)
        figure.set_dpi(DPI)
        figure.canvas.draw()
        pictures.append(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
        plt.close(figure)
    pictures += pictures[-1:] * HOLD
    write_mp4(stem.with_name(stem.name + ".mp4"), np.stack(pictures), fps=fps)
    first, *rest = map(Image.fromarray, pictures)
    with atomic_path(stem.with_name(stem.name + ".gif")) as path:
        first.save(
            path, format="GIF", save_all=True, append_images=rest, duration=1000 // fps, loop=0
        )
