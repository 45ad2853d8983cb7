"""The front: which tiles of an answer are decided at which noise level, by their depth.

A tile's depth is the number of inferences that it takes: hops, moves, rounds of elimination. It is
decided at the step from which its right appearance leads (`leads`), or is accepted (`accepted`), to
the end of the run. If each step adds some inferences to what the latent holds, the front moves
along the depths with the steps; if each step answers from the picture alone, it stands still.

In a video that marks tile after tile, deep tiles are also drawn in late frames. Three drawings of
one puzzle, forwards, backwards and at once, tell depth and frame apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from chain_of_steps.cases.folders import Case
from chain_of_steps.models.model import VideoModel
from chain_of_steps.runs import read_tiles
from chain_of_steps.statistics.clusters import column_codes
from chain_of_steps.statistics.means import group_mean_ci
from chain_of_steps.statistics.rates import mean_or_rate_ci
from chain_of_steps.statistics.resampling import Resampling, percentile_interval
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.board import BEAT
from chain_of_steps.tasks.puzzle import Puzzle, kind_of
from chain_of_steps.trajectory import Trajectory

RULES = ("leads", "accepted")
TILE = ["row", "column"]


def tile_rows(
    model: VideoModel, trajectory: Trajectory, cases: Sequence[Case], seeds: int, every: int = 1
) -> pd.DataFrame:
    """A row for each run of the first `seeds` seeds and each tile whose depth is known.

    every: read every how many-th step, beside the result.

    Only puzzles with a need and one right answer are read. Columns: those of the run table; need;
    puzzle, its digest, which drawings of one share; row, column, depth; drawn, the first latent
    frame in which the right video shows the tile's change; last, the last one; leads, accepted: the
    step from which the tile is so to the end in the frame `last`, and in the frame `drawn`
    (leads_drawn, accepted_drawn); N is the result alone, N + 1 never.
    sigma_leads, sigma_accepted: the noise level of that step in the last frame, 0 where it is the
    result alone, nan where it is never. steps: N.
    """
    needy = {
        case.name: case.puzzle
        for case in cases
        if case.puzzle.need and len(case.puzzle.solutions) == 1
    }
    runs = trajectory.runs
    kept = runs["case"].isin(needy) & runs["seed"].isin(sorted(runs["seed"].unique())[:seeds])
    chosen = trajectory.select(np.flatnonzero(kept))
    columns = [*runs, "need", "puzzle", *TILE, "depth", "drawn", "last", "steps"]
    columns += [*RULES, *(f"{rule}_drawn" for rule in RULES), *(f"sigma_{rule}" for rule in RULES)]
    if not len(chosen.runs):
        return pd.DataFrame(columns=columns)
    steps = range(0, trajectory.n_steps, every)
    tiles = read_tiles(model, chosen, [case for case in cases if case.name in needy], steps)
    tiles = tiles[tiles["depth"] > 0]
    key = [*runs, *TILE]
    last = tiles[tiles["frame"] == tiles.groupby(key)["frame"].transform("max")]
    drawn = pd.DataFrame(
        [(name, *cell, frame) for name, p in needy.items() for cell, frame in first_drawn(p)],
        columns=["case", *TILE, "drawn"],
    )
    found = last.merge(drawn, on=["case", *TILE])
    then = tiles.rename(columns={"frame": "drawn"} | {rule: f"{rule}_drawn" for rule in RULES})
    found = found.merge(then.drop(columns="depth"), on=[*key, "drawn"])
    sigmas = np.append(trajectory.sigmas.numpy().astype(float), np.nan)
    for rule in RULES:
        found[f"sigma_{rule}"] = sigmas[found[rule]]
    for name in ("need", "digest"):
        found[name] = found["case"].map({case: getattr(p, name) for case, p in needy.items()})
    return found.rename(columns={"digest": "puzzle", "frame": "last"}).assign(
        steps=trajectory.n_steps
    )[columns]


def first_drawn(puzzle: Puzzle) -> list[tuple[tuple[int, int], int]]:
    """Each tile of known depth, and the first latent frame in which its own video changes it."""
    task = task_of(puzzle.task)
    movie = task.movie(puzzle, puzzle.shown)
    found = []
    for cell in task.depths(puzzle, puzzle.shown):
        tiles = [scene.get(cell, ()) for scene in movie]
        changed = [frame for frame, tile in enumerate(tiles) if tile != tiles[0]]
        if changed:
            found.append((cell, -(-changed[0] // BEAT)))
    return found


def whole_runs(tiles: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Tiles of runs that end with every tile decided, those decided in the earlier frame, too.

    Others are never decided, and the step that they were given would decide the slopes: a run that
    ends wrong, and a mark that comes a frame late.
    """
    run = [tiles[name] for name in ("model", "case", "seed")]
    whole = (tiles[rule] <= tiles["steps"]).groupby(run).transform("all")
    return tiles[whole & (tiles[f"{rule}_drawn"] <= tiles["steps"])]


def several_drawings(tiles: pd.DataFrame) -> pd.DataFrame:
    """The rows of puzzles of which there are two drawings or more, by model and split."""
    puzzle = [tiles[name] for name in ("model", "split", "puzzle")]
    return tiles[tiles["task"].groupby(puzzle).transform("nunique") > 1]


