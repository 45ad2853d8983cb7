"""Measures a model on unseen cases and writes its card beside the weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.artifacts import write_table
from chain_of_steps.files import atomic_path, read_json
from chain_of_steps.measures import reach_of
from chain_of_steps.models.model import VideoModel
from chain_of_steps.pocket.settings import Card
from chain_of_steps.progress import progress
from chain_of_steps.runs import Drawn, Runs
from chain_of_steps.sampling import sample
from chain_of_steps.settings.sampler import Sampler
from chain_of_steps.statistics.rates import mean_or_rate_ci, wilson
from chain_of_steps.statistics.resampling import STANDARD, Resampling
from chain_of_steps.statistics.text import interval_text
from chain_of_steps.tasks import in_order, stream
from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.observe import Observer, kept_from
from chain_of_steps.tasks.puzzle import SPLITS, Puzzle
from chain_of_steps.tasks.reader import ACCEPT
from chain_of_steps.tasks.scene import TILE

SEED = "card"  # a stream of its own: not the cases of any study


class HasCard(Protocol):
    """What `write_card` reads: a view with these sections."""

    @property
    def card(self) -> Card: ...

    @property
    def sampler(self) -> Sampler: ...


def solve(
    model: VideoModel, puzzles: list[Puzzle], *, steps: int, shift: float, n_frames: int
) -> list[dict[str, Any]]:
    """One run for each puzzle: a row of task, split, need and what the run shows.

    first, correct: whether the clean estimate of step 0, the result, is accepted as right; leading:
    whether a right answer leads at step 0; answered: whether the result is accepted as any. leads,
    accepted: the sigma of the step from which the result's answer leads, is accepted, to the end.
    """
    table = pd.DataFrame({"seed": range(len(puzzles))})
    runs = Runs(model, table, [Drawn.of(puzzle) for puzzle in puzzles], n_frames)
    sigmas = model.sigmas(steps, shift)
    looks: list[Tensor] = []
    last = sample(
        model.velocity(runs.condition()),
        runs.noise(),
        sigmas,
        watch=lambda state: looks.append(state.clean.clone()),
    )
    every = torch.stack([*looks, last])
    rows = []
    for number, puzzle in enumerate(puzzles):
        observer = Observer(puzzle)
        frames = model.decode(every[:, number], frames=observer.frames).numpy()
        found = observer.read(frames)
        right = [np.isin(answer, puzzle.solutions) for answer in (found.leads, found.accepted)]
        decided = [
            sigmas[int(kept_from((answer == found.accepted[-1])[:, None])[0].clip(max=steps))]
            for answer in (found.leads, found.accepted)
        ]
        rows.append(
            {
                "task": puzzle.task,
                "split": puzzle.split,
                "need": puzzle.need,
                "leading": bool(right[0][0]),
                "first": bool(right[1][0]),
                "correct": bool(right[1][-1]),
                "answered": bool(found.accepted[-1] >= 0),
                "leads": float(decided[0]),
                "accepted": float(decided[1]),
            }
        )
    return rows


def accuracy_table(rows: list[dict[str, Any]], resampling: Resampling = STANDARD) -> pd.DataFrame:
    """A row for each task and split, of runs that `solve` gives.

    n; accuracy, of results, with low, high (95 % Wilson); first and leading, of step 0; gain from
    first to accuracy with gain_low, gain_high; no_answer; reach, for which see `reach_of`;
    beyond: the right runs whose need is greater than that, or all right ones where there is none,
    and their median leads and accepted.
    """
    table = []
    for (task, split), group in pd.DataFrame(rows).groupby(["task", "split"], sort=False):
        share = wilson(int(group["correct"].sum()), len(group))
        changes = group.assign(
            gain=group["correct"].astype(float) - group["first"], run=range(len(group))
        )
        by = mean_or_rate_ci(changes, "task", "gain", "run", resampling=resampling, signed=True)
        gain = next(by.itertuples())
        reach = reach_of(group["need"], group["first"])
        beyond = group[group["correct"] & ~(group["need"] <= reach)]
        table.append(
            {
                "task": task,
                "split": split,
                "n": len(group),
                "accuracy": share.mean,
                "low": share.low,
                "high": share.high,
                "first": group["first"].mean(),
                "leading": group["leading"].mean(),
                "gain": gain.mean,
                "gain_low": gain.low,
                "gain_high": gain.high,
                "no_answer": 1 - group["answered"].mean(),
                "reach": reach,
                "beyond": len(beyond),
                "leads": beyond["leads"].median(),
                "accepted": beyond["accepted"].median(),
            }
        )
    return pd.DataFrame(table)


def need_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A row for each task, split and need: n, and shares leading, first and correct."""
    groups = pd.DataFrame(rows).groupby(["task", "split", "need"], sort=False)
    shares = groups[["leading", "first", "correct"]].mean()
    return shares.assign(n=groups.size()).reset_index().sort_values(["task", "split", "need"])


