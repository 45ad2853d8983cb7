"""Where the tiles of a board lie in a grid of latents or tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chain_of_steps.tasks.board import Board, Cell
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing


def on_grid(
    tiles: np.ndarray,
    grid: tuple[int, int, int],
    board: Board,
    drawing: Drawing = DEFAULT_DRAWING,
    *,
    around: bool = False,
) -> np.ndarray:
    """Masks of tiles (T, rows, columns) by frame of the movie as those of a grid (F, h, w).

    grid: of the latents or tokens of the whole video. A latent frame has a tile where any of its
    pixel frames has it (the first stands for one frame, the others for several); tiles are mapped
    to the grid by place. around: what the ground about the board counts as.
    """
    n_frames, h, w = grid
    shown = tiles[drawing.shown(board)]
    per_latent = np.array_split(shown[1:], n_frames - 1) if n_frames > 1 else []
    latent = np.stack([shown[0], *(part.any(0) for part in per_latent)])
    framed = np.pad(latent, ((0, 0), (0, 1), (0, 1)), constant_values=around)
    rows, columns = _tiles_at((h, w), board, drawing)
    return framed[:, rows][:, :, columns]


def places_of(
    cells: Sequence[Cell],
    size: tuple[int, int],
    board: Board,
    drawing: Drawing = DEFAULT_DRAWING,
) -> tuple[Cell, ...]:
    """The rows and columns of a grid (h, w) of latents in which some tiles lie, tile by tile."""
    rows, columns = _tiles_at(size, board, drawing)
    return tuple(
        (int(r), int(c))
        for row, column in cells
        for r in np.flatnonzero(rows == row)
        for c in np.flatnonzero(columns == column)
    )


def _tiles_at(
    size: tuple[int, int], board: Board, drawing: Drawing
) -> tuple[np.ndarray, np.ndarray]:
    """The row (h,) and the column (w,) of tiles in which rows and columns of a grid begin.

    -1 is none: the ground about the board.
    """
    found = []
    pixels = (drawing.height_on(board), drawing.width_on(board))
    sides = zip(size, pixels, drawing.corner(board), (board.rows, board.columns), strict=True)
    for n, length, corner, tiles in sides:
        at = (np.arange(n) * length // n - corner) // drawing.side
        found.append(np.where((at >= 0) & (at < tiles), at, -1))
    return found[0], found[1]
