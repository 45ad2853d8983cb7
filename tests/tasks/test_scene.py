"""The drawing surface: tiles, shapes and beats."""

import numpy as np
import pytest
from puzzles import near

from chain_of_steps.tasks.scene import (
    COLOURS,
    FLOOR,
    hold,
    join_tiles,
    render,
    render_tile,
    split_tiles,
)


def test_tiles_are_cut_and_joined_without_loss():
    picture = np.random.default_rng(0).random((2, 80, 80, 3))
    tiles = split_tiles(picture)
    assert np.array_equal(tiles[1, 3, 2], picture[1, 48:64, 32:48])
    assert np.array_equal(join_tiles(tiles), picture)


def test_a_scene_is_drawn_in_its_cell_in_range_and_read_only():
    picture = render({(1, 3): ("disc:red:m",)})
    assert picture.shape == (80, 80, 3)
    assert picture.dtype == np.float32
    assert near(picture[24, 56], COLOURS["red"])
    bare = picture.copy()
    bare[16:32, 48:64] = np.array(FLOOR) / 255
    assert np.allclose(bare, np.array(FLOOR) / 255, atol=1e-6)
    assert 0 <= picture.min() <= picture.max() <= 1
    with pytest.raises(ValueError, match="read-only"):
        render_tile(("disc:red:m",))[:] = 0


def test_arrows_turn_clockwise():
    upward = render_tile(("arrow:0",))
    assert upward[2, 8].max() < upward[2, 0].max()  # its tip is at the top
    for turns in range(4):
        arrow = render_tile((f"arrow:{turns}",))
        away = [np.abs(arrow - np.rot90(upward, -n)).mean() for n in range(4)]
        assert np.argmin(away) == turns
        assert away[turns] < 0.02 < min(away[:turns] + away[turns + 1 :])


def test_five_beats_make_a_movie():
    movie = hold({}, {(0, 0): ("block",)}, {}, {}, {(1, 1): ("slot",)})
    assert [bool(scene) for scene in movie] == [False] + [True] * 4 + [False] * 8 + [True] * 4
    with pytest.raises(ValueError, match="5 beats, got 4"):
        hold({}, {}, {}, {})
