"""One style for every figure, and the few drawings that several notebooks share."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import ft2font
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from chain_of_steps.artifacts import write_table
from chain_of_steps.files import atomic_path, digest_file, inside, read_json, write_json
from chain_of_steps.manifests import package_versions
from chain_of_steps.tasks import task_of
from chain_of_steps.video import read_image

COLUMN = 3.4  # inches, one column of a two-column paper
PAGE = 7.0  # inches, the full width
FEW = 4  # fewer runs have no median, no percentile and no curve
_NAMES = ("blue", "orange", "green", "red", "purple", "brown", "pink", "grey")
COLOURS = dict(zip(_NAMES, sns.color_palette("colorblind"), strict=False))


def style() -> None:
    """Colour-blind safe colours, small readable type, the same in every notebook."""
    plt.rcdefaults()  # not what a matplotlibrc of the user says
    sns.set_theme(context="paper", style="ticks", palette="colorblind")
    plt.rcParams.update(
        {
            "font.size": 8,
            "axes.titlesize": 8,
            "axes.labelsize": 8,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.dpi": 110,
            "savefig.dpi": 220,
            "pdf.fonttype": 42,
        }
    )


def title(task: str) -> str:
    """What figures call a task. Raises UserError where the puzzles have none of this name."""
    return task_of(task).TITLE


def save_figure(
    figure: Figure,
    stem: Path,
    caption: str,
    inputs: Sequence[str],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Writes <stem>.png, .pdf, the caption as .md and the facts behind it as .json.

    inputs: the tables and pictures the figure was made from, relative to its folder.
    """
    caption = " ".join(caption.split())
    for suffix, options in ((".png", {}), (".pdf", {"metadata": {"CreationDate": None}})):
        with atomic_path(stem.with_suffix(suffix)) as path:
            figure.savefig(path, bbox_inches="tight", **options)
    with atomic_path(stem.with_suffix(".md")) as path:
        path.write_text(textwrap.fill(caption, 100) + "\n", encoding="utf-8")
    _write_facts(stem, caption, inputs, facts or {})


def save_table(table: pd.DataFrame, stem: Path, note: str, inputs: Sequence[str]) -> None:
    """Writes <stem>.csv, .tex, the table with its note as .md, and the facts as .json."""
    note = " ".join(note.split())
    write_table(stem.with_suffix(".csv"), table)
    cells = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    with atomic_path(stem.with_suffix(".md")) as path:
        path.write_text("\n".join([*lines, "", textwrap.fill(note, 100), ""]), encoding="utf-8")
    with atomic_path(stem.with_suffix(".tex")) as path:
        columns = "l" * table.shape[1]
        rows = [_tex_row(row) for i, row in enumerate(cells) if i != 1]
        body = [rows[0], "\\midrule", *rows[1:]]
        parts = [f"% {note}", f"\\begin{{tabular}}{{{columns}}}", "\\toprule", *body]
        path.write_text("\n".join([*parts, "\\bottomrule", "\\end{tabular}", ""]), encoding="utf-8")
    _write_facts(stem, note, inputs, {})


def _write_facts(stem: Path, caption: str, inputs: Sequence[str], facts: Mapping[str, Any]) -> None:
    """<stem>.json: with them the digest of each input, and what this process draws with."""
    content = {
        "caption": caption,
        "inputs": list(inputs),
        "facts": dict(facts),
        "digests": {name: digest_file(inside(stem.parent, name)) for name in inputs},
        "versions": drawing_versions(),
    }
    write_json(stem.with_suffix(".json"), content)


def drawing_versions() -> dict[str, str]:
    """Versions of the packages and libraries that draw and decode in this process."""
    libraries = {name: ".".join(map(str, found)) for name, found in av.library_versions.items()}
    return {**package_versions(), "freetype": ft2font.__freetype_version__, **libraries}


def _tex_row(cells: Sequence[str]) -> str:
    escaped = (re.sub(r"([&%$#_{}])", r"\\\1", cell) for cell in cells)
    return " & ".join(escaped) + r" \\"


LEVELS = (0.95, 0.76, 0.32, 0.02)  # noise levels that axes name


def label_steps(axis: Axes, sigmas: Sequence[float]) -> Axes:
    """Makes an x axis of steps 0 .. N even in log-SNR: sigma below, on a second axis the steps."""
    steps, snr = np.arange(-1, len(sigmas) + 1), log_snr(sigmas)
    places = np.array([snr[0] - 1, *snr, snr[-1] + 1])  # beyond both ends, straight on
    maps = (
        lambda step: np.interp(step, steps, places),
        lambda place: np.interp(place, places, steps),
    )
    top = axis.twiny()
    top.spines["top"].set_visible(True)
    wanted = {int(np.abs(np.asarray(sigmas[:-1]) - level).argmin()) for level in LEVELS}
    inch = np.ptp(snr) / (axis.get_position().width * axis.figure.get_figwidth())
    marks: list[int] = []
    for mark in [*sorted(wanted), len(sigmas) - 1]:  # those whose labels do not touch
        if not marks or snr[mark] - snr[marks[-1]] > 0.4 * inch:
            marks.append(mark)
    for one, labels in ((axis, [f"{sigmas[mark]:.2g}" for mark in marks]), (top, marks)):
        one.set_xscale("function", functions=maps)
        one.set_xticks(marks, map(str, labels))
        one.set_xlim(-0.5, len(sigmas) - 0.5)
    top.tick_params(labelsize=6, pad=1)
    return top


