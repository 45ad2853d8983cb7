"""Measures a model on unseen cases and writes its card beside the weights."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from chain_of_steps.artifacts import write_table
from chain_of_steps.files import atomic_path, read_json
from chain_of_steps.models.model import VideoModel
from chain_of_steps.pocket.settings import Card
from chain_of_steps.progress import progress
from chain_of_steps.runs import Drawn, Runs, read_looks
from chain_of_steps.sampling import sample
from chain_of_steps.settings.cases import Cases
from chain_of_steps.settings.sampler import Sampler
from chain_of_steps.settings.video import Video
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.text import interval_text
from chain_of_steps.tasks import stream
from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.scene import TILE

SEED = "card"  # a stream of its own: not the cases of any study


class HasCard(Protocol):
    """What `write_card` reads: a view with these sections."""

    @property
    def card(self) -> Card: ...

    @property
    def cases(self) -> Cases: ...

    @property
    def sampler(self) -> Sampler: ...

    @property
    def video(self) -> Video: ...


def solve(
    model: VideoModel, puzzles: list[Puzzle], *, steps: int, shift: float, n_frames: int
) -> list[dict[str, Any]]:
    """One run for each puzzle; rows of task, split, correct, score, answered."""
    table = pd.DataFrame({"seed": range(len(puzzles))})
    runs = Runs(model, table, [Drawn.of(puzzle) for puzzle in puzzles], n_frames)
    latents = sample(model.velocity(runs.condition()), runs.noise(), model.sigmas(steps, shift))
    found = read_looks(model, runs.readers(), latents[None])
    return [
        {
            "task": puzzle.task,
            "split": puzzle.split,
            "correct": bool(found["correct"][0, row]),
            "score": float(found["score"][0, row]),
            "answered": bool(found["answer"][0, row] >= 0),
        }
        for row, puzzle in enumerate(puzzles)
    ]


def accuracy_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Exact answers for each task and split: n, accuracy, low, high (95 % Wilson), score."""
    table = []
    for (task, split), group in pd.DataFrame(rows).groupby(["task", "split"], sort=False):
        right, n = int(group["correct"].sum()), len(group)
        share = wilson(right, n)
        table.append(
            {
                "task": task,
                "split": split,
                "n": n,
                "accuracy": share.mean,
                "low": share.low,
                "high": share.high,
                "score": group["score"].mean(),
                "no_answer": 1 - group["answered"].mean(),
            }
        )
    return pd.DataFrame(table)


def write_card(folder: Path, model: VideoModel, settings: HasCard) -> None:
    """Writes accuracy.csv and README.md into the model's folder.

    Raises UserError when the folder has no training.json.
    """
    n, steps, batch = settings.card.cases, settings.card.steps, 50
    record = read_json(folder / "training.json")
    board = Board(**settings.cases.board.model_dump())
    rows = []
    todo = list(itertools.product(settings.cases.tasks, SPLITS))
    for task, split in progress(todo, desc="card", unit="tasks"):
        puzzles = list(itertools.islice(stream(task, split, "evaluation", SEED, board), n))
        for first in range(0, n, batch):
            rows += solve(
                model,
                puzzles[first : first + batch],
                steps=steps,
                shift=settings.sampler.shift,
                n_frames=settings.video.frames,
            )
    table = accuracy_table(rows)
    write_table(folder / "accuracy.csv", table)
    with atomic_path(folder / "README.md") as path:
        path.write_text(card_text(model.name, record, table, steps), encoding="utf-8")


def card_text(name: str, record: dict[str, Any], table: pd.DataFrame, steps: int) -> str:
    """The card in Markdown; every number comes from the training record and the table."""
    phases = record["stages"]
    board = Board(**phases[0]["config"].get("board", {}))  # older records are of the default one
    size = f"{board.columns * TILE} x {board.rows * TILE}"
    minutes = sum(phase["minutes"] for phase in phases)
    puzzles = sum(phase["steps"] * phase["config"]["batch"] for phase in phases)
    means = table.groupby("split")["accuracy"].mean()
    lines = [
        f"# {name}",
        "",
        "A small video diffusion transformer that solves procedural puzzles: the classes of",
        "Wan2.2 image-to-video (`WanTransformer3DModel`, `UMT5EncoderModel`,",
        "`WanImageToVideoPipeline`) with a linear codec. Load it with",
        "`WanImageToVideoPipeline.from_pretrained` after `import chain_of_steps`; call it with",
        f"`max_sequence_length={record['text_tokens']}`, `guidance_scale=1.0`, {size} pixels",
        f"and {board.frames} frames. Written by `cos card`; no number in it is typed by hand.",
        "",
        "## Training",
        "",
        "| | |",
        "| --- | --- |",
        f"| parameters | {record['parameters'] / 1e6:.2f} million |",
        "| data | endless in-domain puzzles drawn by `chain_of_steps.tasks`; no puzzle of the |",
        "| | evaluation pool, no out-of-domain puzzle |",
        f"| puzzles seen | {puzzles:,} |",
        f"| minutes | {minutes:.0f} on {phases[0]['config']['threads']} CPU cores |",
        f"| torch | {record['torch']} |",
        "",
        "| stage | steps | of | loss, smoothed, along the stage | mix of puzzles |",
        "| --- | --- | --- | --- | --- |",
        *(_phase_row(number, phase) for number, phase in enumerate(phases, start=1)),
        "",
        "## Exact answers on unseen puzzles",
        "",
        f"{steps} Euler steps, one seed a puzzle, 95 % Wilson intervals. Mean over tasks: "
        + ", ".join(f"{split} {means[split]:.3f}" for split in SPLITS if split in means)
        + ".",
        "",
        "| task | split | n | exact | 95 % interval | mean score | no answer |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.task} | {row.split} | {row.n} | {row.accuracy:.3f} | "
        f"{interval_text(row.low, row.high, '.3f')} | {row.score:.3f} | {row.no_answer:.3f} |"
        for row in table.itertuples()
    ]
    return "\n".join([*lines, ""])


def _phase_row(number: int, phase: dict[str, Any]) -> str:
    losses = pd.Series([mark["loss"] for mark in phase["log"]])
    curve = [stretch.mean() for stretch in np.array_split(losses, min(8, len(losses)))]
    mix = ", ".join(f"{task} {weight:g}" for task, weight in phase["config"]["mix"].items())
    text = ", ".join(f"{loss:.3f}" for loss in curve)
    return f"| {number} | {phase['steps']} | {phase['config']['steps']} | {text} | {mix} |"
