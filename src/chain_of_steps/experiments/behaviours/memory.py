"""Working memory: what is left of an object that was out of sight (paper, section 4.1).

An object leaves and returns (`reappear`) or is passed over (`occlude`). Three errors of what the
last frame shows where the board should else be bare, each 0 for the exact truth:

    position   1 - share of all that is drawn that stands on the true tile; 1 if nothing is drawn
    colour     |drawn - true| / |true - floor| in RGB, at the tile where most is drawn; 1 at bare
               floor, more for a far colour
    identity   1 if the shape drawn there is not the true one or nothing is drawn, else 0

The model is given the first frame at every step, so a small error alone does not tell memory from
looking again. Hence the controls, all from the first latents of stored runs:

    absent     the object is taken out of the first frame; the prompt still names it
    changed    another object stands elsewhere in the first frame, and the prompt names that one:
               what complete forgetting of the original costs
    withheld   as absent, but only from some step on: what is right then was held in the latent
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from chain_of_steps.cases.folders import Case
from chain_of_steps.experiments.behaviours.summaries import MEAN, means, paired, pooled
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Drawn, Runs, batches, by_step, looks_of, rerun
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.observe import look_of, observer_of
from chain_of_steps.tasks.puzzle import Pair, Puzzle, name_of, pairs, shape_layer
from chain_of_steps.tasks.reader import VISIBLE
from chain_of_steps.tasks.scene import COLOURS, SHAPES, Cell, split_tiles
from chain_of_steps.trajectory import Recorder, Trajectory

REMEMBERED = {"reappear": "object", "occlude": "small"}  # task -> the object's field of the layout
ERRORS = ("position", "colour", "identity")
RUN = ["model", "case", "task", "split", "seed"]
GROUP = ["model", "task", "split", "condition"]


def hidden_object(puzzle: Puzzle) -> tuple[Pair, Cell]:
    """(shape, colour) and tile of what has to be remembered."""
    return tuple(puzzle.layout[REMEMBERED[puzzle.task]]), tuple(puzzle.layout["place"])


def without_object(puzzle: Puzzle, drawing: Drawing = DEFAULT_DRAWING) -> np.ndarray:
    """The first frame, float32 (H, W, 3), with bare ground in place of the object."""
    scene = dict(drawing.movie(puzzle, puzzle.shown)[0])
    del scene[hidden_object(puzzle)[1]]
    return drawing.picture(scene, puzzle.board)


def changed_puzzle(puzzle: Puzzle) -> Puzzle:
    """The puzzle about an in-domain object of another shape and colour on another tile of its row.

    Only its first frame and prompt mean anything: the candidates stay those of the original.
    """
    pair, (row, column) = hidden_object(puzzle)
    layout = puzzle.layout
    present = [tuple(other) for _, other in layout["bystanders"]]
    other = next(
        candidate
        for candidate in pairs("in-domain")
        if candidate[0] != pair[0]
        and candidate[1] not in (pair[1], layout.get("large"))
        and candidate not in present
    )
    place = (row, column % 3 + 1)  # objects stand in columns 1 to 3
    layout = {**layout, REMEMBERED[puzzle.task]: other, "place": place}
    prompt = puzzle.prompt.replace(name_of(pair), name_of(other))
    return replace(puzzle, layout=layout, prompt=prompt)


def read_memory(
    puzzle: Puzzle, frames: np.ndarray, drawing: Drawing = DEFAULT_DRAWING
) -> pd.DataFrame:
    """The ERRORS in last frames (S, H, W, 3) in [0, 1], one row each; see `Observer.boards`."""
    pair, place = hidden_object(puzzle)
    known = task_of(puzzle.task).empty(puzzle)[-1]
    bare = [cell for cell in puzzle.board.cells if cell not in known]
    rows, columns = np.array(bare).T
    floor = look_of((), drawing)
    tiles = split_tiles(np.asarray(frames, np.float32))[:, rows, columns] - floor
    true = look_of((shape_layer(pair),), drawing) - floor
    drawn = np.linalg.norm(tiles.reshape(*tiles.shape[:2], -1), axis=-1) / np.linalg.norm(true)
    drawn = np.where(drawn >= VISIBLE, drawn, 0.0)
    total, most = drawn.sum(1), drawn.argmax(1)
    share = np.divide(drawn[:, bare.index(place)], total, out=np.zeros(len(total)), where=total > 0)
    shape, tint = _shape_and_tint(tiles[np.arange(len(tiles)), most], drawing)
    wanted = np.array(COLOURS[pair[1]]) / 255 - floor[0, 0]
    colour = np.linalg.norm(tint - wanted, axis=1) / np.linalg.norm(wanted)
    identity = (shape != SHAPES.index(pair[0])) | (total == 0)
    return pd.DataFrame(
        {"position": 1 - share, "colour": colour, "identity": identity.astype(float)}
    )


def _shape_and_tint(tiles: np.ndarray, drawing: Drawing) -> tuple[np.ndarray, np.ndarray]:
    """Best shape (S,), index into SHAPES, and colour minus floor (S, 3) of tiles minus floor."""
    floor = look_of((), drawing)
    ink = np.array(COLOURS["blue"]) / 255 - floor[0, 0]
    coverage = np.stack(
        [(look_of((f"{s}:blue:m",), drawing) - floor) @ ink / (ink @ ink) for s in SHAPES]
    ).reshape(len(SHAPES), -1)
    flat = tiles.reshape(len(tiles), -1, 3)
    mass = (coverage**2).sum(1)
    tints = np.einsum("np,spc->snc", coverage, flat) / mass[:, None]
    explained = mass * (tints**2).sum(-1)  # of the tile's squared norm
    best = explained.argmax(1)
    return best, tints[np.arange(len(tiles)), best]


def memory_shard(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    control_cases: Sequence[str],
    *,
    seeds: Sequence[int],
    starts: Sequence[int],
) -> tuple[pd.DataFrame, int]:
    """Memory errors of the runs of one shard, of their controls, and the NFE of the controls.

    control_cases, seeds: the runs with controls; starts: steps from which the picture is withheld
    (0 is the control `absent`). One row a look: columns of a run, condition, start (0 unless
    withheld), step (all for whole runs, only N for those withheld later), sigma, ERRORS.
    """
    by_name = {case.name: case for case in cases}
    chosen = trajectory.select(np.flatnonzero(trajectory.runs["task"].isin(REMEMBERED)))
    clean = _read_looks(model, chosen, by_name, looks_of(chosen))
    tables = [clean.assign(condition="clean", start=0)]
    few = chosen.runs["case"].isin(control_cases) & chosen.runs["seed"].isin(seeds)
    few, nfe = chosen.select(np.flatnonzero(few)), 0
    for rows in batches(few.runs, trajectory.made_by["batch"]):
        runs = few.select(rows)
        shown = [by_name[name] for name in runs.runs["case"]]
        given = {
            "absent": [
                Drawn.of(case.puzzle, without_object(case.puzzle, case.drawing), case.drawing)
                for case in shown
            ],
            "changed": [
                Drawn.of(changed_puzzle(case.puzzle), drawing=case.drawing) for case in shown
            ],
        }
        for condition, start in [("changed", 0), *(("absent", k) for k in starts)]:
            looks, spent = _under(model, runs, given[condition], start)
            name = "withheld" if start else condition
            table = _read_looks(model, runs, by_name, looks)
            tables.append(table.assign(condition=name, start=start))
            nfe += spent
    made = [table for table in tables if len(table)] or tables
    columns = [*trajectory.runs, "condition", "start", "step", "sigma", *ERRORS]
    return pd.concat(made, ignore_index=True)[columns], nfe


def _under(
    model: VideoModel, runs: Trajectory, given: Sequence[Drawn], start: int
) -> tuple[Tensor, int]:
    """Looks (R, S, C, F, h, w) of the runs given other first frames and prompts from `start` on.

    S: all steps and the result if start is 0, else the result alone. And the NFE.
    """
    condition = Runs(model, runs.runs, given, runs.made_by["frames"]).condition()
    recorder = Recorder()
    last, nfe = rerun(model, condition, runs, start, watch=recorder)
    steps = recorder.clean if start == 0 else []
    return torch.stack([*steps, last], dim=1), nfe


def _read_looks(
    model: VideoModel, runs: Trajectory, cases: dict[str, Case], looks: Tensor
) -> pd.DataFrame:
    """A row for each run and look; the last look is the result, those before end with step N-1."""
    readers = {name: observer_of(cases[name]) for name in runs.runs["case"].unique()}
    found = []
    for row, name in enumerate(runs.runs["case"]):
        puzzle, observer = cases[name].puzzle, readers[name]
        last = [puzzle.board.frame(task_of(puzzle.task).KEY_FRAMES[-1])]
        frames = model.decode(looks[row], frames=observer.frames_for(last)).numpy()
        boards = observer.boards(frames, last)[:, 0]
        found.append(read_memory(puzzle, boards, observer.drawing))
    if not found:
        return pd.DataFrame(columns=[*runs.runs, "step", "sigma", *ERRORS])
    labels = by_step(runs, range(runs.n_steps + 1)[-looks.shape[1] :])
    return pd.concat([labels, pd.concat(found, ignore_index=True)], axis=1)


def memory_table(rows: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Means of the ERRORS with 95 % intervals by case; rows are those of `memory_shard`.

    Columns: model, task, split (one, or all), part, condition, quantity, step, sigma, n, cases,
    mean, low, high, p. Condition paired: the clean runs that have controls. Parts:

        steps     error of the clean estimate by step, the result as step N
        final     at step N
        worst     a run's largest error over all steps
        withheld  final error when the object is gone from the picture from `step` on (0: absent)
        held      final error of absent minus that of withheld from `step` on, with p
        control   final error of absent or changed minus that of the same runs clean, with p
    """
    columns = [*GROUP[:3], "part", "condition", "quantity", "step", "sigma", *MEAN]
    if not len(rows):
        return pd.DataFrame(columns=columns)
    last = rows["step"].max()
    controls = rows.loc[rows["condition"] == "absent", ["case", "seed"]].drop_duplicates()
    clean = rows[rows["condition"] == "clean"]
    rows = pd.concat([rows, clean.merge(controls).assign(condition="paired")], ignore_index=True)
    sigmas = clean.drop_duplicates("step").set_index("step")["sigma"]
    whole, final = rows[rows["condition"] != "withheld"], rows[rows["step"] == last]
    ends = final[final["condition"] != "withheld"]
    worst = whole.groupby([*RUN, "condition"], as_index=False)[list(ERRORS)].max()
    late = final[final["condition"].isin(["absent", "withheld"])]
    late = late.assign(condition="withheld", step=late["start"])
    late["sigma"] = late["step"].map(sigmas)
    poolings = {
        "steps": (whole, ["step", "sigma"], False),
        "final": (ends.drop(columns=["step", "sigma"]), [], False),
        "worst": (worst, [], False),
        "withheld": (late, ["step", "sigma"], False),
        "held": (_held(final, sigmas), ["step", "sigma"], True),
        "control": (_against_clean(ends), [], True),
    }
    tables = []
    for part, (frame, by, test) in poolings.items():
        for quantity in ERRORS:
            rate = quantity != "colour"  # the others lie between 0 and 1
            options = {"rate": rate, "test": test, "resampling": resampling}
            found = means(pooled(frame, "task", "split"), [*GROUP, *by], [quantity], **options)
            tables.append(found.assign(part=part))
    table = pd.concat([t for t in tables if len(t)], ignore_index=True)
    return table.reindex(columns=columns)


