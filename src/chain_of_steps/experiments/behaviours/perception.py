"""Perception before action: is the target found before its motion is drawn? (paper, section 4.3)

Two kinds of evidence in one clean estimate of a find-then-move puzzle (`move`), each 0 to 1:

    localised  which object: how far the target's own tile changes to bare floor in the later
               frames, minus the same of the other object that changes most (not below 0)
    motion     what it does: how much of the target stands on the right tile at the right time

both means over the beats after the first frame. An object that is merely shown where it stood
counts for neither: that much is in the first frame. The lag of a run is the step at which motion
first reaches 0.9 of its final value minus the step at which localisation does. The two measures
might differ by themselves, so the null is the same case with the target alone in the picture,
where there is nothing to find: `alone`, from the same first latent. (Other puzzles with one mover
would differ in path and timing as well; this null differs in nothing but the choice.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from chain_of_steps.cases.folders import Case
from chain_of_steps.experiments.behaviours.summaries import MEAN, means, paired, pooled
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import Drawn, Runs, batches, by_step, looks_of, rerun
from chain_of_steps.statistics.means import median_ci
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.tests import sign_flip_p
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.move import NAME, slide
from chain_of_steps.tasks.observe import Observer, look_of, observer_of
from chain_of_steps.tasks.puzzle import Puzzle, shape_layer
from chain_of_steps.tasks.scene import split_tiles
from chain_of_steps.trajectory import Recorder, Trajectory

REACHED = 0.9  # of the final value
PRESENT = 0.5  # final evidence below which a run never localises, or never moves
EVIDENCE = ("localised", "motion")
RUN = ["model", "case", "task", "split", "seed"]
GROUP = ["model", "split", "condition"]


def alone(puzzle: Puzzle) -> Puzzle:
    """The puzzle with no object but the target; its candidates are the target's own."""
    layout = {**puzzle.layout, "objects": puzzle.layout["objects"][:1]}
    own = tuple(candidate for candidate in puzzle.candidates if candidate[0] == 0)
    return replace(puzzle, layout=layout, candidates=own)


def read_evidence(
    puzzle: Puzzle, frames: np.ndarray, drawing: Drawing = DEFAULT_DRAWING
) -> pd.DataFrame:
    """EVIDENCE in frames (S, beats, H, W, 3) in [0, 1], the end of each beat; one row each.

    frames: as `Observer.boards` gives them.
    """
    tiles = split_tiles(np.asarray(frames, np.float32))
    objects = [(tuple(cell), tuple(pair)) for cell, pair in puzzle.layout["objects"]]
    floor = look_of((), drawing).ravel()

    def presence(beat: int, cell: tuple[int, int], pair: tuple[str, str]) -> np.ndarray:
        """Least-squares share of the object against bare floor on one tile, (S,) in [0, 1]."""
        ink = look_of((shape_layer(pair),), drawing).ravel() - floor
        seen = tiles[:, beat, cell[0], cell[1]].reshape(len(tiles), -1) - floor
        return np.clip(seen @ ink / (ink @ ink), 0, 1)

    beats = range(puzzle.board.beats)
    gone = [np.mean([1 - presence(b, *each) for b in beats], axis=0) for each in objects]
    others = np.max(gone[1:], axis=0) if gone[1:] else np.zeros(len(tiles))
    (start, pair), *_ = objects
    path = slide(start, puzzle.layout["edge"], puzzle.board)
    stops = [path[min(beat + 1, len(path) - 1)] for beat in beats]
    motion = np.mean([presence(b, stops[b], pair) for b in beats], axis=0)
    return pd.DataFrame({"localised": np.maximum(gone[0] - others, 0), "motion": motion})


def perception_shard(
    model: VideoModel,
    trajectory: Trajectory,
    cases: Sequence[Case],
    control_cases: Sequence[str],
    *,
    seeds: Sequence[int],
) -> tuple[pd.DataFrame, int]:
    """EVIDENCE in every look at the runs of `move`, at their nulls, and the NFE of the nulls.

    One row a look: columns of a run, condition (clean, alone), step (N: the result), sigma,
    EVIDENCE.
    """
    readers = {case.name: observer_of(case) for case in cases if case.task == NAME}
    chosen = trajectory.select(np.flatnonzero(trajectory.runs["task"] == NAME))
    tables = [_read(model, chosen, readers, looks_of(chosen)).assign(condition="clean")]
    few = chosen.runs["case"].isin(control_cases) & chosen.runs["seed"].isin(seeds)
    few, nfe = chosen.select(np.flatnonzero(few)), 0
    nulls = {name: Observer(alone(of.puzzle), of.drawing) for name, of in readers.items()}
    for rows in batches(few.runs, trajectory.made_by["batch"]):
        runs = few.select(rows)
        asked = [nulls[name] for name in runs.runs["case"]]
        given = [Drawn.of(one.puzzle, drawing=one.drawing) for one in asked]
        condition = Runs(model, runs.runs, given, runs.made_by["frames"]).condition()
        recorder = Recorder()
        last, spent = rerun(model, condition, runs, watch=recorder)
        looks = torch.stack([*recorder.clean, last], dim=1)
        tables.append(_read(model, runs, nulls, looks).assign(condition="alone"))
        nfe += spent
    made = [table for table in tables if len(table)] or tables
    columns = [*trajectory.runs, "condition", "step", "sigma", *EVIDENCE]
    return pd.concat(made, ignore_index=True)[columns], nfe


