"""Brings frames that a real decoder made back to a puzzle's own: place, size, colours, sharpness.

A frame is explained as the board, each tile of which shows a mixture of what it may show, seen
through a shift, a zoom, a blur and a gain and an offset for each channel, found in turns:

    place      least squares (Gauss-Newton) from the best of a coarse grid, with a weak pull to
               where the first frame was, and of that to where it should be;
    colours    least squares on the pixels on which all that can be shown looks alike, together
               with those of the first frame, with a weak pull to none;
    blur       the one of a list that explains the frame best;
    mixture    least squares over all tiles at once, as a blurred tile reaches into those beside it.

What comes back is the mixture, sharp and in its place, and all that it does not explain: so a
reader finds what was drawn, and what nothing explains stays as wrong as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.drawing import Drawing
from chain_of_steps.tasks.reader import onto_simplex
from chain_of_steps.tasks.scene import TILE, join_tiles, split_tiles

REACH = 6.0  # pixels (of 16 a tile) that a board may be shifted by
ZOOM = 0.06  # how much larger or smaller it may be
PULL = 2e-4  # mean square error that a shift of REACH or a zoom of ZOOM must save
BLURS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)  # standard deviations, in pixels
GAIN, OFFSET = (0.6, 1.3), 0.25  # what is put right; more is no matter of brightness
COLOUR_PULL = 1e-5
FIRST = 0.05  # weight of a pixel of the first frame beside one of a key frame, for colours
FULL = 1 - 1e-6  # of a channel
EXPLAINED = 0.5  # share of the variance of what nothing may change, under which a frame is not read
FLAT = 1e-5  # variance that is none
ROUNDS = 3
FINE = 2  # a frame is kept at so many times 16 pixels a tile while its place is looked for


def cut(n: int, start: float, step: float, parts: int) -> np.ndarray:
    """(parts, n): rows that average `n` pixels from start + step * i to start + step * (i + 1).

    Outside of them the outermost pixels go on.
    """
    near = start + step * np.arange(parts)[:, None]
    low, high = np.arange(n, dtype=float), np.arange(1.0, n + 1)
    low[0], high[-1] = -np.inf, np.inf
    return np.clip(np.minimum(near + step, high) - np.maximum(near, low), 0, None) / step


def reduced(picture: np.ndarray, side: int) -> np.ndarray:
    """A square picture (H, H, 3) with `side` pixels a side, each the mean of what lies there."""
    if len(picture) == side:
        return picture
    rows = cut(len(picture), 0.0, len(picture) / side, side)
    return _through(rows, picture, rows)


def _through(rows: np.ndarray, picture: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(h, w, 3) from (H, W, 3), linear along both axes."""
    height, width, channels = picture.shape
    tall = (rows @ picture.reshape(height, -1)).reshape(-1, width, channels)
    return columns @ tall


@lru_cache(maxsize=256)
def _blurring(n: int, sigma: float, bounded: bool) -> np.ndarray:
    """(n, n): a Gaussian blur. bounded: the outermost pixels go on; otherwise zeros do."""
    if not sigma:
        return np.eye(n)
    at = np.arange(n)
    reach = int(np.ceil(4 * sigma))
    rows = np.zeros((n, n))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for offset, weight in zip(range(-reach, reach + 1), weights, strict=True):
        to = at + offset
        inside = (to >= 0) & (to < n)
        rows[at[inside], to[inside]] += weight
        if bounded:
            rows[at[~inside], to[~inside].clip(0, n - 1)] += weight
    return rows


@dataclass(frozen=True)
class Place:
    """Where a board is seen: shifted by (down, right) pixels, 16 a tile, and exp(zoom) as large."""

    down: float = 0.0
    right: float = 0.0
    zoom: float = 0.0

    @property
    def values(self) -> np.ndarray:
        """In units of how far each may go."""
        return np.array([self.down / REACH, self.right / REACH, self.zoom / ZOOM])

    @classmethod
    def of(cls, values: np.ndarray) -> Place:
        down, right, zoom = np.clip(values, -1.2, 1.2) * (REACH, REACH, ZOOM)
        return cls(float(down), float(right), float(zoom))


