"""Pictures and videos for people: MP4 that a browser plays, PNG, and images that users bring.

H.264 loses detail: scores and readers take lossless frames, never a video written here.
"""

from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps

from chain_of_steps.errors import UserError
from chain_of_steps.files import atomic_path

_BT709 = 1  # number of ITU-R BT.709 in the H.264 tables for primaries, transfer and matrix


def to_uint8(pixels: ArrayLike) -> NDArray[np.uint8]:
    """Pixels as uint8: floats in [0, 1] are clipped and rounded to 0..255, uint8 stays.

    Takes any shape, arrays and CPU tensors. Raises ValueError for other types, nan or infinity.
    """
    pixels = np.asarray(pixels)
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ValueError(f"pixels must be uint8 or float in [0, 1], got {pixels.dtype}")
    if not np.isfinite(pixels).all():
        raise ValueError("pixels hold nan or infinity")
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def write_mp4(
    path: str | Path, frames: ArrayLike, fps: int = 16, scale: int = 1, comment: str = ""
) -> None:
    """Write frames as H.264 yuv420p MP4, atomically; equal frames give equal bytes.

    frames: (T, H, W, 3), uint8 or float in [0, 1]. fps: frames per second. scale: integer factor
    of nearest-neighbour enlargement; from 2 on colours keep their edges, as yuv420p stores
    colour at half size. An odd height or width grows by repeating its last line. comment: kept in
    the file. Raises ValueError for another shape, no frames, or a scale below 1.
    """
    frames = to_uint8(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape or scale < 1:
        raise ValueError(f"need frames (T, H, W, 3) and scale >= 1, got {frames.shape}, {scale}")
    frames = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = frames.shape[1:3]
    frames = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    # movflags puts the index first, so that a browser starts before it has the whole file.
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options=options) as container,
    ):
        if comment:
            container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        # Constant quantiser: the rate control of crf computes in floating point, and gave other
        # bytes for equal frames in about one process in three.
        stream.options = {"qp": "12", "preset": "medium"}
        codec = stream.codec_context
        codec.thread_count = 1  # the number of threads changes the bytes
        codec.color_primaries = codec.color_trc = codec.colorspace = _BT709
        codec.color_range = ColorRange.MPEG
        for pixels in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(
                stream.encode(
                    picture.reformat(
                        format="yuv420p",
                        dst_colorspace=Colorspace.ITU709,
                        dst_color_range=ColorRange.MPEG,
                        interpolation=Interpolation.AREA,  # others mix colours across 2 x 2 blocks
                    )
                )
            )
        container.mux(stream.encode())


def read_mp4(path: str | Path) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) uint8 of a video. Raises UserError naming a file it cannot read."""
    try:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (OSError, IndexError, av.FFmpegError) as error:
        raise _unreadable(path, "video", "an MP4 file") from error
    if not frames:
        raise _unreadable(path, "video", "an MP4 file")
    return np.stack(frames)


def video_facts(path: str | Path) -> dict[str, int | float]:
    """frames, width, height, fps of a video. frames: those that are shown, as it may hold more.

    Raises UserError naming a file it cannot read.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            frames = sum(1 for _ in container.decode(stream))
            fps = float(stream.average_rate or 0)
            facts = {"frames": frames, "width": stream.width, "height": stream.height, "fps": fps}
    except (OSError, IndexError, av.FFmpegError) as error:
        raise _unreadable(path, "video", "an MP4 file") from error
    if not frames:
        raise _unreadable(path, "video", "an MP4 file")
    return facts


def write_png(path: str | Path, image: ArrayLike) -> None:
    """Write an image (H, W, 3), uint8 or float in [0, 1], without loss and atomically.

    Raises ValueError for another shape.
    """
    image = to_uint8(image)
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ValueError(f"need an image (H, W, 3), got {image.shape}")
    with atomic_path(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image)).save(temporary, format="PNG")


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """An image file as (H, W, 3) uint8: turned as its camera says, transparency over white.

    Takes PNG and JPEG: grey, palette, RGBA, 16-bit and other kinds. Raises UserError naming a file
    that is missing or no such image.
    """
    if not Path(path).is_file():  # a pipe would be waited for
        raise _unreadable(path, "image", "a PNG or JPEG file")
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip at 255
                image = Image.fromarray(to_uint8(np.asarray(image, dtype=float) / 65535))
            if not image.has_transparency_data:
                return np.asarray(image.convert("RGB"))
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            return np.asarray(Image.alpha_composite(white, image).convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, "image", "a PNG or JPEG file") from error


def _unreadable(path: str | Path, what: str, instead: str) -> UserError:
    if not Path(path).exists():
        return UserError(f"{path} does not exist: write the path of {instead}.")
    return UserError(f"{path} is not a readable {what}: write the path of {instead} instead.")