def _read(
    model: VideoModel, runs: Trajectory, readers: dict[str, Observer], looks: torch.Tensor
) -> pd.DataFrame:
    found = []
    for row, name in enumerate(runs.runs["case"]):
        reader = readers[name]
        ends = reader.puzzle.board.beat_ends
        frames = model.decode(looks[row], frames=reader.frames_for(ends)).numpy()
        found.append(read_evidence(reader.puzzle, reader.boards(frames, ends), reader.drawing))
    if not found:
        return pd.DataFrame(columns=[*runs.runs, "step", "sigma", *EVIDENCE])
    labels = by_step(runs, range(runs.n_steps + 1))
    return pd.concat([labels, pd.concat(found, ignore_index=True)], axis=1)


def reached_step(evidence: np.ndarray, share: float = REACHED) -> np.ndarray:
    """First look at which evidence (R, S) is at least `share` of its last value, as int (R,)."""
    return (evidence >= share * evidence[:, -1:]).argmax(1)


def onsets(rows: pd.DataFrame, share: float = REACHED) -> pd.DataFrame:
    """One row a run and condition: localised_step, motion_step, lag, excluded.

    share: of its final value, at which evidence counts as reached. excluded: one of the two is
    below PRESENT at the end; steps and lag are then nan.
    """
    rows = rows.sort_values([*RUN, "condition", "step"], kind="stable")
    looks = rows["step"].nunique()
    runs = rows[[*RUN, "condition"]].iloc[::looks].reset_index(drop=True)
    evidence = {name: rows[name].to_numpy(float).reshape(-1, looks) for name in EVIDENCE}
    excluded = np.any([seen[:, -1] < PRESENT for seen in evidence.values()], axis=0)
    for name, seen in evidence.items():
        runs[f"{name}_step"] = np.where(excluded, np.nan, reached_step(seen, share))
    runs["lag"] = runs["motion_step"] - runs["localised_step"]
    return runs.assign(excluded=excluded.astype(float))


def perception_table(rows: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Evidence by step and lags with 95 % intervals by case; rows as `perception_shard` gives them.

    Columns: model, split (also all), condition, quantity, step, sigma, n, cases, mean, low, high,
    p. condition: clean, alone, paired (the clean runs that have a null), difference (paired minus
    alone, run by run). quantity by step: EVIDENCE as a share of a run's own final value; lag_share,
    the share of runs whose lag is `step`. By run (step empty): localised_step, motion_step,
    lag_mean, lag_median, lag_positive, lag_zero, lag_negative, excluded. p is of the mean (or, with
    the median, of the mean as well) being 0.
    """
    columns = [*GROUP, "quantity", "step", "sigma", *MEAN]
    if not len(rows):
        return pd.DataFrame(columns=columns)
    options = {"resampling": resampling}
    controls = rows.loc[rows["condition"] == "alone", ["case", "seed"]].drop_duplicates()
    clean = rows[rows["condition"] == "clean"].merge(controls)
    rows = pd.concat([rows, clean.assign(condition="paired")], ignore_index=True)
    runs = onsets(rows)
    kept = runs[runs["excluded"] == 0]
    shown = rows.merge(kept[[*RUN, "condition"]])
    final = shown.groupby([*RUN, "condition"])[list(EVIDENCE)].transform("last")
    shown = shown.assign(**{name: shown[name] / final[name] for name in EVIDENCE})
    steps = ["localised_step", "motion_step"]
    gap = paired(kept, "paired", "alone", RUN, [*steps, "lag"]).assign(condition="difference")
    lags = pooled(pd.concat([kept, gap], ignore_index=True), "split")
    sides = {"lag_positive": lags["lag"] > 0, "lag_zero": lags["lag"] == 0}
    lags = lags.assign(lag_mean=lags["lag"], **sides, lag_negative=lags["lag"] < 0)
    shares = [*sides, "lag_negative"]
    tables = [
        means(pooled(shown, "split"), [*GROUP, "step", "sigma"], EVIDENCE, **options),
        means(lags, GROUP, steps, **options),
        means(lags, GROUP, ["lag_mean"], test=True, **options),
        means(lags, GROUP, shares, rate=True, **options),
        means(pooled(runs, "split"), GROUP, ["excluded"], rate=True, **options),
    ]
    for key, mine in lags.groupby(GROUP, sort=True):
        labels = {**dict(zip(GROUP, key, strict=True)), "n": len(mine)}
        labels["cases"] = mine["case"].nunique()
        p = sign_flip_p(mine["lag"], mine["case"], seed=resampling.seed)
        spread = vars(median_ci(mine["lag"], mine["case"], resampling=resampling))
        spread = {**spread, "quantity": "lag_median", "p": p}
        share = mine["lag"].value_counts(normalize=True).sort_index()
        counts = [{"quantity": "lag_share", "step": k, "mean": v} for k, v in share.items()]
        tables.append(pd.DataFrame([labels | entry for entry in (spread, *counts)]))
    return pd.concat(tables, ignore_index=True).reindex(columns=columns)
