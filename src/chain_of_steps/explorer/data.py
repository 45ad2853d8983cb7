"""The data of the explorer: what its page shows of every run, as pictures and scripts.

Browsers refuse to fetch files from disk but load scripts and images from anywhere. So the data of
a case is JSON inside one call of a function (`<case>.js`), and the pictures of a run are one image,
its film: a row for each look (the clean estimates of steps 0 .. N-1, then the result), a column for
each shown frame. The page draws from the film, so scrubbing and playing need no video decoder.

Clean runs are those of the study. Under noise only end results are stored, so a few runs are
forked anew here; rows before the noise are those of the clean run and are not drawn twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.cka import compare
from chain_of_steps.errors import UserError
from chain_of_steps.explorer.publish import INDEX, write_script
from chain_of_steps.explorer.settings import Explorer
from chain_of_steps.files import atomic_path, write_json
from chain_of_steps.interventions import Noise, NoiseAtFrame, NoiseAtStep, by_row
from chain_of_steps.measures import commitment
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Runs, batches, edits_of, looks_of, read_trajectory, rerun
from chain_of_steps.tasks import task_of
from chain_of_steps.trajectory import Recorder, Trajectory
from chain_of_steps.video import read_mp4, to_uint8

CLEAN = "clean"
WEBP_SIDE = 16383  # pixels; the format's limit
FRAMES = 21  # columns of a film at most
# What a reader says of each look of a run, and where the run commits.
READINGS = ("answer", "correct", "score", "candidates", "evidence", "commitment")


def intervention(name: str, n_steps: int, n_latent_frames: int) -> Noise:
    """The noise called step-<k> or frame-<latent frame>. Raises UserError for others."""
    kind, _, number = name.partition("-")
    kinds = {"step": NoiseAtStep, "frame": NoiseAtFrame}
    if kind not in kinds or not number.isdecimal():
        raise UserError(f"noise is {name!r}: write step-<number> or frame-<number>, from 0.")
    noise = kinds[kind](**{kind: int(number)})
    noise.validate(n_steps, n_latent_frames)
    return noise


def interventions(settings: Explorer, n_steps: int, n_latent_frames: int) -> list[str]:
    """Names of the noise that the section `explorer` asks for, as shares of a run."""
    steps = {int(share * n_steps) for share in settings.noise_at_steps}
    frames = {round(share * (n_latent_frames - 1)) for share in settings.noise_at_frames}
    return [*(f"step-{k}" for k in sorted(steps)), *(f"frame-{f}" for f in sorted(frames))]


def perturbed(
    model: VideoModel, clean: Trajectory, cases: Sequence[Case], noise: Noise
) -> tuple[Trajectory, int]:
    """The runs of `clean` again under noise, all steps stored, and the NFE it took."""
    runs, start, nfe = Runs.stored(model, clean, cases), noise.first_step, 0
    x, estimates = clean.x.clone(), clean.clean.clone()
    for rows in batches(clean.runs, clean.made_by["batch"]):
        some, recorder = clean.select(rows), Recorder()
        condition, edit = runs.select(rows).condition(), by_row(edits_of(noise, some))
        end, spent = rerun(model, condition, some, start, edit=edit, watch=recorder)
        x[rows, start:], estimates[rows, start:] = recorder.stacked(end)
        nfe += spent
    return replace(clean, x=x, clean=estimates), nfe


def shown_frames(n_frames: int, most: int = FRAMES) -> list[int]:
    """Pixel frames of a film: all, or `most` at equal distances with the first and the last."""
    return np.unique(np.linspace(0, n_frames - 1, min(n_frames, most)).round().astype(int)).tolist()


def picture_size(
    height: int, width: int, looks: int, columns: int, longest: int
) -> tuple[int, int]:
    """(h, w) of a picture in a film: its longer side at most `longest`, the film storable."""
    scale = min(
        1.0,
        longest / max(height, width),
        WEBP_SIDE / (looks * height),
        WEBP_SIDE / (columns * width),
    )
    return max(1, math.floor(height * scale)), max(1, math.floor(width * scale))


def film(
    model: VideoModel, looks: Tensor, frames: Sequence[int], size: tuple[int, int]
) -> Image.Image:
    """Pictures of `looks` (S, C, F, h, w) as one image: rows are looks, columns are frames."""
    height, width = size
    sheet = Image.new("RGB", (width * len(frames), height * len(looks)))
    for row, look in enumerate(looks):
        pictures = to_uint8(model.decode(look[None], frames=frames)[0].cpu().numpy())
        for column, picture in enumerate(pictures):
            sheet.paste(_shrunk(picture, size), (column * width, row * height))
    return sheet


def case_sheet(case: Case, frames: Sequence[int], size: tuple[int, int]) -> Image.Image:
    """The ground truth's frames in the first row, then every candidate answer's picture.

    A candidate is shown at the last key frame of its task, where candidates always differ. Cases
    that are no puzzles have no candidates, and in place of a missing truth the first frame.
    """
    columns, (height, width) = len(frames), size
    truth, pictures = _known(case)
    if truth is None:
        truth = np.asarray(case.image)[None].repeat(columns, 0)
    else:
        truth = truth[[min(frame, len(truth) - 1) for frame in frames]]
    rows = 1 + math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (width * columns, height * rows), "white")
    for column, picture in enumerate(truth):
        sheet.paste(_shrunk(to_uint8(picture), size), (column * width, 0))
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        sheet.paste(_shrunk(to_uint8(picture), size), (column * width, (row + 1) * height))
    return sheet


def _known(case: Case) -> tuple[np.ndarray | None, list[np.ndarray]]:
    """The video that a case asks for, if there is one, and a picture of each candidate answer."""
    if not case.is_puzzle:
        path = case.folder / "ground_truth.mp4"
        return (read_mp4(path) if path.is_file() else None), []
    puzzle, task = case.puzzle, task_of(case.puzzle.task)
    movies = [task.movie(puzzle, candidate) for candidate in range(len(puzzle.candidates))]
    board, drawing = puzzle.board, case.drawing
    last = board.frame(task.KEY_FRAMES[-1])
    return drawing.film(puzzle), [drawing.picture(movie[last], board) for movie in movies]


def explore_shard(
    folder: Path,
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    readouts: pd.DataFrame | None,
    *,
    noisy_cases: Sequence[Case],
    noises: Sequence[str],
    settings: Explorer,
    maps: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
) -> int:
    """Writes the data of the runs of `trajectory` into `folder`; returns the NFE.

    trajectory: the clean runs to show, of `cases`. readouts: their looks, as `read_trajectory`
    gives them; None for cases that are no puzzles. noisy_cases: those whose runs of the first seed
    are also shown under `noises`. settings: the section `explorer`. maps: the table token_maps, for
    the overlay. scores: those of videos by VBVR-Bench, as `score_videos` gives them. Besides
    scripts and pictures there is runs.json, from which the page lists its runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not cases:  # a small shard may hold none that is shown
        write_json(folder / INDEX, {"cases": []})
        return 0
    frames = shown_frames(trajectory.made_by["frames"])
    width, height = cases[0].image.size
    size = picture_size(height, width, trajectory.n_steps + 1, len(frames), settings.pixels)
    show = {"frames": frames, "size": size, "quality": settings.quality}
    runs = _runs(folder, model, trajectory, readouts, CLEAN, 0, **show)
    if scores is not None:
        mine = scores[scores["model"].isin(trajectory.runs["model"])]
        for key, said in bench(mine, trajectory.n_steps).items():
            for run in runs:
                if (run["case"], run["seed"]) == key:
                    run["bench"] = said
    names, nfe = {case.name for case in noisy_cases}, 0
    first_seed = trajectory.runs["seed"] == trajectory.runs["seed"].iloc[0]
    rows = np.flatnonzero(trajectory.runs["case"].isin(names) & first_seed)
    for name in noises if len(rows) else ():
        clean = trajectory.select(rows)
        noise = intervention(name, clean.n_steps, clean.x.shape[3])
        noisy, spent = perturbed(model, clean, noisy_cases, noise)
        read = None if readouts is None else read_trajectory(model, noisy, noisy_cases)
        start = noise.first_step
        runs += _runs(folder, model, noisy, read, name, start, clean=clean, **show)
        nfe += spent
    for case in cases:
        mine = [run for run in runs if run["case"] == case.name]
        _write_case(folder, case, mine, maps, **show)
    facts = {
        "sigmas": [round(sigma, 5) for sigma in trajectory.sigmas.tolist()],
        "cases": [
            {**_summary(case, runs, maps), "frames": frames, "size": list(size)} for case in cases
        ],
    }
    write_json(folder / INDEX, facts)
    return nfe


