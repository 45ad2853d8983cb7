"""What the front came to, as claims are judged on it: the order of inferences and of frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from chain_of_steps.experiments.front.fronts import RULES, several_drawings, whole_runs
from chain_of_steps.outcomes import OF_A_CASE, RUN, joined, outcome
from chain_of_steps.tasks.puzzle import kind_of


def front_outcomes(tiles: pd.DataFrame) -> pd.DataFrame:
    """Rows as `outcomes` has them, of all models; tiles: as `tile_rows` gives them.

    Only `whole_runs` count. Condition: leads or accepted.

        hops, frames    steps by which a tile is decided later for each inference that it takes, and
                        for each latent frame, the other held fixed; in the frame that first shows
                        it, over the drawings of one puzzle. The case is the puzzle, by its digest,
                        and the task its kind; no row where its drawings cannot tell the two apart
        slope           steps by which a tile is decided later in the last frame for each inference
                        that it takes, of a run
        frames_apart    steps between the frame that first shows a tile and the last one, mean over
                        the tiles of a run that more than one frame shows
    """
    if tiles.empty:
        return joined([], tiles)
    known = [
        tiles[[name, "need"]].rename(columns={name: "case"}).drop_duplicates("case")
        for name in ("case", "puzzle")
    ]
    index = pd.concat(known).assign(solutions=1)  # others are not read tile by tile
    return joined([table for rule in RULES for table in _of_rule(tiles, rule)], index)


def _of_rule(tiles: pd.DataFrame, rule: str) -> Iterator[pd.DataFrame]:
    rows = whole_runs(tiles, rule)
    rows = rows.assign(first=rows[f"{rule}_drawn"], end=rows[rule], kind=rows["task"].map(kind_of))
    found = []
    for (model, kind, split, puzzle), drawings in several_drawings(rows).groupby(
        ["model", "kind", "split", "puzzle"], sort=True
    ):
        both = _slopes(drawings[["depth", "drawn"]], drawings["first"])
        found.append((model, puzzle, kind, split, OF_A_CASE, *both))
    puzzles = pd.DataFrame(found, columns=[*RUN, "hops", "frames"])
    for name in ("hops", "frames"):
        yield outcome(puzzles, name, puzzles[name], condition=rule)
    groups = rows.groupby(list(RUN), sort=True)
    runs = pd.DataFrame([key for key, _ in groups], columns=list(RUN))
    slope = [_slopes(run[["depth"]], run["end"])[0] for _, run in groups]
    yield outcome(runs, "slope", slope, condition=rule)
    several = rows[rows["drawn"] < rows["last"]]
    apart = several.assign(apart=(several["first"] - several["end"]).abs())
    apart = apart.groupby(list(RUN), as_index=False)["apart"].mean()
    yield outcome(apart, "frames_apart", apart["apart"], condition=rule)


def _slopes(on: pd.DataFrame, step: pd.Series) -> np.ndarray:
    """Least squares of the step on the columns, with a level; nan where they are not told apart."""
    design = np.column_stack([on.to_numpy(float), np.ones(len(on))])
    if len(on) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return np.full(on.shape[1], np.nan)
    return np.linalg.lstsq(design, step.to_numpy(float), rcond=None)[0][:-1]
