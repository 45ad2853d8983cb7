"""What a run is: its row, what it is given, a shard of runs with all steps stored, its readings.

Everything an experiment does starts here. `Runs` says which runs there are and what each is given;
`batches` says which of them share a forward pass; `run_shard` makes them, `rerun` takes them up
again from a stored step; `read_looks` and `read_trajectory` read what they show.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.early import Early
from chain_of_steps.edits import Loop
from chain_of_steps.errors import UserError
from chain_of_steps.interventions import Noise, by_row
from chain_of_steps.models.condition import Condition
from chain_of_steps.models.decoders import Decoder
from chain_of_steps.models.model import VideoModel
from chain_of_steps.progress import progress
from chain_of_steps.sampling import Edit, Watch, cuts, sample, sample_by
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.observe import Observation, Observer, kept_from, observer_of
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.trajectory import Recorder, Trajectory
from chain_of_steps.video import to_uint8

# Which runs, and what each is given


@dataclass(frozen=True)
class Drawn:
    """What a run is given that is no case of the study: any first frame and prompt.

    puzzle: what its videos are read as; drawing: how it is drawn.
    """

    image: Image.Image
    prompt: str
    puzzle: Puzzle
    drawing: Drawing = DEFAULT_DRAWING

    @classmethod
    def of(
        cls,
        puzzle: Puzzle,
        picture: np.ndarray | None = None,
        drawing: Drawing = DEFAULT_DRAWING,
    ) -> Drawn:
        """The puzzle, or its prompt under another picture (H, W, 3) in [0, 1]."""
        picture = drawing.still(puzzle) if picture is None else picture
        return cls(Image.fromarray(to_uint8(picture)), drawing.words(puzzle), puzzle, drawing)


@dataclass(frozen=True)
class Runs:
    """Runs of a model, and what each is given.

    table: one row a run: model, case, task, split, seed. given: one a run; runs of one case share
    the object, and its first frame and prompt are encoded once. All have one size.
    """

    model: VideoModel
    table: pd.DataFrame
    given: Sequence[Case | Drawn]
    n_frames: int

    @classmethod
    def planned(
        cls, model: VideoModel, cases: Sequence[Case], seeds: Sequence[int], n_frames: int
    ) -> Runs:
        """Every case with every seed, cases first, then seeds."""
        pairs = [(case, seed) for case in cases for seed in seeds]
        rows = [
            {
                "model": model.name,
                "case": case.name,
                "task": case.task,
                "split": case.split,
                "seed": seed,
            }
            for case, seed in pairs
        ]
        return cls(model, pd.DataFrame(rows), [case for case, _ in pairs], n_frames)

    @classmethod
    def stored(cls, model: VideoModel, trajectory: Trajectory, cases: Sequence[Case]) -> Runs:
        """The runs of a trajectory; their cases are among `cases`."""
        by_name = {case.name: case for case in cases}
        given = [by_name[name] for name in trajectory.runs["case"]]
        return cls(model, trajectory.runs, given, trajectory.made_by["frames"])

    def __len__(self) -> int:
        return len(self.table)

    def select(self, rows: Sequence[int]) -> Runs:
        """The runs at `rows`, in that order; their table keeps its index."""
        return replace(self, table=self.table.iloc[rows], given=[self.given[row] for row in rows])

    def condition(self) -> Condition:
        """Text and first frame of each run, encoded."""
        distinct, at = self._distinct()
        images, prompts = [one.image for one in distinct], [one.prompt for one in distinct]
        return self.model.condition(images, prompts, self.n_frames).select(at)

    def readers(self) -> list[Observer]:
        """The reader of each run; runs of one case share theirs."""
        distinct, at = self._distinct()
        found = [observer_of(one) for one in distinct]
        return [found[number] for number in at]

    def noise(self) -> Tensor:
        """The first latents, (R, C, F, h, w)."""
        width, height = self.given[0].image.size
        return self.model.noise_batch(self.table["seed"].tolist(), self.n_frames, height, width)

    def latent_shape(self) -> tuple[int, int, int, int]:
        """(C, F, h, w) of a run's latent."""
        width, height = self.given[0].image.size
        return self.model.latent_shape(self.n_frames, height, width)

    def _distinct(self) -> tuple[list[Case | Drawn], list[int]]:
        """What is given, each once, and where in that list what each run is given stands."""
        distinct = {id(one): one for one in self.given}
        number = {key: n for n, key in enumerate(distinct)}
        return list(distinct.values()), [number[id(one)] for one in self.given]