@dataclass(frozen=True)
class Colours:
    """What is undone: seen = gain * true + offset, each (3,)."""

    gain: np.ndarray
    offset: np.ndarray

    def undone(self, seen: np.ndarray, ground: np.ndarray) -> np.ndarray:
        """True colours; a channel that is full stands for what is at least as bright as ground."""
        true = (seen - self.offset) / self.gain
        return np.where(seen < FULL, true, np.clip(true, ground, 1))

    @classmethod
    def fitted(cls, true: np.ndarray, seen: np.ndarray, weight: np.ndarray) -> Colours:
        """From (N, 3) each and weights (N,) that sum to about 1."""
        w = weight[:, None] * (seen < FULL)
        w = w / np.maximum(w.sum(0), 1e-9)
        ee, se = (w * true**2).sum(0) + COLOUR_PULL, (w * true).sum(0)
        de, sd = (w * (seen - true) * true).sum(0), (w * (seen - true)).sum(0)
        gain = 1 + (de * (1 + COLOUR_PULL) - sd * se) / (ee * (1 + COLOUR_PULL) - se**2)
        gain = np.clip(gain, *GAIN)
        offset = np.clip((sd - (gain - 1) * se) / (1 + COLOUR_PULL), -OFFSET, OFFSET)
        return cls(gain, offset)


class Kinds:
    """What each tile of a frame may show: one (m, 16, 16, 3) for each cell, row by row."""

    def __init__(self, board: Board, kinds: Sequence[np.ndarray], drawing: Drawing) -> None:
        self.board, self.kinds = board, [np.asarray(kind, np.float64) for kind in kinds]
        self.ground = np.array(drawing.ground) / 255
        corner = drawing.corner(board)
        self._bounded = tuple(not spare for spare in corner)
        size = (board.rows, board.columns)
        middle = np.stack([kind.mean(0) for kind in self.kinds])
        self.middle = join_tiles(middle.reshape(*size, TILE, TILE, 3))
        alike = np.stack([(kind == kind[0]).all((0, 3)) for kind in self.kinds])
        self.alike = join_tiles(alike.reshape(*size, TILE, TILE, 1))[..., 0]
        several = [n for n, kind in enumerate(self.kinds) if len(kind) > 1]
        # cells with equally many kinds are brought onto their simplex together
        self.groups: list[np.ndarray] = []  # (cells, m), numbers of patterns
        self.first: list[int] = []
        cells, number = [], 0
        for n in several:
            cells.append((n, number))
            number += len(self.kinds[n])
        for m in sorted({len(self.kinds[n]) for n in several}):
            starts = [at for n, at in cells if len(self.kinds[n]) == m]
            self.groups.append(np.add.outer(starts, np.arange(m)))
        self._cells = cells
        self.patterns_n = number

    def blurred(self, picture: np.ndarray, sigma: float) -> np.ndarray:
        """A picture of the board (rows * 16, columns * 16, 3), blurred."""
        if not sigma:
            return picture
        rows, columns = (
            _blurring(n, sigma, bounded)
            for n, bounded in zip(picture.shape[:2], self._bounded, strict=True)
        )
        return _through(rows, picture - self.ground, columns) + self.ground

    @lru_cache(maxsize=len(BLURS))  # noqa: B019
    def patterns(self, sigma: float) -> tuple[np.ndarray, np.ndarray]:
        """(p, rows * 16, columns * 16, 3): each kind of each cell beside their mean; their Gram."""
        height, width = self.middle.shape[:2]
        patterns = np.zeros((self.patterns_n, height, width, 3), np.float32)
        rows, columns = (
            _blurring(n, sigma, bounded)
            for n, bounded in zip((height, width), self._bounded, strict=True)
        )
        for n, at in self._cells:
            r, c = (TILE * i for i in divmod(n, self.board.columns))
            kinds = self.kinds[n] - self.kinds[n].mean(0)
            for i, kind in enumerate(kinds):
                patterns[at + i] = _through(rows[:, r : r + TILE], kind, columns[:, c : c + TILE])
        flat = patterns.reshape(len(patterns), -1)
        return patterns, (flat @ flat.T).astype(np.float64)

    def even(self) -> np.ndarray:
        """The mixture of all kinds alike, (p,)."""
        weights = np.empty(self.patterns_n)
        for group in self.groups:
            weights[group] = 1 / group.shape[1]
        return weights

    def drawn(self, weights: np.ndarray, sigma: float) -> np.ndarray:
        """The board with these mixtures (p,), blurred."""
        base = self.blurred(self.middle, sigma)
        if not self.patterns_n:
            return base
        return base + np.tensordot(weights, self.patterns(sigma)[0], 1)

    def mixture(
        self, seen: np.ndarray, inside: np.ndarray, sigma: float, start: np.ndarray
    ) -> np.ndarray:
        """Weights (p,) of what explains a picture best where it is `inside` (H, W)."""
        if not self.patterns_n:
            return start
        patterns, gram = self.patterns(sigma)
        flat = patterns.reshape(len(patterns), -1)
        left = seen - self.blurred(self.middle, sigma)
        if not inside.all():
            left = left * inside[..., None]
            within = (patterns * inside[..., None]).reshape(len(patterns), -1)
            gram = (within @ within.T).astype(np.float64)
        target = flat @ left.astype(np.float32).ravel()
        largest = np.linalg.eigvalsh(gram)[-1]
        weights, ahead, t = start, start, 1.0
        for _ in range(80):
            stepped = ahead - (gram @ ahead - target) / largest
            new = np.empty_like(stepped)
            for group in self.groups:
                new[group] = onto_simplex(stepped[group])
            t_new = (1 + np.sqrt(1 + 4 * t * t)) / 2
            ahead = new + (t - 1) / t_new * (new - weights)
            done = np.abs(new - weights).max() < 1e-5
            weights, t = new, t_new
            if done:
                break
        return weights


