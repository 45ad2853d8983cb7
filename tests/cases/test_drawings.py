"""Board, drawing, size, length and models are checked against each other before any weight."""

import json
import re

import pytest

from chain_of_steps.cases.drawings import check_drawing, drawing_of, token_of
from chain_of_steps.errors import UserError
from chain_of_steps.settings.cases import Cases
from chain_of_steps.settings.models import Model
from chain_of_steps.settings.video import Video
from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing

A14B, TI2V, LTX = (
    "Wan-AI/Wan2.2-I2V-A14B-Diffusers",
    "Wan-AI/Wan2.2-TI2V-5B-Diffusers",
    "Lightricks/LTX-Video",
)


def cases(**drawing) -> Cases:
    return Cases.model_validate({"tasks": ["maze"], "drawing": drawing})


def check(path: str, drawing: dict, **video) -> None:
    check_drawing(cases(**drawing), Video(**video), {"m": Model(path=path)})


def test_the_default_configuration_draws_as_ever():
    assert drawing_of(cases(), Video(frames=17)) == DEFAULT_DRAWING
    assert drawing_of(cases(side=96), Video(frames=81)) == Drawing(96, frames=81)
    whole = cases(side=96, width=480, height=480)
    assert drawing_of(whole, Video(frames=17)) == Drawing(96)


@pytest.mark.parametrize(
    ("path", "drawing", "video"),
    [
        (A14B, {"side": 96}, {"frames": 81, "area": 399360}),
        (A14B, {"side": 96, "width": 832, "height": 480}, {"frames": 49, "area": 399360}),
        (A14B, {"side": 96, "width": 624, "height": 624}, {"frames": 81, "area": None}),
        (A14B, {"side": 192, "width": 1024, "height": 1024}, {"frames": 81}),
        (TI2V, {"side": 128, "width": 1280, "height": 704}, {"frames": 121, "area": 901120}),
        (LTX, {"side": 128}, {"frames": 121, "stride": 8}),
        ("p", {}, {"frames": 17, "area": 6400}),
    ],
)
def test_sizes_of_known_families_are_taken(path, drawing, video):
    check(path, drawing, **video)


@pytest.mark.parametrize(
    ("path", "drawing", "video", "sentence"),
    [
        (
            A14B,
            {},
            {"frames": 81, "area": 399360},
            "write cases.drawing.side: 96, or video.area: 6400",
        ),
        (A14B, {"side": 96}, {"area": 200000}, "480 x 480 pixels: write 230400 or more"),
        (A14B, {"side": 100}, {}, "a token of m has 16 x 16 pixels: write 96 or 112"),
        (TI2V, {"side": 112}, {}, "cases.drawing.side is 112, but a token of m has 32 x 32"),
        ("DarthZhu/VideoRLVR-Wan2.2", {"side": 112}, {}, "a token of m has 32 x 32"),
        (TI2V, {"side": 96, "width": 720}, {}, "cases.drawing.width is 720"),
        (LTX, {"side": 128}, {"frames": 77}, "a latent frame of m has 8 frames: write 73 or 81"),
        (A14B, {"side": 96, "width": 320}, {}, "write 480 or more, or a smaller side"),
        ("p", {}, {"frames": 13}, "a movie on cases.board has 17: write that, or 33 or more"),
        ("p", {}, {"frames": 25}, "write that, or 33 or more"),
    ],
)
def test_what_does_not_agree_is_said(path, drawing, video, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        check(path, drawing, **video)


@pytest.mark.parametrize(
    ("vae", "patch", "token"),
    [
        ({"scale_factor_spatial": 16, "scale_factor_temporal": 4}, [1, 2, 2], (32, 4)),
        ({"scale_factor_spatial": 8, "scale_factor_temporal": 4}, [1, 2, 2], (16, 4)),
        ({"spatial_compression_ratio": 32, "temporal_compression_ratio": 8}, 1, (32, 8)),
        ({}, 1, None),
    ],
)
def test_a_local_model_says_the_size_of_its_tokens(tmp_path, vae, patch, token):
    for part, config in (("vae", vae), ("transformer", {"patch_size": patch})):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(config))
    assert token_of(str(tmp_path)) == token
    assert token_of(str(tmp_path / "vae")) is None