def frames_of(cases: Sequence[Case], frames: int | None) -> int:
    """Frames of the videos of these cases, which share their tensors; `frames` for puzzles.

    Raises UserError where their sizes or numbers of frames differ.
    """
    shapes = {case.shape: case for case in cases}
    if len(shapes) > 1:
        (one, first), (other, second) = list(shapes.items())[:2]
        raise UserError(
            f"{first.name} has {one} and {second.name} has {other} (width, height, frames), but "
            "cases of one job must be alike: write execution.shard: 1, or video.frames and "
            "video.area that fit all."
        )
    return cases[0].frames or frames


def batches(table: pd.DataFrame, batch: int) -> Iterator[np.ndarray]:
    """Rows of a run table that share a forward pass: at most `batch`, all of one seed.

    A batch's size decides low bits, so clean and perturbed runs use this cut. It keeps seeds
    apart, as an experiment may take up some of them.
    """
    for rows in table.groupby("seed", sort=False).indices.values():
        for cut in cuts(len(rows), batch):
            yield rows[cut]


# Runs


def run_shard(
    model: VideoModel,
    cases: Sequence[Case],
    seeds: Sequence[int],
    *,
    steps: int,
    shift: float,
    n_frames: int,
    batch: int,
    solver: str = "euler",
    loop: Loop | None = None,
    early: Early | None = None,
) -> Trajectory:
    """Samples every case with every seed, `batch` runs at a time; solver: euler or unipc.

    loop: passes at one noise level, of every run with its own noise; they are steps of the
    trajectory. early: who shows them while they are sampled. Raises UserError where the solver is
    unipc, whose memory no loop can renew.
    """
    if loop is not None and solver != "euler":
        raise UserError(f"solver is {solver}, but a loop changes runs in between: write euler.")
    runs = Runs.planned(model, cases, seeds, n_frames)
    unipc = model.unipc(steps, shift) if solver == "unipc" else None
    plain = model.sigmas(steps, shift) if unipc is None else unipc.sigmas
    sigmas = plain if loop is None else loop.schedule(plain)
    shape, n_steps = runs.latent_shape(), len(sigmas) - 1
    x = torch.empty(len(runs), n_steps + 1, *shape)
    clean = torch.empty(len(runs), n_steps, *shape)
    nfe, experts = 0, []
    with progress(total=len(runs) * n_steps, desc="sample", unit="NFE") as bar:
        for rows in batches(runs.table, batch):
            some, recorder = runs.select(rows), Recorder(bar)
            velocity, watch = model.velocity(some.condition()), recorder
            if early is not None:
                watch = early.beside(recorder, some.table["case"].iloc[0])
            if unipc is None:
                edit = None if loop is None else by_row(loops_of(loop, some.table, plain, shape))
                last = sample(velocity, some.noise(), sigmas, edit=edit, watch=watch)
            else:
                last = sample_by(model.unipc(steps, shift), velocity, some.noise(), watch=watch)
            x[rows], clean[rows] = recorder.stacked(last)
            nfe += velocity.nfe
            experts = recorder.experts
    made_by = {
        "model": model.name,
        "model_digest": model.digest,
        "steps": steps,
        "shift": shift,
        "solver": solver,
        "frames": n_frames,
        "batch": batch,
        "threads": torch.get_num_threads(),
        "nfe": nfe,
    }
    if model.levels != "diffusers":
        made_by["schedule"] = model.levels
    if loop is not None:
        made_by["loop"] = asdict(loop)
    return Trajectory(runs.table, sigmas, x, clean, experts, made_by)