@dataclass(frozen=True)
class Found:
    """How a frame was seen. weights: (p,), see `Kinds`."""

    place: Place
    colours: Colours
    blur: float
    weights: np.ndarray


class Restorer:
    """Restores the frames of one puzzle's videos: what each of them may show is given.

    close: whether each frame is seen about where the one before it is, as neighbours in a video
    are; otherwise each may have drifted from where the first one is.
    """

    def __init__(
        self, board: Board, drawing: Drawing, frames: Sequence[Kinds], *, close: bool = False
    ) -> None:
        self.board, self.drawing, self.frames = board, drawing, list(frames)
        self.close = close

    def restored(self, frames: np.ndarray) -> np.ndarray:
        """Frames (S, K, H, W, 3) as tiles (S, K, rows, columns, 16, 16, 3)."""
        return np.stack([self._look(look) for look in np.asarray(frames)])

    def found(self, look: np.ndarray) -> list[Found]:
        """How each frame of one look (K, H, W, 3) is seen."""
        return [found for found, _ in self._found(look)]

    def _look(self, look: np.ndarray) -> np.ndarray:
        return np.stack([split_tiles(picture) for _, picture in self._found(look)])

    def _found(self, look: np.ndarray) -> list[tuple[Found, np.ndarray]]:
        all_found: list[tuple[Found, np.ndarray]] = []
        first: tuple[np.ndarray, np.ndarray] | None = None
        start = Found(Place(), Colours(np.ones(3), np.zeros(3)), 0.0, np.empty(0))
        for kinds, picture in zip(self.frames, look, strict=True):
            view = View(picture, self.board, self.drawing)
            found, restored, alike = self._explained(kinds, view, start, first)
            first = first or alike
            if self.close or not all_found:
                start = found
            all_found.append((found, restored))
        return all_found

    def _explained(
        self,
        kinds: Kinds,
        view: View,
        start: Found,
        first: tuple[np.ndarray, np.ndarray] | None,
    ) -> tuple[Found, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """A frame explained; it restored; and what is known of it beside what is seen."""
        even = kinds.even()
        near = start.place if self.close and first else view.coarse(kinds, start.place)
        found = replace(start, place=near, weights=even)
        expected, known = kinds.drawn(even, found.blur), kinds.alike
        for _ in range(ROUNDS):
            place = view.fine(kinds, expected, known, found, start.place)
            seen, inside = view.at(place)
            found = self._sharpness(kinds, seen, inside, replace(found, place=place), first)
            expected = kinds.drawn(found.weights, found.blur)
            known = np.ones_like(kinds.alike)
        true = found.colours.undone(seen, kinds.ground)
        where = kinds.alike & inside
        # frames that show nothing are explained by a strong blur and little gain: they stay as seen
        if _explained(expected[where], true[where]) < EXPLAINED:
            return found, seen, (expected[where], seen[where])
        restored = kinds.drawn(found.weights, 0.0) + (true - expected) * inside[..., None]
        return found, restored, (expected[where], seen[where])

    def _sharpness(
        self,
        kinds: Kinds,
        seen: np.ndarray,
        inside: np.ndarray,
        found: Found,
        first: tuple[np.ndarray, np.ndarray] | None,
    ) -> Found:
        """The blur that explains a frame best, with its colours and its mixture.

        From the last blur downhill: each is tried with its own colours, as one that is too weak
        looks like a loss of contrast.
        """

        def tried(number: int) -> tuple[float, Found]:
            blur = BLURS[number]
            expected = kinds.drawn(found.weights, blur)
            colours = self._colours(kinds, expected, seen, inside, first)
            true = colours.undone(seen, kinds.ground)
            weights = kinds.mixture(true, inside, blur, found.weights)
            left = (true - kinds.drawn(weights, blur))[inside]
            return float((left**2).mean()), Found(found.place, colours, blur, weights)

        number = BLURS.index(found.blur)
        best = {number: tried(number)}
        for step in (1, -1):
            while 0 <= number + step < len(BLURS):
                best[number + step] = tried(number + step)
                if best[number + step][0] >= best[number][0]:
                    break
                number += step
        return best[number][1]

    def _colours(self, kinds, expected, seen, inside, first) -> Colours:
        where = kinds.alike & inside
        true, have = expected[where], seen[where]
        weight = np.ones(len(true))
        if first is not None:
            true, have = np.concatenate([true, first[0]]), np.concatenate([have, first[1]])
            weight = np.concatenate([weight, np.full(len(first[0]), FIRST)])
        return Colours.fitted(true, have, weight / max(weight.sum(), 1e-9))


def _explained(expected: np.ndarray, true: np.ndarray) -> float:
    """The share of the variance of pixels (N, 3) that is expected; 1 where there is none."""
    if expected.var(0).sum() < FLAT:
        return 1.0
    return 1 - float(((true - expected) ** 2).sum() / max(((true - true.mean(0)) ** 2).sum(), 1e-9))


class View:
    """One frame (H, W, 3), cut to the board and what is near it."""

    def __init__(self, picture: np.ndarray, board: Board, drawing: Drawing) -> None:
        self.board = board
        self.size = (TILE * board.rows, TILE * board.columns)
        unit = drawing.side / TILE  # pixels of the frame
        self.pad = 10.0
        parts = [int(FINE * (n + 2 * self.pad)) for n in self.size]
        starts = [corner - self.pad * unit for corner in drawing.corner(board)]
        rows, columns = (
            cut(n, start, unit / FINE, m)
            for n, start, m in zip(picture.shape[:2], starts, parts, strict=True)
        )
        self.fine_picture = _through(rows, np.asarray(picture, np.float64), columns)
        corner = drawing.corner(board)
        # where the frame begins and ends, in pixels of 16 a tile from the board's corner
        self.bounds = [
            (-at / unit, (n - at) / unit) for at, n in zip(corner, picture.shape[:2], strict=True)
        ]

    def _rows(self, axis: int, shift: float, zoom: float, parts: int) -> np.ndarray:
        n = self.size[axis]
        scale = np.exp(zoom)
        start = n / 2 * (1 - scale) + shift
        return cut(
            self.fine_picture.shape[axis],
            FINE * (self.pad + start),
            FINE * scale * n / parts,
            parts,
        )

    def at(self, place: Place) -> tuple[np.ndarray, np.ndarray]:
        """The board as it is seen at a place, (H, W, 3), and where that is in the frame (H, W)."""
        rows, inside = [], []
        for axis, shift in enumerate((place.down, place.right)):
            n = self.size[axis]
            rows.append(self._rows(axis, shift, place.zoom, n))
            scale = np.exp(place.zoom)
            near = n / 2 * (1 - scale) + shift + scale * np.arange(n)
            low, high = self.bounds[axis]
            inside.append((near >= low - 0.05) & (near + scale <= high + 0.05))
        return _through(rows[0], self.fine_picture, rows[1]), np.logical_and.outer(*inside)

    def coarse(self, kinds: Kinds, near: Place) -> Place:
        """The best of a grid of places, on the pixels that are known."""
        half = [n // 2 for n in self.size]
        rows = cut(self.size[0], 0.0, 2.0, half[0])
        columns = cut(self.size[1], 0.0, 2.0, half[1])
        known = _through(rows, kinds.alike[..., None].astype(float), columns)[..., 0] > 0.999
        if known.sum() < 8:
            return near
        expected = _through(rows, kinds.middle, columns)[known]
        expected = expected - expected.mean(0)
        shifts = np.linspace(-REACH, REACH, 9)
        best, least = near, np.inf
        for zoom in np.linspace(-ZOOM, ZOOM, 5):
            down = np.stack([self._rows(0, s, zoom, half[0]) for s in shifts])
            right = np.stack([self._rows(1, s, zoom, half[1]) for s in shifts])
            tall = np.einsum("aij,jlc->ailc", down, self.fine_picture, optimize=True)
            seen = np.einsum("ailc,bkl->abikc", tall, right, optimize=True)[:, :, known]
            seen = seen - seen.mean(2, keepdims=True)
            together = np.clip((seen * expected).sum(2), 0, None)
            explained = together**2 / np.maximum((seen**2).sum(2), 1e-9)
            left = ((expected**2).sum(0) - explained).mean(-1) / len(expected)  # (9, 9)
            far = [
                [((Place(a, b, zoom).values - near.values) ** 2).sum() for b in shifts]
                for a in shifts
            ]
            left = left + PULL * np.array(far)
            at = np.unravel_index(left.argmin(), left.shape)
            if left[at] < least:
                least, best = left[at], Place(shifts[at[0]], shifts[at[1]], zoom)
        return best

    def fine(
        self, kinds: Kinds, expected: np.ndarray, known: np.ndarray, found: Found, near: Place
    ) -> Place:
        """Gauss-Newton from the place that was found last, to what is expected (H, W, 3)."""
        place, best, least = found.place, found.place, np.inf
        across = [np.arange(n) + 0.5 - n / 2 for n in self.size]
        for _ in range(5):
            seen, inside = self.at(place)
            where = known & inside
            if where.sum() < 8:
                return near
            weight = np.full(where.sum(), 1 / where.sum())
            colours = Colours.fitted(expected[where], seen[where], weight)
            true = colours.undone(seen, kinds.ground)
            left = (true - expected)[where]
            pull = place.values - near.values
            error = (left**2).mean() + PULL * (pull**2).sum()
            if error < least:
                best, least = place, error
            down, right = np.gradient(true, axis=(0, 1))
            scale = np.exp(place.zoom)
            zoom = across[0][:, None, None] * down + across[1][None, :, None] * right
            slopes = np.stack(
                [down[where] / scale * REACH, right[where] / scale * REACH, zoom[where] * ZOOM]
            )  # (3, N, 3)
            n = left.size
            curve = np.einsum("inc,jnc->ij", slopes, slopes) / n + PULL * np.eye(3)
            slope = np.einsum("inc,nc->i", slopes, left) / n + PULL * pull
            step = -np.linalg.solve(curve, slope)
            step *= min(1.0, 0.35 / max(np.abs(step).max(), 1e-12))
            place = Place.of(place.values + step)
            if np.abs(step).max() < 1e-3:
                break
        return best
