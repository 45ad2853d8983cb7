"""What reading a tile rests on: mixtures of appearances, and what an effective number is.

`observe.Observer` reads with these.
"""

from __future__ import annotations

import numpy as np

from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.scene import render

ACCEPT = 0.6  # weight above which a tile is read as one appearance
UNREADABLE = 0.6  # residual, relative to the spread of the appearances, that spoils a tile
VISIBLE = 0.05  # evidence below this does not count as a candidate still held open
NO_ANSWER = -1


def effective_number(weights: np.ndarray, visible: float = VISIBLE) -> np.ndarray:
    """exp(Shannon entropy) of visible weights (..., n) along the last axis; nan where none is.

    A weight is visible from `visible` on. At least 1, as nothing is no number of candidates.
    """
    weights = np.where(weights >= visible, weights, 0.0)
    total = weights.sum(-1, keepdims=True)
    p = np.divide(weights, total, out=np.zeros_like(weights, dtype=float), where=total > 0)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return np.where(total[..., 0] > 0, np.exp(-(p * logs).sum(-1)), np.nan)


def onto_simplex(w: np.ndarray) -> np.ndarray:
    """Euclidean projection of rows (S, m) onto {w >= 0, sum w = 1} (Held et al. 1974)."""
    ordered = -np.sort(-w, axis=1)
    excess = (np.cumsum(ordered, axis=1) - 1) / np.arange(1, w.shape[1] + 1)
    last = (ordered > excess).sum(1) - 1
    return np.maximum(w - excess[np.arange(len(w)), last][:, None], 0)


def mixture_weights(observed: np.ndarray, appearances: np.ndarray) -> np.ndarray:
    """Least-squares mixture weights (S, m) on the simplex.

    observed: (S, P) pixels; appearances: (m, P). Accelerated projected gradient; for m = 2 the
    first step is already exact.
    """
    gram = appearances @ appearances.T
    centred = appearances - appearances.mean(0)
    largest = np.linalg.eigvalsh(centred @ centred.T)[-1]
    target = observed @ appearances.T
    w = np.full((len(observed), len(appearances)), 1 / len(appearances))
    ahead, t = w, 1.0
    for _ in range(2 if len(appearances) == 2 else 60):
        new = onto_simplex(ahead - (ahead @ gram - target) / largest)
        t_new = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead, w, t = new + (t - 1) / t_new * (new - w), new, t_new
    return w


def tells(looks: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """bool (tiles, candidates): whether a candidate's weight on a tile counts as its evidence.

    looks: (tiles, candidates), which appearance each has on a tile; empty: (tiles,), the empty one.
    Where it draws something; and where it does not, though a candidate does that draws all that it
    draws: a way that stops is told from those that go on by what it leaves bare.
    """
    drawn = looks != empty[:, None]
    tells = drawn.copy()
    for candidate in range(looks.shape[1]):
        mine = drawn[:, candidate]
        goes_on = (looks[mine] == looks[mine][:, [candidate]]).all(0)
        tells[:, candidate] |= drawn[:, goes_on].any(1)
    return tells


def first_frame(puzzle: Puzzle) -> np.ndarray:
    """The picture a puzzle starts from, float32 (H, W, 3) in [0, 1]."""
    return render(task_of(puzzle.task).movie(puzzle, puzzle.shown)[0], puzzle.board)
