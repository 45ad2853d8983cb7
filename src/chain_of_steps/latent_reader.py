"""Reads candidates in latents, without decoding: each tile as a mixture of encoded appearances.

The movie of each candidate is encoded once. On every tile that the pictures' reader reads, in the
latent frame of a key frame, the vectors of a look are explained as a mixture of those that the
candidates have there; the rest follows as in pictures. It is plainer: nothing is put right for
light, place or blur, and there is no null. A latent knows of its neighbourhood, so candidates that
draw a tile alike have not quite the same vectors there: the mean of theirs stands for the tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from chain_of_steps.tasks.observe import Observation, Observer
from chain_of_steps.tasks.places import places_of
from chain_of_steps.tasks.reader import UNREADABLE, mixture_weights


class LatentReader:
    """Reads the latents of one puzzle as its `Observer` reads pictures."""

    def __init__(
        self,
        observer: Observer,
        answers: np.ndarray,
        empty: np.ndarray,
        still: np.ndarray,
        frame_of: Callable[[int], int],
    ) -> None:
        """answers: latents (n, C, F, h, w) of each candidate's video. empty, still: (C, F, h, w) of
        those in which nothing is drawn, nothing changes. frame_of: pixel frame -> latent frame.
        """
        self.observer = observer
        self.tiles: list[tuple[int, Sequence[int], Sequence[int], np.ndarray]] = []
        for tile in observer.tiles:
            frame = frame_of(observer.key_frames[tile.frames[0] - 1])
            at = places_of([tile.cell], answers.shape[-2:], observer.puzzle.board, observer.drawing)
            rows, columns = zip(*at, strict=True)
            shown = answers[:, :, frame, rows, columns].reshape(len(answers), -1)
            others = {tile.of_empty: empty, tile.of_still: still}
            pictures = [
                shown[tile.of_candidate == n].mean(0)
                if (tile.of_candidate == n).any()
                else others[n][:, frame, rows, columns].ravel()
                for n in range(len(tile.pictures))
            ]
            self.tiles.append((frame, rows, columns, np.stack(pictures).astype(np.float64)))

    def read(self, latents: np.ndarray) -> Observation:
        """Reads the candidates in latents (S, C, F, h, w)."""
        found = []
        for frame, rows, columns, pictures in self.tiles:
            seen = latents[:, :, frame, rows, columns].reshape(len(latents), -1).astype(np.float64)
            weights = mixture_weights(seen, pictures)
            left = np.linalg.norm(seen - weights @ pictures, axis=1)
            spread = np.linalg.norm(pictures[:, None] - pictures[None], axis=-1).max()
            found.append(np.where((left < UNREADABLE * spread)[:, None], weights, 0.0))
        return self.observer.concluded(found, np.zeros(len(latents)))
