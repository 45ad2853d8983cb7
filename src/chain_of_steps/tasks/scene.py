"""The drawing surface of every puzzle: a board of square tiles.

A tile is a tuple of layers painted from first to last, each a short string:

    wall:n|e|s|w   a dark edge          block   a solid tile       slot   an empty place to fill
    ring           a selection frame    goal   a red frame         mark:x|o
    arrow:0..3     in quarter turns     SHAPE:COLOUR:SIZE          for example disc:green:m

A scene maps (row, column) to a tile; a movie is one scene for each frame. How many pixels a tile
has is a matter of drawing alone: by default the codec's spatial stride, so that one latent position
holds exactly one tile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from chain_of_steps.tasks.board import BEAT, DEFAULT_BOARD, TILE, Board, Cell

# TILE, 16 a side of a tile, are the units of all measures below
FRAMES = DEFAULT_BOARD.frames  # frames of a movie on the default board

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (214, 39, 40),
    "green": (24, 150, 72),
    "blue": (31, 90, 200),
    "yellow": (240, 196, 25),
    "purple": (140, 60, 170),
    "cyan": (60, 190, 220),
}
SHAPES = ("disc", "square", "triangle", "diamond", "cross")
FLOOR = (244, 244, 240)
INK = (50, 50, 56)
SLOT = (214, 214, 208)
RING = (255, 127, 14)

# Colour-shape pairs that no in-domain puzzle ever shows.
HELD_OUT_PAIRS = frozenset(
    {
        ("disc", "purple"),
        ("square", "cyan"),
        ("triangle", "red"),
        ("diamond", "green"),
        ("cross", "blue"),
    }
)

Tile = tuple[str, ...]
Scene = Mapping[Cell, Tile]
Movie = Sequence[Scene]

_RADIUS = {"s": 3.0, "m": 5.25, "l": 7.5}
_SUPERSAMPLE = 8


def hold(*beats: Scene, board: Board = DEFAULT_BOARD) -> list[Scene]:
    """A movie from a scene for the first frame, then one for each beat of four frames."""
    if len(beats) != board.latent_frames:
        raise ValueError(f"a movie has {board.latent_frames} beats, got {len(beats)}")
    return [beats[0], *(scene for scene in beats[1:] for _ in range(BEAT))]


def reveal(first: Scene, done: Scene, board: Board = DEFAULT_BOARD) -> list[Scene]:
    """A movie that shows `first` for one beat, then `done` to its end."""
    return hold(first, first, *[done] * (board.beats - 1), board=board)


def with_tiles(scene: Scene, changes: Mapping[Cell, Tile]) -> dict[Cell, Tile]:
    """A copy of `scene` with some tiles replaced; an empty tuple clears a tile to bare floor."""
    merged = {**scene, **changes}
    return {cell: tile for cell, tile in merged.items() if tile}


@dataclass(frozen=True)
class _Pen:
    """Draws in units of a sixteenth of a tile, `scale` pixels each."""

    draw: ImageDraw.ImageDraw
    scale: float

    def polygon(self, points: Sequence[tuple[float, float]], fill) -> None:
        self.draw.polygon([(x * self.scale, y * self.scale) for x, y in points], fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill) -> None:
        # PIL's rectangles include their far corner
        k = self.scale
        self.draw.rectangle([x0 * k, y0 * k, x1 * k - 1, y1 * k - 1], fill=fill)

    def disc(self, centre: float, radius: float, fill) -> None:
        near, far = (centre - radius) * self.scale, (centre + radius) * self.scale - 1
        self.draw.ellipse([near, near, far, far], fill=fill)

    def frame(self, outer: float, inner: float, fill) -> None:
        """A square outline from `outer` to `inner` units away from the edge of the tile."""
        for near, far in ((outer, inner), (TILE - inner, TILE - outer)):
            self.box(outer, near, TILE - outer, far, fill)
            self.box(near, outer, far, TILE - outer, fill)


def _paint_shape(pen: _Pen, shape: str, colour: str, size: str) -> None:
    r, c, fill = _RADIUS[size], TILE / 2, COLOURS[colour]
    if shape == "disc":
        pen.disc(c, r, fill)
    elif shape == "square":
        side = r * 0.9
        pen.box(c - side, c - side, c + side, c + side, fill)
    elif shape == "triangle":
        pen.polygon([(c, c - r), (c + r, c + 0.9 * r), (c - r, c + 0.9 * r)], fill)
    elif shape == "diamond":
        pen.polygon([(c, c - 1.15 * r), (c + r, c), (c, c + 1.15 * r), (c - r, c)], fill)
    elif shape == "cross":
        pen.box(c - r, c - 0.35 * r, c + r, c + 0.35 * r, fill)
        pen.box(c - 0.35 * r, c - r, c + 0.35 * r, c + r, fill)
    else:
        raise ValueError(f"unknown shape {shape!r}; one of {', '.join(SHAPES)}")


def _paint_arrow(pen: _Pen, quarter_turns: int) -> None:
    points: list[tuple[float, float]]  # upward first
    points = [(8, 2.5), (13, 8.5), (10, 8.5), (10, 13.5), (6, 13.5), (6, 8.5), (3, 8.5)]
    for _ in range(quarter_turns % 4):  # clockwise on a picture whose y axis points down
        points = [(TILE - y, x) for x, y in points]
    pen.polygon(points, INK)


def _paint(pen: _Pen, layer: str) -> None:
    kind, _, rest = layer.partition(":")
    if kind == "wall":
        edge = {
            "n": (0, 0, TILE, 1.5),
            "s": (0, TILE - 1.5, TILE, TILE),
            "w": (0, 0, 1.5, TILE),
            "e": (TILE - 1.5, 0, TILE, TILE),
        }[rest]
        pen.box(*edge, INK)
    elif kind == "block":
        pen.box(0, 0, TILE, TILE, INK)
    elif kind == "slot":
        pen.box(0, 0, TILE, TILE, SLOT)
    elif kind == "ring":
        pen.frame(0, 1.5, RING)
    elif kind == "goal":  # between the walls and a dot, so that it touches neither
        pen.frame(1.5, 2.75, COLOURS["red"])
    elif kind == "mark" and rest == "x":
        pen.polygon([(3, 4.5), (4.5, 3), (13, 11.5), (11.5, 13)], INK)
        pen.polygon([(11.5, 3), (13, 4.5), (4.5, 13), (3, 11.5)], INK)
    elif kind == "mark" and rest == "o":
        k = pen.scale
        pen.draw.ellipse([3 * k, 3 * k, 13 * k, 13 * k], outline=INK, width=round(2 * k))
    elif kind == "arrow":
        _paint_arrow(pen, int(rest))
    else:
        colour, _, size = rest.partition(":")
        _paint_shape(pen, kind, colour, size)


@lru_cache(maxsize=8192)
def render_tile(tile: Tile, side: int = TILE, ground: Colour = FLOOR) -> np.ndarray:
    """One tile as float32 (side, side, 3) in [0, 1]; read-only, because it is shared."""
    large = side * _SUPERSAMPLE
    picture = Image.new("RGB", (large, large), ground)
    pen = _Pen(ImageDraw.Draw(picture), large / TILE)
    for layer in tile:
        _paint(pen, layer)
    pixels = np.asarray(picture.resize((side, side), Image.Resampling.BOX), dtype=np.float32) / 255
    pixels.setflags(write=False)
    return pixels


def render_tiles(
    scene: Scene, board: Board = DEFAULT_BOARD, side: int = TILE, ground: Colour = FLOOR
) -> np.ndarray:
    """A scene as float32 (rows, columns, side, side, 3) in [0, 1]."""
    return np.array(
        [
            [render_tile(scene.get((r, c), ()), side, ground) for c in range(board.columns)]
            for r in range(board.rows)
        ]
    )


def join_tiles(tiles: np.ndarray) -> np.ndarray:
    """(..., rows, columns, side, side, 3) tiles to (..., rows * side, columns * side, 3)."""
    *lead, rows, cols, height, width, channels = tiles.shape
    swapped = np.moveaxis(tiles, -3, -4)  # (..., rows, height, cols, width, channels)
    return swapped.reshape(*lead, rows * height, cols * width, channels)


def split_tiles(pictures: np.ndarray, side: int = TILE) -> np.ndarray:
    """Pictures (..., rows * side, columns * side, 3) to their tiles; `join_tiles` undone."""
    *lead, height, width, channels = pictures.shape
    cut = pictures.reshape(*lead, height // side, side, width // side, side, channels)
    return np.moveaxis(cut, -4, -3)


def render(
    scene: Scene, board: Board = DEFAULT_BOARD, side: int = TILE, ground: Colour = FLOOR
) -> np.ndarray:
    """A scene as float32 (rows * side, columns * side, 3) in [0, 1]."""
    return join_tiles(render_tiles(scene, board, side, ground))


def render_movie(movie: Movie, board: Board = DEFAULT_BOARD, side: int = TILE) -> np.ndarray:
    """A movie as float32 (T, rows * side, columns * side, 3); repeated scenes are drawn once."""
    pictures: dict[int, np.ndarray] = {}
    for scene in movie:
        if id(scene) not in pictures:
            pictures[id(scene)] = render(scene, board, side)
    return np.stack([pictures[id(scene)] for scene in movie])
