"""Regions of the puzzles against their pixels."""

import itertools

import numpy as np
import pytest

from chain_of_steps.experiments.layers import energy
from chain_of_steps.tasks import stream, task_names, task_of
from chain_of_steps.tasks.regions import named_layers, tile_masks
from chain_of_steps.tasks.scene import COLOURS, FLOOR, render_movie, split_tiles


@pytest.mark.parametrize("task", task_names())
def test_masks_agree_with_the_pixels(task):
    for puzzle in itertools.islice(stream(task, "in-domain", "evaluation", 0), 5):
        masks = tile_masks(puzzle)
        tiles = split_tiles(render_movie(task_of(task).movie(puzzle, puzzle.shown)))
        changes = np.abs(tiles - tiles[:1]).max((0, 3, 4, 5)) > 1e-3
        assert (masks["path"] == changes).all()
        assert (masks["objects"] ^ masks["background"]).all()
        coloured = (tiles.max(-1) - tiles.min(-1) > 0.2).any((3, 4))
        assert masks["objects"][coloured].all()
        bare = (np.abs(tiles - np.array(FLOOR) / 255) < 1e-3).all((3, 4, 5))
        assert masks["background"][bare].all()
        assert not (masks["named"] & ~masks["objects"]).any()


def test_the_named_object_is_followed_through_the_frames():
    for puzzle in itertools.islice(stream("move", "in-domain", "evaluation", 0), 5):
        _, (_, colour) = puzzle.layout["objects"][0]
        named = tile_masks(puzzle)["named"]
        tiles = split_tiles(render_movie(task_of("move").movie(puzzle, puzzle.shown)))
        assert (named.sum((1, 2)) == 1).all()
        centres = tiles[named][:, 8, 8]
        assert np.allclose(centres, np.array(COLOURS[colour]) / 255, atol=0.02)
        assert (named[0] != named[-1]).any()


def test_prompts_name_their_layers():
    assert named_layers("Mark the red disc or the two objects like a cyan cross.") == (
        "disc:red:",
        "cross:cyan:",
    )
    assert named_layers("Draw the way through the maze from the green dot to the red frame.") == (
        "disc:green:",
        "goal",
    )
    assert named_layers("One object is different from all the others. Mark it.") == ()
    assert tile_masks(next(stream("odd", "in-domain", "evaluation", 0)))["named"].sum() == 0


def test_a_latent_frame_is_in_a_region_where_any_of_its_frames_is():
    puzzle = next(stream("move", "in-domain", "evaluation", 0))
    tiles = tile_masks(puzzle)["named"]
    masks = energy.token_masks(puzzle, (5, 10, 5))[1 + energy.REGIONS.index("named")]
    for frame, row, column in np.ndindex(masks.shape):
        pixel_frames = [0] if frame == 0 else range(4 * frame - 3, 4 * frame + 1)
        assert masks[frame, row, column] == any(tiles[t, row // 2, column] for t in pixel_frames)