def _held(final: pd.DataFrame, sigmas: pd.Series) -> pd.DataFrame:
    """Final error without the object at all minus with it until step `start`, run by run."""
    tables = [
        paired(
            final[final["condition"].eq("absent") | final["start"].eq(start)],
            "absent",
            "withheld",
            RUN,
            ERRORS,
        ).assign(condition="withheld", step=start, sigma=sigmas[start])
        for start in sorted(final.loc[final["condition"] == "withheld", "start"].unique())
    ]
    empty = pd.DataFrame(columns=[*RUN, *ERRORS, "condition", "step", "sigma"])
    return pd.concat(tables, ignore_index=True) if tables else empty


def _against_clean(ends: pd.DataFrame) -> pd.DataFrame:
    tables = [
        paired(ends, condition, "paired", RUN, ERRORS).assign(condition=condition)
        for condition in ("absent", "changed")
    ]
    return pd.concat(tables, ignore_index=True)


def memory_noise_table(rows: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Whether memory survives noise: share of runs, right without noise, that stay right.

    rows: the table of `perturb_shard`; its sweep is used. Columns: model, task (those of memory,
    memory for both, others for all other puzzles), kind (step, frame), index (empty: pooled), read
    (of frames: whether the reader looks at that one), n, cases, mean, low, high.
    """
    rows = rows[(rows["part"] == "sweep") & rows["kind"].isin(["step", "frame"])]
    rows = rows[rows["clean_correct"].astype(bool)]
    kept = rows.assign(
        kept=rows["correct"].astype(float),
        read=np.where(rows["kind"] == "frame", rows["frame_is_read"].astype(str), ""),
    )
    mine = kept["task"].isin(REMEMBERED)
    groups = [kept[mine], kept[mine].assign(task="memory"), kept[~mine].assign(task="others")]
    kept = pd.concat(groups, ignore_index=True)
    by = ["model", "task", "kind", "read"]
    options = {"rate": True, "resampling": resampling}
    single = means(kept, [*by, "index"], ["kept"], **options)
    table = pd.concat([single, means(kept, by, ["kept"], **options)], ignore_index=True)
    return table[[*by[:3], "index", "read", *MEAN[:5]]]