def _by_rule(tiles: pd.DataFrame) -> pd.DataFrame:
    """The rows once for each rule, its step as `step`, its noise level as `sigma`."""
    parts = [
        tiles.assign(rule=rule, step=tiles[rule], sigma=tiles[f"sigma_{rule}"]) for rule in RULES
    ]
    return pd.concat(parts, ignore_index=True)


def front_table(
    tiles: pd.DataFrame, sigmas: pd.Series, looks: int, *, resampling: Resampling
) -> pd.DataFrame:
    """Share of tiles of each depth that are decided by a step, in the last latent frame.

    sigmas: the noise level of each step. Columns: model, task, split, rule, depth, step (the look
    after it: 0 is the first clean estimate, N the result), sigma, cases, n, mean, low, high (95 %,
    clustered by case).
    """
    rows = _by_rule(tiles)
    by = ["model", "task", "split", "rule", "depth", "step"]
    if rows.empty:
        return pd.DataFrame(columns=[*by, "sigma", "cases", "n", "mean", "low", "high"])
    n_steps = int(rows["steps"].iloc[0])
    parts = []
    for step in np.unique(np.linspace(0, n_steps, looks).round().astype(int)):
        decided = rows.assign(step=step, decided=(rows["step"] <= step).astype(float))
        table = mean_or_rate_ci(decided, by, "decided", "case", resampling=resampling)
        cases = decided.groupby(by)["case"].nunique().rename("cases").reset_index()
        parts.append(table.merge(cases, on=by))
    found = pd.concat(parts, ignore_index=True).sort_values(by, ignore_index=True)
    found["sigma"] = found["step"].map(sigmas)
    return found[[*by, "sigma", "cases", "n", "mean", "low", "high"]]


def slope_table(tiles: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Steps that one more inference takes: the slope of deciding step on depth within a run.

    A slope of 1 is one inference a step, of 0 all at once. Runs count in which at least three tiles
    of different depths are decided. Columns: model, task, split, rule, n (runs), mean, low, high.
    """
    rows = _by_rule(tiles)
    rows = rows[rows["step"] <= rows["steps"]]
    run = ["model", "task", "split", "rule", "case", "seed"]
    slopes = []
    for key, run_rows in rows.groupby(run):
        if run_rows["depth"].nunique() >= 3:
            slope = np.polyfit(run_rows["depth"], run_rows["step"], 1)[0]
            slopes.append((*key, slope))
    table = pd.DataFrame(slopes, columns=[*run, "slope"])
    by = run[:4]
    if table.empty:
        return pd.DataFrame(columns=[*by, "n", "mean", "low", "high"])
    return group_mean_ci(table, by, "slope", "case", resampling=resampling)


def order_table(tiles: pd.DataFrame, *, resampling: Resampling) -> pd.DataFrame:
    """Does the step at which a tile is decided follow its depth, or the frame that first shows it?

    Least squares of the step, in the frame that first shows the tile, on depth and on that frame,
    with a level of its own for each puzzle, over the drawings of it; the interval resamples
    puzzles. Only `whole_runs`, and puzzles with two drawings or more of them, which tell the two
    apart. Columns: model, kind, split, rule, coefficient (`depth`,
    steps an inference; `frame`, steps a latent frame), puzzles, drawings, mean, low, high.
    """
    head = ["model", "kind", "split", "rule", "coefficient"]
    rows = []
    tiles = tiles.assign(kind=tiles["task"].map(kind_of))
    for rule in RULES:
        whole = several_drawings(whole_runs(tiles, rule))
        timed = whole.assign(step=whole[f"{rule}_drawn"].astype(float))
        for key, group in timed.groupby(["model", "kind", "split"]):
            drawings = group["task"].nunique()
            found = _two_slopes(group, resampling)
            puzzles = group["puzzle"].nunique()
            for name, (mean, low, high) in zip(("depth", "frame"), found, strict=True):
                rows.append((*key, rule, name, puzzles, drawings, mean, low, high))
    return pd.DataFrame(rows, columns=[*head, "puzzles", "drawings", "mean", "low", "high"])


def _two_slopes(group: pd.DataFrame, resampling: Resampling) -> list[tuple[float, float, float]]:
    """Slopes on depth and on frame within puzzles, each with its interval."""
    columns = ["depth", "drawn", "step"]
    level = group.groupby("puzzle")[columns].transform("mean")
    within = (group[columns] - level).to_numpy(float)
    puzzle = column_codes(group, "puzzle")
    # sums of products of each puzzle are all that the fit needs
    products = within[:, :, None] * within[:, None, :]
    sums = np.stack([np.bincount(puzzle, products[:, a, b]) for a in range(3) for b in range(3)], 1)
    sums = sums.reshape(-1, 3, 3)

    def fit(total: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(total[:2, :2], total[:2, 2], rcond=None)[0]

    (totals,) = resampling.sums(np.zeros(len(sums), int), sums)
    again = np.array([fit(total) for total in totals])
    ends = [percentile_interval(column) for column in again.T]
    return [(mean, *end) for mean, end in zip(fit(sums.sum(0)), ends, strict=True)]