def log_snr(sigma: float | np.ndarray) -> np.ndarray:
    """2 ln((1 - sigma) / sigma): how much of a latent is signal.

    Sigma is taken as at least 0.002 and at most 0.998, so that pure noise has a place on an axis.
    """
    sigma = np.clip(np.asarray(sigma, float), 0.002, 0.998)
    return 2 * (np.log(1 - sigma) - np.log(sigma))


def label_levels(axis: Axes, sigmas: Sequence[float], levels: Sequence[float] = LEVELS) -> Axes:
    """Names sigma on an x axis in log-SNR, and the steps nearest to it on a second axis on top."""
    inner = np.asarray(sigmas[:-1], float)
    steps = [int(np.abs(inner - level).argmin()) for level in levels]
    axis.set_xticks(log_snr(levels), [f"{level:g}" for level in levels])
    top = axis.secondary_xaxis("top")
    top.set_xticks(log_snr(levels), [str(step) for step in steps])
    top.tick_params(labelsize=6, pad=1)
    return top


def band(
    axis: Axes, rows: pd.DataFrame, colour, label: str | None = None, x: str = "step", **line
) -> None:
    """A mean over steps, or another column `x`, with its interval; the label alone without rows."""
    rows = rows.sort_values(x)[[x, "mean", "low", "high"]].astype(float)
    axis.plot(rows[x], rows["mean"], color=colour, label=label, lw=1.2, **line)
    axis.fill_between(rows[x], rows["low"], rows["high"], color=colour, alpha=0.2, lw=0)


def margin_labels(axis: Axes, marks: Mapping[str, float], gap: float) -> None:
    """Names values beside the right edge of an axis, at least `gap` (in data units) apart."""
    place = -np.inf
    for name, value in sorted(marks.items(), key=lambda mark: mark[1]):
        place = max(value, place + gap)
        axis.annotate(
            name,
            (1, value),
            (1.06, place),
            xycoords=("axes fraction", "data"),
            fontsize=7,
            va="center",
            arrowprops={"arrowstyle": "-", "color": "0.6", "lw": 0.5, "shrinkA": 0, "shrinkB": 0},
        )


def shows(values: ArrayLike = (), least: float = 0.0, n: int | None = None) -> bool:
    """Whether a panel shows more than a sentence says, which then stands in its place.

    n: the runs behind it, of which it takes FEW. values: its numbers, if any are given, which have
    to differ by `least`; nan counts for none.
    """
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    few = n is not None and n < FEW
    return not few and bool(np.ptp(known) >= least if len(known) else least <= 0)


def sentence(text: str) -> Figure:
    """A figure that says in words what there is nothing to draw of."""
    figure = plt.figure(figsize=(PAGE, 0.8))
    figure.text(0.5, 0.5, textwrap.fill(text, 90), ha="center", va="center", fontsize=9)
    return figure


def load_examples(folder: Path, figure: str) -> list[dict[str, Any]]:
    """The example runs of one figure, each with its film sheet as `sheet`."""
    entries = [e for e in read_json(folder / "examples.json") if e["figure"] == figure]
    return [{**entry, "sheet": read_image(inside(folder, entry["file"]))} for entry in entries]


def still(example: Mapping[str, Any], row: int, column: int = -1) -> np.ndarray:
    """One picture of a film sheet (H, W, 3), by default the last frame of the row."""
    sheet, rows, columns = example["sheet"], len(example["steps"]), len(example["frames"])
    height, width = sheet.shape[0] // rows, sheet.shape[1] // columns
    top, left = row % rows * height, column % columns * width
    return sheet[top : top + height, left : left + width]


def film(axis: Axes, example: Mapping[str, Any], *, row_labels: bool = True, gap: int = 3) -> None:
    """A film sheet with rows labelled by step and sigma, columns by frame."""
    rows, frames = len(example["steps"]), example["frames"]
    sheet = _with_gaps(example["sheet"], rows, len(frames), gap)
    axis.imshow(sheet, interpolation="nearest")
    height, width = sheet.shape[0] / rows, sheet.shape[1] / len(frames)
    axis.set_xticks([(i + 0.5) * width for i in range(len(frames))], frames)
    labels = [
        "result" if sigma == 0 else f"step {step}, σ {sigma:.3f}"
        for step, sigma in zip(example["steps"], example["sigmas"], strict=True)
    ]
    axis.set_yticks([(i + 0.5) * height for i in range(rows)], labels if row_labels else [])
    axis.tick_params(length=0, labelsize=6, pad=2)
    sns.despine(ax=axis, left=True, bottom=True)


def held_open(example: Mapping[str, Any]) -> list[str]:
    """The number of candidates of each row of a film; a dash where nothing is readable."""
    return ["–" if n is None else f"{n:.1f}" for n in example["n_candidates"]]


def beside(axis: Axes, texts: Sequence[str]) -> None:
    """Texts to the right of the rows of a film, one a row."""
    height, width = axis.get_images()[0].get_array().shape[:2]
    for row, text in enumerate(texts):
        axis.text(width + 4, (row + 0.5) * height / len(texts), text, fontsize=6, va="center")


def _with_gaps(sheet: np.ndarray, rows: int, columns: int, gap: int) -> np.ndarray:
    height, width = sheet.shape[0] // rows, sheet.shape[1] // columns
    # grey, so that pictures with a light edge stay apart
    spaced = np.full((rows * (height + gap), columns * (width + gap), 3), 205, dtype=sheet.dtype)
    for i in range(rows):
        for j in range(columns):
            picture = sheet[i * height : (i + 1) * height, j * width : (j + 1) * width]
            spaced[
                i * (height + gap) : i * (height + gap) + height,
                j * (width + gap) : j * (width + gap) + width,
            ] = picture
    return spaced
