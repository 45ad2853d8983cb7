"""Reads an answer, and the evidence for every candidate answer, from the frames of a video.

One reader serves every puzzle: it knows how each candidate would look. On every tile where the
candidates (or the empty and the still picture) differ, it explains the tile as a mixture of the
possible appearances. Then

    evidence of a candidate = its weakest weight over the tiles where it draws something, and those
                              that it leaves bare while one that draws all the same draws more,
    accepted                = the candidate whose weight exceeds ACCEPT on every decisive tile, or
                              none; a tile that no mixture explains counts as unreadable,
    leads                   = the candidate of the largest evidence.

Two answers drawn half each get evidence 1/2 each, and neither is accepted nor leads.

Readings do not follow brightness: each look is first brought to the colours of the puzzle, by a
gain and an offset for each channel, fitted where all that can be shown looks alike; where that is
bare floor alone the first frame, which is given, tells the two apart. What tiles on which nothing
may change still seem to show of a change is the null of the look; evidence counts from there.

A look in which no candidate is visible shows nothing that can be read: that is a state of its own,
and it has no number of candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.board import BEAT, Cell
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.reader import (
    ACCEPT,
    NO_ANSWER,
    UNREADABLE,
    VISIBLE,
    effective_number,
    mixture_weights,
    tells,
)
from chain_of_steps.tasks.restore import Kinds, Restorer, reduced
from chain_of_steps.tasks.scene import (
    FLOOR,
    TILE,
    Scene,
    Tile,
    join_tiles,
    render_tile,
    split_tiles,
)

FIRST = 0.05  # weight of a pixel of the first frame beside one of a key frame
PRIOR = 1e-5  # weight of "no change of colour" against all pixels of a look
GAIN, OFFSET = (0.8, 1.25), 0.15  # what is put right; more is no matter of brightness
SPOILT = 0.1  # root mean square of what is left, over which a look cannot be read
FULL = 1 - 1e-6  # of a channel
FLOOR_COLOUR = np.array(FLOOR) / 255
TIE = 1e-6


@dataclass(frozen=True)
class Observation:
    """What S looks at a video show of a puzzle's candidates.

    evidence: float (S, candidates) in [0, 1], above the null. leads: int (S,), the candidate of the
    largest evidence, or -1 where nothing is readable or two lead alike. best: int (S,), the
    candidate whose weakest tile weighs most; weight: float (S,) in [0, 1], what that tile weighs.
    null: float (S,). score: float (S,) in [0, 1], the tiles that change as in a right answer among
    those that change in it or in the look (Jaccard index), of the right answer that fits best.
    solutions: the right answers.
    """

    evidence: np.ndarray
    leads: np.ndarray
    best: np.ndarray
    weight: np.ndarray
    null: np.ndarray
    score: np.ndarray
    solutions: tuple[int, ...]

    @property
    def accepted(self) -> np.ndarray:
        """int (S,): the candidate that is accepted, or -1."""
        return accepted(self.best, self.weight)

    @property
    def correct(self) -> np.ndarray:
        """bool (S,): whether a right answer is accepted."""
        return np.isin(self.accepted, self.solutions)

    @property
    def readable(self) -> np.ndarray:
        """bool (S,): whether any candidate is visible."""
        return self.evidence.max(1) >= VISIBLE

    @property
    def n_candidates(self) -> np.ndarray:
        """Effective number of candidates (S,), not less than 1; nan where nothing is readable."""
        return effective_number(self.evidence)


@dataclass(frozen=True)
class TileObservation:
    """What S looks show on each of D decisive tiles of a video, latent frame by latent frame.

    frame, row, column: int (D,). depth: int (D,), the number of inferences that the tile takes, -1
    where the task does not say. weight: float (S, D), of the right appearance. leads: bool (S, D),
    whether no other weighs as much. accepted: bool (S, D), whether it exceeds ACCEPT. readable:
    bool (S, D), whether the possible appearances explain the tile at all.
    """

    frame: np.ndarray
    row: np.ndarray
    column: np.ndarray
    depth: np.ndarray
    weight: np.ndarray
    leads: np.ndarray
    readable: np.ndarray

    @property
    def accepted(self) -> np.ndarray:
        return self.weight > ACCEPT


def accepted(best: np.ndarray, weight: np.ndarray, threshold: float = ACCEPT) -> np.ndarray:
    """The best candidate (S,) where its weight (S,) exceeds the threshold, else -1."""
    return np.where(np.asarray(weight) > threshold, best, NO_ANSWER)


def kept_from(flags: np.ndarray) -> np.ndarray:
    """The first look from which a flag (S, D) holds to the last one, (D,); S where it never does.

    So of `leads` or `accepted` along the steps it is the step at which each tile is decided.
    """
    broken = ~np.asarray(flags, bool)[::-1]
    return len(broken) - np.where(broken.any(0), broken.argmax(0), len(broken))


@dataclass(frozen=True)
class _Place:
    """A tile in some frames, and what it looks like in every movie.

    pictures: (m, P) different appearances. of_candidate (candidates,), of_empty, of_still: which.
    """

    frames: Sequence[int]
    cell: Cell
    pictures: np.ndarray
    of_candidate: np.ndarray
    of_empty: int
    of_still: int

    @classmethod
    def of(
        cls, frames: Sequence[int], cell: Cell, keys: list[tuple[Tile, ...]], drawing: Drawing
    ) -> _Place:
        """keys: the tiles in these frames, of each candidate, then of the empty, then the still."""
        kinds = list(dict.fromkeys(keys))
        pictures = [np.stack([look_of(tile, drawing) for tile in kind]).ravel() for kind in kinds]
        *mine, empty, still = map(kinds.index, keys)
        return cls(frames, cell, np.array(pictures, np.float64), np.array(mine), empty, still)

    @property
    def decisive(self) -> bool:
        return len(self.pictures) > 1

    @cached_property
    def alike(self) -> np.ndarray:
        """bool (P,): pixels on which all appearances agree."""
        return (self.pictures == self.pictures[0]).all(0)

    @cached_property
    def spread(self) -> float:
        distances = self.pictures[:, None] - self.pictures[None]
        return np.linalg.norm(distances, axis=-1).max()

    def weights(self, seen: np.ndarray) -> np.ndarray:
        """Mixture weights (S, m) of what was seen (S, P); rows that no mixture explains are 0."""
        weights = mixture_weights(seen, self.pictures)
        left = np.linalg.norm(seen - weights @ self.pictures, axis=1)
        return np.where((left < UNREADABLE * self.spread)[:, None], weights, 0.0)


class Observer:
    """Reads the videos of one puzzle, as a drawing has them.

    A video of 16 pixels a tile is read as it is, any other is restored first. Where a dot moves,
    the trail is read that it would have left.

    frames: those that `read` takes, the first frame and then the key frames; of the video.
    """

    def __init__(self, puzzle: Puzzle, drawing: Drawing = DEFAULT_DRAWING) -> None:
        task, board = task_of(puzzle.task), puzzle.board
        self.puzzle, self.drawing = puzzle, drawing
        drawing.check(board)
        keys = tuple(map(board.frame, task.KEY_FRAMES))
        shown = tuple(range(1, board.frames)) if drawing.moves(puzzle) else keys
        self.key_frames: tuple[int, ...] = tuple(drawing.at(frame, board) for frame in shown)
        self.frames = (0, *self.key_frames)
        self._movies = [task.movie(puzzle, n) for n in range(len(puzzle.candidates))]
        self._still: Scene = self._movies[puzzle.shown][0]
        self._of_frames: dict[tuple[int, ...], Restorer] = {}  # of the first frame and some others
        self._first = [self._place((0,), cell, (0,), None) for cell in board.cells]
        self._key_places = [
            self._place((k,), cell, (frame,), blank)
            for k, (frame, blank) in enumerate(zip(keys, task.empty(puzzle), strict=True), 1)
            for cell in board.cells
        ]

    def _place(
        self, at: Sequence[int], cell: Cell, frames: Sequence[int], empty: Scene | None
    ) -> _Place:
        """A cell in some frames of the movies, which stand at `at` among the frames to read."""
        keys = _keys(self._movies, self._still, cell, frames, empty)
        return _Place.of(at, cell, keys, self.drawing)

    @cached_property
    def _shown(self) -> list[list[Scene]]:
        """The movie of each candidate as it is drawn: where a dot moves, it does here."""
        return [self.drawing.movie(self.puzzle, n) for n in range(len(self.puzzle.candidates))]

    @cached_property
    def _blocks(self) -> list[_Place]:
        """Every tile of every latent frame: the first frame, then four at a time."""
        beats, cells = self.puzzle.board.beats, self.puzzle.board.cells
        chunks = [range(1), *(range(1 + BEAT * n, 1 + BEAT * (n + 1)) for n in range(beats))]
        return [
            _Place.of(chunk, cell, _keys(self._shown, self._still, cell, chunk), self.drawing)
            for chunk in chunks
            for cell in cells
        ]

    @cached_property
    def decisive(self) -> np.ndarray:
        """bool (T, rows, columns): the tiles of the video on which the candidates differ."""
        board = self.puzzle.board
        found = np.zeros((1 + BEAT * board.beats, board.rows, board.columns), bool)
        for place in self._blocks:
            found[(place.frames, *place.cell)] = len(set(place.of_candidate)) > 1
        return found

    def read(self, frames: np.ndarray) -> Observation:
        """Reads the candidates in `self.frames` of videos, (S, 1 + K, H, W, 3) in [0, 1]."""
        places = [*self._first, *self._key_places]
        weights = [FIRST] * len(self._first) + [1.0] * len(self._key_places)
        answers = self._answers(frames)
        light = _light(places, answers, weights)
        places, spoilt = self._key_places, light.spoilt
        seen = [light.undone(looks) for looks in _seen(places, answers)]
        found = [
            np.where(spoilt[:, None], 0.0, place.weights(looks))
            for place, looks in zip(places, seen, strict=True)
            if place.decisive
        ]
        return self.concluded(found, _null(places, seen))

    @property
    def tiles(self) -> list[_Place]:
        """The tiles of the key frames on which something that can be shown differs."""
        return [place for place in self._key_places if place.decisive]

    def concluded(self, found: Sequence[np.ndarray], null: np.ndarray) -> Observation:
        """What S looks show, given the weights (S, m) of the appearances of each of `tiles`.

        null: (S,), the evidence that counts as none.
        """
        places = self.tiles
        shares, shared, united = [], 0, 0
        for place, weights in zip(places, found, strict=True):
            shares.append(weights[:, place.of_candidate])
            changed, moved = (
                place.of_candidate != place.of_still,
                weights[:, [place.of_still]] <= ACCEPT,
            )
            shared = shared + (changed & (shares[-1] > ACCEPT))
            united = united + (changed | moved)
        mine = np.stack(shares, axis=1)  # (S, tiles, candidates)
        looks = np.stack([place.of_candidate for place in places])
        telling = tells(looks, np.array([place.of_empty for place in places]))
        telling |= ~telling.any(0)  # of a candidate that draws nothing every tile tells
        lowest = np.where(telling[None], mine, 1.0).min(1)
        evidence = np.clip((lowest - null[:, None]) / (1 - null[:, None]), 0, 1)
        weakest = mine.min(1)
        solutions = self.puzzle.solutions
        overlap = np.divide(shared, united, out=np.zeros(mine[:, 0].shape), where=united > 0)
        return Observation(
            evidence,
            _leaders(evidence, mine.mean(1)),
            weakest.argmax(1),
            weakest.max(1),
            null,
            overlap[:, list(solutions)].max(1),
            solutions,
        )

    def read_video(self, video: np.ndarray) -> Observation:
        """Reads the candidates in whole videos (S, T, H, W, 3)."""
        self._check_length(video)
        return self.read(video[:, list(self.frames)])

    def read_tiles(self, video: np.ndarray, candidate: int | None = None) -> TileObservation:
        """Reads every decisive tile of whole videos (S, T, H, W, 3) in [0, 1].

        candidate: whose appearance is called right; the one that the puzzle's own video shows.
        Where a puzzle has several solutions, it may be the one that a run ends with.
        """
        candidate = self.puzzle.shown if candidate is None else candidate
        places = self._blocks
        self._check_length(video)
        board = self.puzzle.board
        at = [self.drawing.at(frame, board) for frame in range(board.frames)]
        frames = video if at == list(range(video.shape[1])) else video[:, at]
        tiles = self._cut(frames, lambda: self._every_frame)
        light = _light(places, tiles, [1.0] * len(places))
        decisive = [place for place in places if place.decisive]
        depths = getattr(task_of(self.puzzle.task), "depths", None)
        depth_of = depths(self.puzzle, candidate) if depths else {}
        columns, shares, leads, readable = [], [], [], []
        for place, looks in zip(decisive, _seen(decisive, tiles), strict=True):
            weights = np.where(light.spoilt[:, None], 0.0, place.weights(light.undone(looks)))
            right = weights[:, place.of_candidate[candidate]]
            others = np.delete(weights, place.of_candidate[candidate], axis=1).max(1)
            frame = -(-place.frames[0] // BEAT)
            columns.append((frame, *place.cell, depth_of.get(place.cell, -1)))
            shares.append(right)
            leads.append(right > others)
            readable.append(weights.any(1))
        found = (np.stack(part, axis=1) for part in (shares, leads, readable))
        return TileObservation(*np.array(columns).T, *found)

    def frames_for(self, at: Sequence[int]) -> list[int]:
        """The frames of a video that `boards` asks for so as to show some frames of the movie."""
        if self.drawing.moves(self.puzzle):
            return list(self.frames)
        wanted = [self.drawing.at(frame, self.puzzle.board) for frame in at]
        return wanted if self.drawing.fits(self.puzzle.board) else [0, *wanted]

    def boards(self, frames: np.ndarray, at: Sequence[int]) -> np.ndarray:
        """Frames of the movie as they are read: (S, len(at), rows * 16, columns * 16, 3).

        frames: those of `frames_for(at)`, (S, K, H, W, 3) in [0, 1]. Where a video has 16 pixels a
        tile these are its own; else they are restored. Of a dot that moves, the trail that it would
        have left by the end is shown at each.
        """
        frames = np.asarray(frames)
        if self.drawing.moves(self.puzzle):
            return np.repeat(join_tiles(self._answers(frames)[:, 1:]), len(at), axis=1)
        if self.drawing.fits(self.puzzle.board):
            return frames
        if (restorer := self._of_frames.get(tuple(at))) is None:
            cells = self.puzzle.board.cells
            places = [[self._passing(cell, [frame]) for cell in cells] for frame in at]
            restorer = self._of_frames[tuple(at)] = self._restorer([self._first, *places])
        return join_tiles(restorer.restored(frames)[:, 1:])

    def _answers(self, frames: np.ndarray) -> np.ndarray:
        """Tiles of the first frame and the key frames; of a dot that moves, those of its trail."""
        tiles = self._cut(frames, lambda: self._some_frames)
        return self._trail(tiles) if self.drawing.moves(self.puzzle) else tiles

    def _trail(self, tiles: np.ndarray) -> np.ndarray:
        """The first frame, and the trail that a dot would have left, (S, 2, ...).

        On each tile the frame in which the dot is most there, wherever it may come by; the last
        one elsewhere.
        """
        trail = tiles[:, -1].copy()
        looks = np.arange(len(tiles))
        for place in self._key_places:
            row, column = place.cell
            seen = tiles[:, :, row, column]
            if place.decisive:
                empty = place.pictures[place.of_empty]
                dots = np.delete(place.pictures, place.of_empty, axis=0) - empty
                dots /= (dots**2).sum(1, keepdims=True)
                share = (seen.reshape(*seen.shape[:2], -1) - empty) @ dots.T
                trail[:, row, column] = seen[looks, share.max(2).argmax(1)]
            elif len({scene.get(place.cell) for movie in self._shown for scene in movie}) > 1:
                trail[:, row, column] = seen[:, 0]  # where it starts
        return np.stack([tiles[:, 0], trail], axis=1)

    def _cut(self, frames: np.ndarray, restorer: Callable[[], Restorer]) -> np.ndarray:
        """Tiles (S, K, rows, columns, 16, 16, 3). Raises ValueError for frames of another size."""
        board, drawing, frames = self.puzzle.board, self.drawing, np.asarray(frames)
        size = (drawing.height_on(board), drawing.width_on(board))
        if frames.shape[2:4] != size:
            raise ValueError(
                f"frames of {frames.shape[2:4]} pixels, but the puzzle has {board} and is drawn "
                f"with {size}"
            )
        if drawing.fits(board):
            return split_tiles(frames.astype(np.float64))
        return restorer().restored(frames)

    def _check_length(self, video: np.ndarray) -> None:
        """Raises ValueError for videos (S, T, H, W, 3) of another length."""
        frames = self.drawing.frames_on(self.puzzle.board)
        if video.shape[1] != frames:
            raise ValueError(f"videos of {video.shape[1]} frames, but the puzzle has {frames}")

    @cached_property
    def _some_frames(self) -> Restorer:
        """Of the frames to read."""
        if not self.drawing.moves(self.puzzle):
            n = len(self._first)  # cells
            keys = [self._key_places[k : k + n] for k in range(0, len(self._key_places), n)]
            return self._restorer([self._first, *keys])
        frames = range(self.puzzle.board.frames)
        passing = [self._passing(cell, frames) for cell in self.puzzle.board.cells]
        return self._restorer([self._first, *[passing] * len(self.key_frames)], close=True)

    @cached_property
    def _every_frame(self) -> Restorer:
        """Of every frame of the movie."""
        board = self.puzzle.board
        places = [[self._passing(cell, [f]) for cell in board.cells] for f in range(board.frames)]
        return self._restorer(places, close=True)

    def _passing(self, cell: Cell, frames: Iterable[int]) -> _Place:
        """All that a cell may show in any of some frames."""
        tiles = {m[f].get(cell, ()): None for m in self._shown for f in frames}
        tiles[self._still.get(cell, ())] = None
        keys = [(tile,) for tile in tiles]
        return _Place.of((0,), cell, [*keys, keys[0], keys[0]], self.drawing)

    def _restorer(self, frames: list[list[_Place]], *, close: bool = False) -> Restorer:
        board, drawing = self.puzzle.board, self.drawing
        known: dict[int, Kinds] = {}  # frames may share theirs
        found = []
        for places in frames:
            if id(places) not in known:
                pictures = [place.pictures.reshape(-1, TILE, TILE, 3) for place in places]
                known[id(places)] = Kinds(board, pictures, drawing)
            found.append(known[id(places)])
        return Restorer(board, drawing, found, close=close)


def _keys(
    movies: Sequence[Sequence[Scene]],
    still: Scene,
    cell: Cell,
    frames: Sequence[int],
    empty: Scene | None = None,
) -> list[tuple[Tile, ...]]:
    """The tiles of a cell in some frames, of each movie, of the empty scene, of the still one.

    The still scene is the empty one where none is given.
    """
    shown = [tuple(movie[f].get(cell, ()) for f in frames) for movie in movies]
    held = (still.get(cell, ()),) * len(frames)
    return [*shown, held if empty is None else (empty.get(cell, ()),), held]


class Shown(Protocol):
    """A puzzle that is shown: a case, say."""

    @property
    def puzzle(self) -> Puzzle: ...

    @property
    def drawing(self) -> Drawing: ...


def observer_of(shown: Shown) -> Observer:
    """The reader of its videos."""
    return Observer(shown.puzzle, shown.drawing)


@lru_cache(maxsize=8192)
def look_of(tile: Tile, drawing: Drawing) -> np.ndarray:
    """A tile as it is read: (16, 16, 3) in [0, 1], reduced from what a drawing shows."""
    return reduced(render_tile(tile, drawing.side, drawing.ground), TILE)


def _seen(places: Sequence[_Place], tiles: np.ndarray) -> Iterator[np.ndarray]:
    """The pixels (S, P) of each place."""
    for place in places:
        row, column = place.cell
        first, last = place.frames[0], place.frames[-1]
        yield tiles[:, first : last + 1, row, column].reshape(len(tiles), -1)


@dataclass(frozen=True)
class _Light:
    """In which light S looks are: gain and offset (S, 1, 3) of each channel.

    spoilt: bool (S,): what nothing may change is not as it is.
    """

    gain: np.ndarray
    offset: np.ndarray
    spoilt: np.ndarray

    def undone(self, looks: np.ndarray) -> np.ndarray:
        """Looks (S, P) without it."""
        pixels = looks.reshape(len(looks), -1, 3)
        return _undone(pixels, self.gain, self.offset).reshape(looks.shape)


def _light(places: Sequence[_Place], tiles: np.ndarray, weights: Sequence[float]) -> _Light:
    """Gain and offset of each look and channel, and which looks are spoilt.

    They are fitted by least squares to the pixels on which all appearances agree, with a weak pull
    towards none; weights: of a pixel of each place. A channel that is full says nothing of them: it
    stands for what is at least as bright as the floor.
    """
    true, found, weight = [], [], []
    for place, looks, w in zip(places, _seen(places, tiles), weights, strict=True):
        alike = place.alike.reshape(-1, 3).all(1)
        true.append(place.pictures[0].reshape(-1, 3)[alike])
        found.append(looks.reshape(len(looks), -1, 3)[:, alike])
        weight.append(np.full(alike.sum(), w))
    # channel by channel, whose pixels then stand beside each other: (3, N), (S, 3, N), (N,)
    e = np.ascontiguousarray(np.concatenate(true).T)
    o = np.ascontiguousarray(np.concatenate(found, axis=1).transpose(0, 2, 1))
    w = np.concatenate(weight)
    gain, offset = np.ones((len(o), 3)), np.zeros((len(o), 3))
    spoilt = np.zeros(len(o), bool)
    for n, look in enumerate(o if len(w) else ()):  # one at a time stays in the cache
        gain[n], offset[n] = _gain_and_offset(look, e, w)
        left = _undone(look.T, gain[n], offset[n]).T - e
        spoilt[n] = np.sqrt(np.einsum("cn,cn,n->", left, left, w) / (3 * w.sum())) > SPOILT
    return _Light(gain[:, None], offset[:, None], spoilt)


def _gain_and_offset(
    look: np.ndarray, true: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of each channel, (3,): least squares for the change, look - true = (gain - 1) true + offset.

    look, true: (3, N); weight: (N,).
    """
    w = weight * (look < FULL)
    total = np.maximum(w.sum(1), 1)
    we, change = w * true, look - true
    ee = np.einsum("cn,cn->c", we, true) / total + PRIOR
    de = np.einsum("cn,cn->c", we, change) / total
    se, sd = we.sum(1) / total, np.einsum("cn,cn->c", w, change) / total
    determinant = ee * (1 + PRIOR) - se**2
    gain = np.clip(1 + (de * (1 + PRIOR) - sd * se) / determinant, *GAIN)
    return gain, np.clip((sd - (gain - 1) * se) / (1 + PRIOR), -OFFSET, OFFSET)