def write_card(folder: Path, model: VideoModel, settings: HasCard) -> None:
    """Writes accuracy.csv, needs.csv and README.md into the model's folder.

    Raises UserError when the folder has no training.json.
    """
    card, batch = settings.card, 50
    record = read_json(folder / "training.json")
    board = board_of(record)
    rows = []
    todo = list(itertools.product(card.tasks or tasks_of(record), SPLITS))
    for task, split in progress(todo, desc="card", unit="tasks"):
        n = card.cases if split == SPLITS[0] else card.elsewhere or card.cases
        puzzles = list(itertools.islice(stream(task, split, "evaluation", SEED, board), n))
        for first in range(0, n, batch):
            rows += solve(
                model,
                puzzles[first : first + batch],
                steps=card.steps,
                shift=settings.sampler.shift,
                n_frames=board.frames,
            )
    table = accuracy_table(rows)
    write_table(folder / "accuracy.csv", table)
    write_table(folder / "needs.csv", need_table(rows))
    with atomic_path(folder / "README.md") as path:
        path.write_text(card_text(model.name, record, table, card.steps), encoding="utf-8")


def board_of(record: Mapping[str, Any]) -> Board:
    """The board a model was trained on; older records are of the default one."""
    return Board(**record["stages"][0]["config"].get("board", {}))


def tasks_of(record: Mapping[str, Any]) -> list[str]:
    """The tasks a model was trained on."""
    return in_order({task for phase in record["stages"] for task in phase["config"]["mix"]})


def card_text(name: str, record: dict[str, Any], table: pd.DataFrame, steps: int) -> str:
    """The card in Markdown; every number comes from the training record and the table."""
    phases = record["stages"]
    board = board_of(record)
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
        f"{steps} Euler steps, one seed a puzzle, 95 % intervals (Wilson's, and of the mean",
        "difference by bootstrap). An answer is exact where it is accepted: its weight exceeds",
        f"{ACCEPT:g} on every tile. It leads where its evidence is largest. Gain: from step 0 to",
        "the result. Reach: the need at which half of the runs are exact at step 0 (none where it",
        "is not crossed). Sigma: from which the answer of exact runs with a need beyond the reach",
        "leads, and is accepted, to the end (median). Mean over tasks: "
        + ", ".join(f"{split} {means[split]:.3f}" for split in SPLITS if split in means)
        + ". By need: needs.csv.",
        "",
        "| task | split | n | exact at the end | leads at step 0 | exact at step 0 | gain "
        "| no answer | reach | sigma: leads | accepted |",
        "| --- " * 11 + "|",
    ]
    lines += [
        f"| {row.task} | {row.split} | {row.n} | {row.accuracy:.3f} "
        f"{interval_text(row.low, row.high, '.3f')} | {row.leading:.3f} | {row.first:.3f} | "
        f"{row.gain:.3f} {interval_text(row.gain_low, row.gain_high, '.3f')} | "
        f"{row.no_answer:.3f} | {_number(row.reach, '.1f')} | {_number(row.leads, '.2f')} | "
        f"{_number(row.accepted, '.2f')} |"
        for row in table.itertuples()
    ]
    return "\n".join([*lines, ""])


def _number(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)


def _phase_row(number: int, phase: dict[str, Any]) -> str:
    losses = pd.Series([mark["loss"] for mark in phase["log"]])
    curve = [stretch.mean() for stretch in np.array_split(losses, min(8, len(losses)))]
    mix = ", ".join(f"{task} {weight:g}" for task, weight in phase["config"]["mix"].items())
    text = ", ".join(f"{loss:.3f}" for loss in curve)
    return f"| {number} | {phase['steps']} | {phase['config']['steps']} | {text} | {mix} |"
