"""Videos a browser plays, lossless images, and readable words about files that are neither."""

import os

import av
import numpy as np
import pytest
import torch
from PIL import Image

from chain_of_steps.errors import UserError
from chain_of_steps.video import read_image, read_mp4, to_uint8, video_facts, write_mp4, write_png

COLOURS = np.array(
    [[255, 255, 255], [0, 0, 0], [220, 30, 30], [30, 160, 60], [40, 80, 220], [240, 200, 40]],
    dtype=np.uint8,
)


def clip(n: int = 9, height: int = 16, width: int = 24) -> np.ndarray:
    """Blocks of 4 x 4 plain pixels whose colours change from frame to frame."""
    rng = np.random.default_rng(0)
    cells = rng.integers(len(COLOURS), size=(n, height // 4, width // 4))
    return COLOURS[cells].repeat(4, axis=1).repeat(4, axis=2)


def test_to_uint8_rounds_clips_and_refuses():
    assert to_uint8([0.0, 0.5, 1.0, -3.0, 1.7, 0.0019, 0.0020]).tolist() == [
        0,
        128,
        255,
        0,
        255,
        0,
        1,
    ]
    assert to_uint8(torch.tensor([0.2])).tolist() == [51]
    assert to_uint8(np.array([7], np.uint8)).tolist() == [7]
    with pytest.raises(ValueError, match="int64"):
        to_uint8(np.array([1, 2]))
    with pytest.raises(ValueError, match="nan"):
        to_uint8([0.5, np.nan])


@pytest.mark.parametrize("kind", ["uint8", "float", "tensor"])
def test_mp4_round_trip_keeps_frames_and_colours(tmp_path, kind):
    frames = clip()
    given = {
        "uint8": frames,
        "float": frames / 255,
        "tensor": torch.from_numpy(frames / 255).float(),
    }[kind]
    write_mp4(tmp_path / "a.mp4", given)
    found = read_mp4(tmp_path / "a.mp4")
    assert found.shape == frames.shape
    error = abs(found.astype(int) - frames)
    # It would be above 60 one frame off, and about 6 with the matrix of another standard.
    assert error.mean() < 3


def test_mp4_is_what_browsers_play(tmp_path):
    write_mp4(tmp_path / "a.mp4", clip(5), fps=8)
    with av.open(str(tmp_path / "a.mp4")) as container:
        (stream,) = container.streams
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.codec_context.profile in ("High", "Main", "Baseline")
        assert stream.average_rate == 8
        assert (stream.width, stream.height) == (24, 16)
        # 1 is BT.709: without the tags each player guesses its own colours.
        codec = stream.codec_context
        assert (codec.color_primaries, codec.color_trc, codec.colorspace) == (1, 1, 1)
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_mp4_bytes_do_not_depend_on_the_time(tmp_path):
    for name in ("a", "b"):
        write_mp4(tmp_path / f"{name}.mp4", clip())
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_scale_enlarges_by_nearest_neighbour_and_keeps_colours(tmp_path):
    frames = clip()[:, ::4, ::4]  # every pixel another colour
    write_mp4(tmp_path / "plain.mp4", frames)
    write_mp4(tmp_path / "large.mp4", frames, scale=4)
    large = read_mp4(tmp_path / "large.mp4")
    assert large.shape == (9, 16, 24, 3)
    errors = [
        abs(found.astype(int) - frames).mean()
        for found in (read_mp4(tmp_path / "plain.mp4"), large[:, 2::4, 2::4])
    ]
    assert errors[1] < 4 < 10 < errors[0]


def test_odd_sizes_grow_by_their_last_line(tmp_path):
    frames = clip()[:, :15, :21]
    write_mp4(tmp_path / "a.mp4", frames)
    found = read_mp4(tmp_path / "a.mp4")
    assert found.shape == (9, 16, 22, 3)
    assert abs(found[:, :15, :21].astype(int) - frames).mean() < 3
    assert abs(found[:, 15, :21].astype(int) - frames[:, 14]).mean() < 6


@pytest.mark.parametrize(
    ("shape", "scale"), [((0, 8, 8, 3), 1), ((8, 8, 3), 1), ((2, 8, 8, 4), 1), ((2, 8, 8, 3), 0)]
)
def test_wrong_shapes_are_refused_and_leave_no_file(tmp_path, shape, scale):
    with pytest.raises(ValueError, match="need frames"):
        write_mp4(tmp_path / "a.mp4", np.zeros(shape), scale=scale)
    assert list(tmp_path.iterdir()) == []


def test_png_round_trip_is_lossless(tmp_path):
    image = np.random.default_rng(0).integers(256, size=(7, 5, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)
    write_png(tmp_path / "b.png", image / 255)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(ValueError, match="need an image"):
        write_png(tmp_path / "c.png", np.zeros((4, 4)))


def save(tmp_path, image: Image.Image, **options) -> str:
    path = tmp_path / "given.png"
    image.save(path, **options)
    return path


def test_transparency_becomes_white(tmp_path):
    rgba = np.array([[[255, 0, 0, 255], [0, 0, 255, 0], [0, 0, 0, 51]]], np.uint8)
    found = read_image(save(tmp_path, Image.fromarray(rgba)))
    assert found.tolist() == [[[255, 0, 0], [255, 255, 255], [204, 204, 204]]]
    grey = Image.fromarray(np.array([[[9, 255], [9, 0]]], np.uint8))
    assert grey.mode == "LA"
    assert read_image(save(tmp_path, grey)).tolist() == [[[9, 9, 9], [255, 255, 255]]]


def test_palette_images_with_and_without_transparency(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    assert read_image(save(tmp_path, image)).tolist() == [[[10, 20, 30], [200, 100, 50]]]
    found = read_image(save(tmp_path, image, transparency=0))
    assert found.tolist() == [[[255, 255, 255], [200, 100, 50]]]


def test_grey_16_bit_and_turned_images(tmp_path):
    assert read_image(save(tmp_path, Image.new("L", (1, 1), 77))).tolist() == [[[77] * 3]]
    deep = Image.fromarray(np.array([[0, 65535, 32896]], np.uint16))
    assert read_image(save(tmp_path, deep)).tolist() == [[[0] * 3, [255] * 3, [128] * 3]]
    turned = Image.fromarray(np.array([[[1, 1, 1], [2, 2, 2]]], np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was held upright
    assert read_image(save(tmp_path, turned, exif=exif)).tolist() == [[[1] * 3], [[2] * 3]]


@pytest.mark.parametrize("read", [read_image, read_mp4])
@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_unreadable_files_are_named(tmp_path, read, content):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.png is not a readable (image|video): write"):
        read(path)


def test_truncated_missing_and_soundless_files_are_named(tmp_path):
    write_png(tmp_path / "a.png", clip()[0])
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-40])
    with pytest.raises(UserError, match=r"a\.png is not a readable image"):
        read_image(tmp_path / "a.png")
    for read in (read_image, read_mp4):
        with pytest.raises(UserError, match="absent does not exist"):
            read(tmp_path / "absent")
        with pytest.raises(UserError, match="is not a readable"):
            read(tmp_path)


def test_a_pipe_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png is not a readable image"):
        read_image(tmp_path / "a.png")


def test_the_number_of_frames_is_that_of_those_that_are_shown(tmp_path):
    """A film that was cut without encoding it again holds frames before its beginning."""
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    write_mp4(whole, clip(9), fps=8)
    with av.open(str(whole)) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                early = round(3 / 8 / packet.time_base)
                packet.pts, packet.dts = packet.pts - early, packet.dts - early
                packet.stream = stream
                target.mux(packet)
    with av.open(str(cut)) as container:
        assert container.streams.video[0].frames == 9
    assert video_facts(cut)["frames"] == len(read_mp4(cut)) == 6
    assert video_facts(whole)["frames"] == 9