def stem_of(case: str) -> str:
    """A case's name as a file name: in-domain/maze/00003 -> in-domain-maze-00003."""
    return case.replace("/", "-")


def _runs(
    folder: Path,
    model: VideoModel,
    trajectory: Trajectory,
    readouts: pd.DataFrame | None,
    name: str,
    start: int,
    *,
    frames: Sequence[int],
    size: tuple[int, int],
    quality: int,
    clean: Trajectory | None = None,
) -> list[dict[str, Any]]:
    """Films of all runs of a trajectory from look `start` on, and what the page says of them.

    dissimilarity is 1 - CKA of each look to the run's own result; under noise, to the same look
    of the clean run.
    """
    readings = {} if readouts is None else _readings(readouts)
    runs = []
    for row, run in enumerate(trajectory.runs.itertuples()):
        looks = looks_of(trajectory, row)
        other = looks[-1:] if clean is None else looks_of(clean, row)
        content = {
            "case": run.case,
            "seed": run.seed,
            "with": name,
            "start": start,
            **readings.get((run.case, run.seed), dict.fromkeys(READINGS)),
            "dissimilarity": _rounded(compare(looks, other.expand_as(looks))[0], 4),
        }
        picture = film(model, looks[start:], frames, size)
        content["film"] = f"{stem_of(run.case)}-{run.seed}-{name}.webp"
        _write_webp(folder / content["film"], picture, quality)
        runs.append(content)
    return runs


