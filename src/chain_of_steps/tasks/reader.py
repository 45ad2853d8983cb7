"""Reads an answer, and the evidence for every candidate answer, from the key frames of a video.

One reader serves every puzzle. It knows how each candidate would look. On every tile where the
candidates (or the empty and the still picture) differ, it explains the observed tile as a mixture
of the possible appearances (weights >= 0 that sum to 1, least squares). Then

    evidence of a candidate = its weakest weight over the tiles where it draws something, and those
                              that it leaves bare while one that draws all the same draws more,
    answer                  = the candidate whose weight exceeds `ACCEPT` on every such tile, or
                              none; a tile that no mixture explains counts as unreadable.

Two answers drawn half each get evidence 1/2 each, and no answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.scene import Scene, render, render_tile, split_tiles

ACCEPT = 0.6  # weight above which a tile is read as one appearance
UNREADABLE = 0.6  # residual, relative to the spread of the appearances, that spoils a tile
VISIBLE = 0.05  # evidence below this does not count as a candidate still held open
NO_ANSWER = -1


@dataclass(frozen=True)
class Reading:
    """What one look at a video gives, for S looks at once.

    answer: int (S,), candidate index or -1; correct: bool (S,); score: float (S,) in [0, 1];
    evidence: float (S, candidates) in [0, 1].
    """

    answer: np.ndarray
    correct: np.ndarray
    score: np.ndarray
    evidence: np.ndarray

    @property
    def n_candidates(self) -> np.ndarray:
        """Effective number of candidates, exp(entropy of the normalised evidence), (S,)."""
        return effective_number(self.evidence)


def effective_number(weights: np.ndarray) -> np.ndarray:
    """exp(Shannon entropy) of visible weights (..., n) along the last axis; 0 where none is."""
    weights = np.where(weights >= VISIBLE, weights, 0.0)
    total = weights.sum(-1, keepdims=True)
    p = np.divide(weights, total, out=np.zeros_like(weights, dtype=float), where=total > 0)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return np.where(total[..., 0] > 0, np.exp(-(p * logs).sum(-1)), 0.0)


def _onto_simplex(w: np.ndarray) -> np.ndarray:
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
        new = _onto_simplex(ahead - (ahead @ gram - target) / largest)
        t_new = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead, w, t = new + (t - 1) / t_new * (new - w), new, t_new
    return w


class Reader:
    """The reader of one puzzle.

    `read` takes key frames (S, K, H, W, 3) in [0, 1], K the task's number of key frames, H and W
    those of the puzzle's board in tiles of 16 pixels.
    """

    def __init__(self, puzzle: Puzzle) -> None:
        task = task_of(puzzle.task)
        self.puzzle = puzzle
        self.key_frames: tuple[int, ...] = tuple(map(puzzle.board.frame, task.KEY_FRAMES))
        movies = [task.movie(puzzle, i) for i in range(len(puzzle.candidates))]
        shown = [[movie[f] for f in self.key_frames] for movie in movies]
        still = [movies[puzzle.shown][0]] * len(self.key_frames)
        looks = [*shown, task.empty(puzzle), still]

        self._tiles: list[_DecisiveTile] = []
        cells = sorted({cell for look in looks for scene in look for cell in scene})
        for k in range(len(self.key_frames)):
            for cell in cells:
                seen = [_tile(look[k], cell) for look in looks]
                if len(set(seen)) > 1:
                    self._tiles.append(_DecisiveTile.of(k, cell, seen, len(movies)))
        looks = np.stack([tile.of_candidate for tile in self._tiles])
        self._telling = tells(looks, np.array([tile.of_empty for tile in self._tiles]))

    def read(self, frames: np.ndarray) -> Reading:
        tiles = split_tiles(np.asarray(frames, dtype=np.float32))
        n_looks, n_candidates = len(tiles), len(self.puzzle.candidates)
        weakest = np.ones((n_looks, n_candidates))  # over all decisive tiles
        evidence = np.ones((n_looks, n_candidates))  # over the tiles that tell of a candidate
        draws_nothing = np.ones(n_candidates, dtype=bool)
        shared = np.zeros((n_looks, n_candidates))
        united = np.zeros((n_looks, n_candidates))
        for tile, telling in zip(self._tiles, self._telling, strict=True):
            weights = tile.weights(tiles[:, tile.key, tile.cell[0], tile.cell[1]])
            mine = weights[:, tile.of_candidate]  # (S, candidates)
            weakest = np.minimum(weakest, mine)
            evidence = np.where(telling, np.minimum(evidence, mine), evidence)
            draws_nothing &= tile.of_candidate == tile.of_empty
            # Jaccard index of "something changed here" between the video and the candidate
            changed = tile.of_candidate != tile.of_still
            moved = weights[:, [tile.of_still]] <= ACCEPT
            shared += changed & (mine > ACCEPT)
            united += changed | moved
        evidence = np.where(draws_nothing, weakest, evidence)
        best = weakest.argmax(1)
        answer = np.where(weakest.max(1) > ACCEPT, best, NO_ANSWER)
        solutions = list(self.puzzle.solutions)
        overlap = np.divide(shared, united, out=np.zeros_like(shared), where=united > 0)
        return Reading(answer, np.isin(answer, solutions), overlap[:, solutions].max(1), evidence)

    def read_video(self, video: np.ndarray) -> Reading:
        """Reads whole videos (S, T, H, W, 3)."""
        return self.read(video[:, list(self.key_frames)])


def _tile(scene: Scene, cell: tuple[int, int]) -> tuple[str, ...]:
    return scene.get(cell, ())


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


@dataclass(frozen=True)
class _DecisiveTile:
    """A tile of a key frame that does not look alike in all candidates, empty and still picture."""

    key: int
    cell: tuple[int, int]
    appearances: np.ndarray  # (m, pixels)
    spread: float
    of_candidate: np.ndarray  # (candidates,) index of its appearance
    of_empty: int
    of_still: int

    @classmethod
    def of(cls, key: int, cell: tuple[int, int], seen: list, n: int) -> _DecisiveTile:
        kinds = list(dict.fromkeys(seen))
        index = [kinds.index(tile) for tile in seen]
        appearances = np.stack([render_tile(kind).ravel() for kind in kinds]).astype(np.float64)
        distances = np.linalg.norm(appearances[:, None] - appearances[None], axis=-1)
        return cls(
            key, cell, appearances, distances.max(), np.array(index[:n]), index[n], index[n + 1]
        )

    def weights(self, observed: np.ndarray) -> np.ndarray:
        """Mixture weights (S, m); rows that no mixture explains are zero."""
        flat = observed.reshape(len(observed), -1).astype(np.float64)
        weights = mixture_weights(flat, self.appearances)
        residual = np.linalg.norm(flat - weights @ self.appearances, axis=1)
        return np.where((residual < UNREADABLE * self.spread)[:, None], weights, 0.0)


def first_frame(puzzle: Puzzle) -> np.ndarray:
    """The picture a puzzle starts from, float32 (H, W, 3) in [0, 1]."""
    return render(task_of(puzzle.task).movie(puzzle, puzzle.shown)[0], puzzle.board)