def _undone(colours: np.ndarray, gain: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Colours before gain and offset; a full one is at least as bright as the floor."""
    true = (colours - offset) / gain
    full = colours >= FULL
    return np.where(full, np.clip(true, FLOOR_COLOUR, 1), true) if full.any() else true


def _null(places: Sequence[_Place], seen: Sequence[np.ndarray]) -> np.ndarray:
    """How much of a change tiles show on which nothing may change, (S,) in [0, 0.5].

    Of each change that may happen elsewhere, the root mean square of its share over those tiles;
    the largest of all changes.
    """
    changes = {
        (place.pictures[a] - place.pictures[place.of_empty]).tobytes()
        for place in places
        for a in set(place.of_candidate) - {place.of_empty}
    }
    still = [n for n, place in enumerate(places) if not place.decisive]
    if not changes or not still:
        return np.zeros(len(seen[0]))
    directions = np.stack([np.frombuffer(change) for change in sorted(changes)])
    directions /= (directions**2).sum(1, keepdims=True)
    left = np.stack([seen[n] - places[n].pictures[0] for n in still], axis=1)  # (S, tiles, P)
    shares = np.einsum("stp,cp->stc", left, directions)
    return np.sqrt((shares**2).mean(1)).max(1).clip(0, 0.5)


def _leaders(evidence: np.ndarray, agreement: np.ndarray) -> np.ndarray:
    """The candidate of the largest evidence (S,), -1 where none is visible or none is ahead.

    Evidence is that of the weakest tile, which candidates often share. Of those the one leads that
    agrees best with all tiles; nobody does where two agree alike.
    """
    most = evidence.max(1, keepdims=True)
    score = np.where(evidence >= most - TIE, agreement, -np.inf)
    ordered = np.sort(score, axis=1)
    ahead = ordered[:, -1] - ordered[:, -2] > TIE
    return np.where((most[:, 0] >= VISIBLE) & ahead, score.argmax(1), NO_ANSWER)
