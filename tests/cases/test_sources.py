"""The size and the length of a case."""

import pytest

from chain_of_steps.cases import sources
from chain_of_steps.errors import UserError


def refused(*words: str):
    return pytest.raises(UserError, match=".*".join(words))


@pytest.mark.parametrize(
    ("size", "area", "multiple", "expected"),
    [
        ((1024, 1024), None, 16, (1024, 1024)),
        ((1000, 990), None, 16, (1008, 992)),  # up, as the official inference does
        ((640, 360), None, 16, (640, 368)),
        ((1024, 1024), 480 * 832, 16, (624, 624)),
        ((1280, 720), 480 * 832, 16, (832, 464)),
        ((832, 480), 480 * 832, 32, (832, 480)),
        ((256, 256), 480 * 832, 16, (256, 256)),  # not enlarged
        ((400, 400), 6400, 16, (80, 80)),
        ((100, 75), 6400, 16, (64, 48)),
    ],
)
def test_a_picture_keeps_its_aspect_at_a_size_that_models_take(size, area, multiple, expected):
    found = sources.fitted_size(*size, area=area, multiple=multiple)
    assert found == expected
    assert all(side % multiple == 0 for side in found)
    assert max(found[0] * size[1], found[1] * size[0]) <= 1.05 * min(
        found[0] * size[1], found[1] * size[0]
    )


@pytest.mark.parametrize(
    ("truth", "frames", "stride", "expected"),
    [
        *((22, None, 4, 25), (25, None, 4, 25), (96, None, 4, 97), (1, None, 4, 1)),
        *((22, None, 8, 25), (22, 81, 4, 81), (None, 17, 4, 17)),
    ],
)
def test_frames_are_the_ground_truths_rounded_up_or_the_studys(truth, frames, stride, expected):
    assert sources.fitted_frames(truth, frames, stride) == expected


def test_without_a_ground_truth_the_number_of_frames_must_be_given():
    with refused("video.frames is null", "4 k"):
        sources.fitted_frames(None, None, 4)