def _readings(readouts: pd.DataFrame) -> dict[tuple[str, int], dict[str, Any]]:
    """READINGS of each run by case and seed."""
    committed = commitment(readouts).set_index(["case", "seed"])["commitment"]
    return {
        run: {
            "answer": table["answer"].tolist(),
            "correct": table["correct"].astype(int).tolist(),
            "score": _rounded(table["score"]),
            "candidates": _rounded(table["n_candidates"]),
            "evidence": [_rounded(weights) for weights in table["evidence"]],
            "commitment": _rounded([committed[run]])[0],
        }
        for run, table in readouts.sort_values("step").groupby(["case", "seed"])
    }


def bench(scores: pd.DataFrame, n_steps: int) -> dict[tuple[str, int], dict[str, Any]]:
    """What the scorers of VBVR-Bench say of the clean runs of a model, by case and seed.

    Look -> one entry a scorer: by (its name), score or null, reason (why there is none), details
    (what it says beside the score).
    """
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for row in scores[scores["condition"].isin(("clean", "steps"))].to_dict("records"):
        look = n_steps if row["condition"] == "clean" else int(row["step"])
        said = found.setdefault((row["case"], int(row["seed"])), {})[str(look)] = []
        for value, before in (("score", ""), ("pro", "pro_")):
            if isinstance(row[f"{before}scorer"], str):
                reason, details = row[f"{before}reason"], row[f"{before}details"]
                said.append(
                    {
                        "by": row[f"{before}scorer"],
                        "score": _rounded([row[value]], 4)[0],
                        "reason": reason if isinstance(reason, str) else None,
                        "details": json.loads(details) if isinstance(details, str) else None,
                    }
                )
    return found


def _write_case(
    folder: Path,
    case: Case,
    runs: Sequence[Mapping[str, Any]],
    maps: pd.DataFrame | None,
    *,
    frames: Sequence[int],
    size: tuple[int, int],
    quality: int,
) -> None:
    stem = stem_of(case.name)
    _write_webp(folder / f"{stem}.webp", case_sheet(case, frames, size), quality)
    content = {
        "case": case.name,
        "prompt": case.prompt,
        "sheet": f"{stem}.webp",
        "n": len(case.puzzle.candidates) if case.is_puzzle else 0,
        "solutions": case.puzzle.solutions if case.is_puzzle else [],
        "truth": (case.folder / "ground_truth.mp4").is_file(),
        "runs": [{key: value for key, value in run.items() if key != "case"} for run in runs],
        "energy": None,
    }
    if maps is not None and len(mine := maps[maps["case"] == case.name]):
        content["energy"] = f"{stem}.energy.js"
        write_script(folder / content["energy"], "energy", {"case": case.name, **energy(mine)})
    write_script(folder / f"{stem}.js", "add", content)


def energy(maps: pd.DataFrame) -> dict[str, Any]:
    """The overlay of one run: its seed, steps, layers, token grid, and values by step and layer.

    A value is 100 log2 of a token's energy over the median of its layer and step, as a whole
    number in (F, h, w) order: layers differ a hundredfold, and so can still be compared.
    """
    maps = maps[(maps["branch"] == "cond") & (maps["seed"] == maps["seed"].min())]
    values = {}
    for (step, layer), tokens in maps.groupby(["step", "layer"]):
        tokens = tokens.sort_values(["frame", "row", "column"])
        ratio = np.log2(tokens["energy"] / tokens["energy"].median())
        values.setdefault(str(step), {})[str(layer)] = (100 * ratio).round().astype(int).tolist()
    return {
        "seed": int(maps["seed"].iloc[0]),
        "grid": [int(maps[name].max()) + 1 for name in ("frame", "row", "column")],
        "values": values,
    }


def _summary(
    case: Case, runs: Sequence[Mapping[str, Any]], maps: pd.DataFrame | None
) -> dict[str, Any]:
    """What the page must know of a case before it is opened: its runs and how they end."""
    return {
        "case": case.name,
        "task": case.task,
        "split": case.split,
        "energy": maps is not None and case.name in set(maps["case"]),
        "runs": [
            {
                "seed": run["seed"],
                "with": run["with"],
                "right": run["correct"] and run["correct"][-1],
                "answers": len({answer for answer in run["answer"] or () if answer >= 0}),
            }
            for run in runs
            if run["case"] == case.name
        ],
    }


def _shrunk(picture: np.ndarray, size: tuple[int, int]) -> Image.Image:
    image = Image.fromarray(picture)
    if picture.shape[:2] != size:
        image = image.resize(size[::-1], Image.Resampling.BOX)
    return image


def _rounded(values, digits: int = 3) -> list[float | None]:
    """Plain numbers, None for nan."""
    numbers = np.asarray(values, dtype=float).round(digits) + 0.0  # no minus zero
    return [None if math.isnan(number) else number for number in numbers.tolist()]


def _write_webp(path: Path, image: Image.Image, quality: int) -> None:
    with atomic_path(path) as temporary:
        image.save(temporary, format="WEBP", quality=quality, method=2)