def rerun(
    model: VideoModel,
    condition: Condition,
    trajectory: Trajectory,
    start: int = 0,
    *,
    edit: Edit | None = None,
    watch: Watch | None = None,
) -> tuple[Tensor, int]:
    """The runs of `trajectory`, one batch, taken up from the latent stored before step `start`.

    condition: what they are given from there on, their own or another. Returns the results
    (R, C, F, h, w) on the CPU, and the NFE. With their own condition and no edit, in the batch
    that they were made in, these are the bits of the stored runs.
    """
    velocity = model.velocity(condition)
    last = sample(
        velocity,
        trajectory.x[:, start].to(model.device),
        trajectory.sigmas,
        start=start,
        clean=trajectory.clean[:, start - 1].to(model.device) if start else None,
        edit=edit,
        watch=watch,
    )
    return last.cpu(), velocity.nfe


def noise_seeds(table: pd.DataFrame) -> list[int]:
    """Seed of each run's injected noise: 48 bits of a digest of its case and seed."""
    keys = (f"{run.case}/{run.seed}" for run in table.itertuples())
    digests = (hashlib.sha256(key.encode()).digest() for key in keys)
    return [int.from_bytes(digest[:6], "big") for digest in digests]


def edits_of(noise: Noise, trajectory: Trajectory) -> list[Edit]:
    """The noise as one Edit a run, each with its own seed."""
    shape, n_steps, seeds = trajectory.x.shape[2:], trajectory.n_steps, noise_seeds(trajectory.runs)
    return [replace(noise, seed=seed).edit(n_steps, shape) for seed in seeds]


def loops_of(loop: Loop, table: pd.DataFrame, sigmas: Tensor, shape: Sequence[int]) -> list[Edit]:
    """The loop as one Edit a run, each with its own seed; see `Loop.edit`."""
    return [replace(loop, seed=seed).edit(sigmas, shape) for seed in noise_seeds(table)]


# Readings

FULL = "full"  # what is decoded by the model's own codec
Reads = Callable[[Tensor], Observation]  # of looks (S, C, F, h, w) at one puzzle
# (model, reader, results (R, C, F, h, w) of one case) -> what reads its looks
Fitting = Callable[[VideoModel, Observer, Tensor], Reads]


def looks_of(trajectory: Trajectory, rows: int | slice | Sequence[int] = slice(None)) -> Tensor:
    """The clean estimates of runs and then the result: (R, N + 1, C, F, h, w), less R for one."""
    return torch.cat([trajectory.clean[rows], trajectory.x[rows, -1:]], dim=-5)


def by_step(trajectory: Trajectory, steps: Sequence[int]) -> pd.DataFrame:
    """A row for each run and, within it, each of `steps`: columns of a run, step, sigma."""
    n_runs, steps = len(trajectory.runs), list(steps)
    table = trajectory.runs.iloc[np.repeat(np.arange(n_runs), len(steps))]
    return table.reset_index(drop=True).assign(
        step=np.tile(steps, n_runs), sigma=np.tile(trajectory.sigmas[steps].numpy(), n_runs)
    )


def read_latents(model: Decoder, reader: Observer, latents: Tensor) -> Observation:
    """Reads latents (S, C, F, h, w) of one puzzle; only the frames to read are decoded."""
    return reader.read(model.decode(latents, frames=reader.frames).numpy())


@dataclass(frozen=True)
class Cheaply:
    """Which steps of a run are read by something else than the codec, and by what.

    name: of what reads them. steps: those that it reads; never the result.
    """

    name: str
    fitting: Fitting
    steps: Sequence[int]

    def read(self, model: VideoModel, reader: Observer, looks: Tensor) -> Observation:
        """Reads the looks (R, N', C, F, h, w) at the runs of a case, run by run."""
        full = partial(read_latents, model, reader)
        cheap = self.fitting(model, reader, looks[:, -1]) if self.steps else full
        parts = [(cheap if k in self.steps else full)(looks[:, k]) for k in range(looks.shape[1])]
        values = {
            field.name: np.stack([getattr(part, field.name) for part in parts], axis=1)
            for field in fields(Observation)
            if field.name != "solutions"
        }
        flat = {name: value.reshape(-1, *value.shape[2:]) for name, value in values.items()}
        return replace(parts[0], **flat)


