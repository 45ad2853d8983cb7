"""A frame that was moved, blurred and recoloured comes back; what explains nothing stays wrong."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from chain_of_steps.tasks import stream
from chain_of_steps.tasks.drawing import Drawing
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.tasks.restore import Colours, cut, reduced

SIDE = 32
DRAWING = Drawing(SIDE, 224, 224)


def draw(task: str, n: int = 1):
    return list(itertools.islice(stream(task, "in-domain", "evaluation", 21), n))


def look(observer: Observer, candidate: int) -> np.ndarray:
    return observer.drawing.film(observer.puzzle, candidate)[list(observer.frames)].astype(float)


def moved(frames: np.ndarray, down: float, right: float, scale: float) -> np.ndarray:
    """By cubic splines, which are no part of what undoes it."""
    middle = np.array(frames.shape[1:3])[:, None, None] / 2 - 0.5
    at = np.indices(frames.shape[1:3])
    source = (at - middle - np.array([down, right])[:, None, None]) / scale + middle
    planes = np.moveaxis(frames, -1, 1).reshape(-1, *frames.shape[1:3])
    out = [map_coordinates(plane, source, order=3, mode="nearest") for plane in planes]
    return np.moveaxis(np.reshape(out, (len(frames), 3, *frames.shape[1:3])), 1, -1).clip(0, 1)


@pytest.mark.parametrize("task", ["maze", "odd"])
@pytest.mark.parametrize(
    ("down", "right", "scale"), [(10.0, -5.0, 1.0), (0, 0, 0.95), (-4.0, 3.0, 1.04)]
)
def test_a_frame_that_moved_is_found(task, down, right, scale):
    (puzzle,) = draw(task)
    observer = Observer(puzzle, DRAWING)
    seen = moved(look(observer, puzzle.shown), down, right, scale)
    for found in observer._some_frames.found(seen):
        assert found.place.down == pytest.approx(down / SIDE * 16, abs=0.15)
        assert found.place.right == pytest.approx(right / SIDE * 16, abs=0.15)
        assert np.exp(found.place.zoom) == pytest.approx(scale, abs=0.004)
    reading = observer.read(seen[None])
    assert reading.accepted[0] == puzzle.shown
    assert reading.n_candidates[0] == pytest.approx(1, abs=0.1)


def test_blur_and_colours_are_told_apart():
    """A blur loses contrast, too."""
    (puzzle,) = draw("odd")
    observer = Observer(puzzle, DRAWING)
    for blur, gain, offset in ((6.0, 1.0, 0.0), (0.0, 0.75, 0.12), (4.0, 0.85, 0.05)):
        seen = gaussian_filter(look(observer, puzzle.shown), (0, blur, blur, 0), mode="nearest")
        for found in observer._some_frames.found(seen * gain + offset):
            assert found.blur == pytest.approx(blur / SIDE * 16, abs=0.5)
            assert found.colours.gain == pytest.approx(gain, abs=0.04)
            assert found.colours.offset == pytest.approx(offset, abs=0.04)


def test_what_nothing_explains_is_not_put_right():
    rng = np.random.default_rng(3)
    for puzzle in draw("tictactoe", 2):
        observer = Observer(puzzle, DRAWING)
        shape = look(observer, 0).shape
        nothing = np.stack([rng.random(shape), np.full(shape, 0.5), np.zeros(shape)])
        assert (observer.read(nothing).accepted == -1).all()
    one, other = draw("odd", 2)
    strange = look(Observer(other, DRAWING), other.shown)
    assert Observer(one, DRAWING).read(strange[None]).accepted[0] == -1


def test_pixels_are_averaged_over_what_they_cover():
    picture = np.random.default_rng(0).random((12, 12, 3))
    assert np.allclose(reduced(picture, 4), picture.reshape(4, 3, 4, 3, 3).mean((1, 3)))
    rows = cut(3, -0.5, 1.5, 2)  # half outside, where the first one goes on
    assert np.allclose(rows, [[1, 0, 0], [0, 2 / 3, 1 / 3]])


def test_a_full_channel_stands_for_what_is_at_least_as_bright_as_the_ground():
    true = np.linspace(0.1, 0.9, 50)[:, None] * np.ones(3)
    seen = np.clip(1.2 * true, 0, 1)
    colours = Colours.fitted(true, seen, np.full(50, 0.02))
    assert np.allclose(colours.gain, 1.2, atol=1e-3) and np.allclose(colours.offset, 0, atol=1e-3)
    undone = colours.undone(seen, np.full(3, 0.95))
    full = seen >= 1
    assert np.allclose(undone[~full], true[~full], atol=1e-3) and (undone[full] == 0.95).all()
