"""The drawing surface of every puzzle: a 5 x 5 board of square tiles.

A tile is a tuple of layers painted from first to last, each a short string:

    wall:n|e|s|w   a dark edge          block   a solid tile       slot   an empty place to fill
    ring           a selection frame    goal   a red frame         mark:x|o
    arrow:0..3     in quarter turns     SHAPE:COLOUR:SIZE          for example disc:green:m

A scene maps (row, column) to a tile; a movie is one scene for each frame. The tile size equals
the codec's spatial stride, so one latent position holds exactly one tile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

BOARD = 5  # tiles a side
TILE = 16  # pixels a side of one tile
FRAMES = 17  # frames of a movie: one, then four chunks ("beats") of four
BEAT = 4  # frames that one later latent frame stands for

COLOURS: dict[str, tuple[int, int, int]] = {
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

Cell = tuple[int, int]
Tile = tuple[str, ...]
Scene = Mapping[Cell, Tile]
Movie = Sequence[Scene]

_RADIUS = {"s": 3.0, "m": 5.25, "l": 7.5}
_SUPERSAMPLE = 8


def hold(*beats: Scene) -> list[Scene]:
    """A movie from five scenes: the first frame, then one scene for each beat of four frames."""
    if len(beats) != 1 + (FRAMES - 1) // BEAT:
        raise ValueError(f"a movie has {1 + (FRAMES - 1) // BEAT} beats, got {len(beats)}")
    return [beats[0], *(scene for scene in beats[1:] for _ in range(BEAT))]


def with_tiles(scene: Scene, changes: Mapping[Cell, Tile]) -> dict[Cell, Tile]:
    """A copy of `scene` with some tiles replaced; an empty tuple clears a tile to bare floor."""
    merged = {**scene, **changes}
    return {cell: tile for cell, tile in merged.items() if tile}


def _polygon(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], fill) -> None:
    draw.polygon([(x * _SUPERSAMPLE, y * _SUPERSAMPLE) for x, y in points], fill=fill)


def _box(draw: ImageDraw.ImageDraw, x0: float, y0: float, x1: float, y1: float, fill) -> None:
    # PIL's rectangles include their far corner
    scale = _SUPERSAMPLE
    draw.rectangle([x0 * scale, y0 * scale, x1 * scale - 1, y1 * scale - 1], fill=fill)


def _frame(draw: ImageDraw.ImageDraw, outer: float, inner: float, fill) -> None:
    """A square outline from `outer` to `inner` pixels away from the edge of the tile."""
    for near, far in ((outer, inner), (TILE - inner, TILE - outer)):
        _box(draw, outer, near, TILE - outer, far, fill)
        _box(draw, near, outer, far, TILE - outer, fill)


def _paint_shape(draw: ImageDraw.ImageDraw, shape: str, colour: str, size: str) -> None:
    r, c, fill = _RADIUS[size], TILE / 2, COLOURS[colour]
    if shape == "disc":
        bounds = [(c - r) * _SUPERSAMPLE, (c - r) * _SUPERSAMPLE]
        draw.ellipse([*bounds, (c + r) * _SUPERSAMPLE - 1, (c + r) * _SUPERSAMPLE - 1], fill=fill)
    elif shape == "square":
        side = r * 0.9
        _box(draw, c - side, c - side, c + side, c + side, fill)
    elif shape == "triangle":
        _polygon(draw, [(c, c - r), (c + r, c + 0.9 * r), (c - r, c + 0.9 * r)], fill)
    elif shape == "diamond":
        _polygon(draw, [(c, c - 1.15 * r), (c + r, c), (c, c + 1.15 * r), (c - r, c)], fill)
    elif shape == "cross":
        _box(draw, c - r, c - 0.35 * r, c + r, c + 0.35 * r, fill)
        _box(draw, c - 0.35 * r, c - r, c + 0.35 * r, c + r, fill)
    else:
        raise ValueError(f"unknown shape {shape!r}; one of {', '.join(SHAPES)}")


def _paint_arrow(draw: ImageDraw.ImageDraw, quarter_turns: int) -> None:
    points: list[tuple[float, float]]  # upward first
    points = [(8, 2.5), (13, 8.5), (10, 8.5), (10, 13.5), (6, 13.5), (6, 8.5), (3, 8.5)]
    for _ in range(quarter_turns % 4):  # clockwise on a picture whose y axis points down
        points = [(TILE - y, x) for x, y in points]
    _polygon(draw, points, INK)


def _paint(draw: ImageDraw.ImageDraw, layer: str) -> None:
    kind, _, rest = layer.partition(":")
    if kind == "wall":
        edge = {
            "n": (0, 0, TILE, 1.5),
            "s": (0, TILE - 1.5, TILE, TILE),
            "w": (0, 0, 1.5, TILE),
            "e": (TILE - 1.5, 0, TILE, TILE),
        }[rest]
        _box(draw, *edge, INK)
    elif kind == "block":
        _box(draw, 0, 0, TILE, TILE, INK)
    elif kind == "slot":
        _box(draw, 0, 0, TILE, TILE, SLOT)
    elif kind == "ring":
        _frame(draw, 0, 1.5, RING)
    elif kind == "goal":  # between the walls and a dot, so that it touches neither
        _frame(draw, 1.5, 2.75, COLOURS["red"])
    elif kind == "mark" and rest == "x":
        _polygon(draw, [(3, 4.5), (4.5, 3), (13, 11.5), (11.5, 13)], INK)
        _polygon(draw, [(11.5, 3), (13, 4.5), (4.5, 13), (3, 11.5)], INK)
    elif kind == "mark" and rest == "o":
        scale = _SUPERSAMPLE
        draw.ellipse([3 * scale, 3 * scale, 13 * scale, 13 * scale], outline=INK, width=2 * scale)
    elif kind == "arrow":
        _paint_arrow(draw, int(rest))
    else:
        colour, _, size = rest.partition(":")
        _paint_shape(draw, kind, colour, size)


@lru_cache(maxsize=8192)
def render_tile(tile: Tile) -> np.ndarray:
    """One tile as float32 (16, 16, 3) in [0, 1]; read-only, because it is shared."""
    side = TILE * _SUPERSAMPLE
    picture = Image.new("RGB", (side, side), FLOOR)
    draw = ImageDraw.Draw(picture)
    for layer in tile:
        _paint(draw, layer)
    pixels = np.asarray(picture.resize((TILE, TILE), Image.Resampling.BOX), dtype=np.float32) / 255
    pixels.setflags(write=False)
    return pixels


def render_tiles(scene: Scene) -> np.ndarray:
    """A scene as float32 (5, 5, 16, 16, 3) in [0, 1], indexed [row, column]."""
    rows = [[render_tile(scene.get((r, c), ())) for c in range(BOARD)] for r in range(BOARD)]
    return np.array(rows)


def join_tiles(tiles: np.ndarray) -> np.ndarray:
    """(..., 5, 5, 16, 16, 3) tiles to (..., 80, 80, 3) pictures."""
    *lead, rows, cols, height, width, channels = tiles.shape
    swapped = np.moveaxis(tiles, -3, -4)  # (..., rows, height, cols, width, channels)
    return swapped.reshape(*lead, rows * height, cols * width, channels)


def split_tiles(pictures: np.ndarray) -> np.ndarray:
    """(..., 80, 80, 3) pictures to (..., 5, 5, 16, 16, 3) tiles; the inverse of `join_tiles`."""
    *lead, height, width, channels = pictures.shape
    cut = pictures.reshape(*lead, height // TILE, TILE, width // TILE, TILE, channels)
    return np.moveaxis(cut, -4, -3)


def render(scene: Scene) -> np.ndarray:
    """A scene as float32 (80, 80, 3) in [0, 1]."""
    return join_tiles(render_tiles(scene))


def render_movie(movie: Movie) -> np.ndarray:
    """A movie as float32 (17, 80, 80, 3) in [0, 1]; scenes that repeat are rendered once."""
    pictures: dict[int, np.ndarray] = {}
    for scene in movie:
        if id(scene) not in pictures:
            pictures[id(scene)] = render(scene)
    return np.stack([pictures[id(scene)] for scene in movie])