def return_memory(n: int, every: int = 8) -> None:
    """Gives the system what is free, in every `every`-th call n of a loop over cases.

    Videos are read in pieces of megabytes, and what is kept of them lies between these: without
    this, glibc holds on to tens of megabytes a case.
    """
    if n % every == 0 and sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library keeps less
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def read_looks(
    model: VideoModel, readers: Sequence[Observer], looks: Tensor
) -> dict[str, np.ndarray]:
    """score (float), correct (bool) and answer (int), each (S, R), of S looks at R runs.

    answer: the accepted candidate, or -1.
    looks: (S, R, C, F, h, w); readers: one a run.
    """
    found = [read_latents(model, reader, looks[:, row]) for row, reader in enumerate(readers)]
    names = {"score": "score", "correct": "correct", "answer": "accepted"}
    return {n: np.stack([getattr(one, of) for one in found], axis=1) for n, of in names.items()}


def read_trajectory(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    cheaply: Cheaply | None = None,
) -> pd.DataFrame:
    """One row for each (run, step): the clean estimate of steps 0 .. N-1, then the result as N.

    Columns: those of the run table, step, sigma, answer (the accepted candidate, or -1), correct
    (whether that is right), leads (the leading candidate, or -1), leads_right, best, weight (see
    `Observation`), best_right, score, n_candidates (nan where nothing is readable), solution
    (strongest evidence for a right answer), evidence (list, one weight a candidate). With
    `cheaply`, whose steps are not read by the codec, decoder says what read each.
    """
    by_name, tables = {case.name: case for case in cases}, []
    groups = trajectory.runs.groupby("case", sort=False).indices
    for n, (name, rows) in enumerate(progress(groups.items(), desc="read", unit="cases")):
        return_memory(n)
        reader, runs = observer_of(by_name[name]), trajectory.select(rows)
        looks, table = looks_of(runs), by_step(runs, range(runs.n_steps + 1))
        if cheaply is None:
            reading = read_latents(model, reader, looks.flatten(0, 1))
        else:
            reading = cheaply.read(model, reader, looks)
            table["decoder"] = np.where(table["step"].isin(cheaply.steps), cheaply.name, FULL)
        table["answer"] = reading.accepted
        table["correct"] = reading.correct
        table["leads"] = reading.leads
        table["leads_right"] = np.isin(reading.leads, reading.solutions)
        table["best"], table["weight"] = reading.best, reading.weight
        table["best_right"] = np.isin(reading.best, reading.solutions)
        table["score"] = reading.score
        table["n_candidates"] = reading.n_candidates
        table["solution"] = reading.evidence[:, list(reading.solutions)].max(1)
        table["evidence"] = list(reading.evidence.astype(np.float32))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def read_tiles(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    steps: Sequence[int] | None = None,
) -> pd.DataFrame:
    """One row for each run and decisive tile of its video, latent frame by latent frame.

    steps: those whose clean estimates are read beside the result; all where none are given.
    Columns: those of the run table, frame, row, column, depth (-1 where the task says none), and
    leads, accepted: the step from which the right appearance leads, is accepted, to the end; N is
    the result alone, N + 1 never.
    """
    n_steps = trajectory.n_steps
    looks = [*(range(n_steps) if steps is None else steps), n_steps]
    names = np.array([*looks, n_steps + 1])
    columns = [*trajectory.runs, "frame", "row", "column", "depth", "leads", "accepted"]
    by_name, tables = {case.name: case for case in cases}, []
    groups = trajectory.runs.groupby("case", sort=False).indices
    for n, (name, rows) in enumerate(progress(groups.items(), desc="read tiles", unit="cases")):
        return_memory(n)
        observer = observer_of(by_name[name])
        for row in rows:
            chosen = [trajectory.clean[row, looks[:-1]], trajectory.x[row, -1:]]
            video = model.decode(torch.cat(chosen)).numpy()
            found = observer.read_tiles(video)
            table = pd.DataFrame(
                {
                    "frame": found.frame,
                    "row": found.row,
                    "column": found.column,
                    "depth": found.depth,
                    "leads": names[kept_from(found.leads)],
                    "accepted": names[kept_from(found.accepted)],
                }
            )
            tables.append(table.assign(**trajectory.runs.iloc[row])[[*trajectory.runs, *table]])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
