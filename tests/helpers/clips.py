"""Draws the reference clips of the scorer: `python tests/helpers/clips.py FOLDER`.

Coloured shapes that go to where they belong, drawn here and no data of others. A folder a scene
holds the truth as a sample of VBVR-Bench does, and for each task one video that solves it in part.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from chain_of_steps.video import write_mp4, write_png

SIDE, FRAMES = 192, 9
# scene -> the tasks that its videos are scored as
CLIPS = {
    "balls": ("G-5_multi_object_placement", "G-24_separate_objects_no_spin", "O-32_rolling_ball"),
    "grid": ("G-18_grid_shortest_path", "O-19_mirror_reflection"),
    "rings": ("G-54_connecting_color", "G-222_mark_tangent_point_of_circles"),
    "chart": (
        "G-29_chart_extreme_with_data",
        "G-169_locate_intersection_of_segments",
        "O-34_dot_to_dot_task",
    ),
}


def film(scene: str, reach: float = 1.0, off: float = 0.0) -> np.ndarray:
    """(FRAMES, SIDE, SIDE, 3) uint8. reach: share of the way; off: pixels beside it at the end."""
    times = np.linspace(0, 1, FRAMES)
    return np.stack([picture(scene, reach * t, off * t) for t in times])


def films(scene: str) -> dict[str, np.ndarray]:
    """The video of each task of a scene."""
    return {
        task: film(scene, 0.5 + 0.1 * number, 4.0 + 2 * number)
        for number, task in enumerate(CLIPS[scene])
    }


def picture(scene: str, done: float, off: float) -> np.ndarray:
    """A scene with a share of the way done, and shapes some pixels beside it."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    if scene == "balls":
        for row, colour in enumerate(("red", "blue", "green")):
            y = 32 + 60 * row
            draw.rectangle((144, y - 20, 184, y + 20), outline=colour, width=3)
            disc(draw, 28 + 136 * done, y + off, 15, colour)
    elif scene == "grid":
        for line in range(9, SIDE, 29):
            draw.line((line, 9, line, 183), "black")
            draw.line((9, line, 183, line), "black")
        for x, y in ((2, 1), (2, 2), (4, 3)):
            draw.rectangle((10 + 29 * x, 10 + 29 * y, 36 + 29 * x, 36 + 29 * y), "black")
        draw.rectangle((155, 155, 181, 181), "red")
        across, down = min(1.0, 2 * done), max(0.0, 2 * done - 1)
        disc(draw, 23 + 145 * across, 23 + 145 * down + off, 10, "blue")
    elif scene == "rings":
        for (x, y), radius, colour in (
            ((50, 50), 34, "blue"),
            ((140, 60), 22, "orange"),
            ((70, 140), 12, "purple"),
        ):
            x, y = x + (96 - x) * done, y + (96 - y) * done + off
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=4)
    else:
        bars = ((50, "green"), (110, "blue"), (80, "orange"), (140, "purple"))
        for number, (height, colour) in enumerate(bars):
            x = 20 + 42 * number
            draw.rectangle((x, 176 - height, x + 26, 176), colour)
        draw.arc((140, 16, 180, 56 + off), 0, 360 * done, "red", 4)
    return np.asarray(image)


def disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: str) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)


def write(root: Path) -> None:
    for scene in CLIPS:
        folder, truth = root / scene, film(scene)
        folder.mkdir(parents=True, exist_ok=True)
        write_png(folder / "first_frame.png", truth[0])
        write_png(folder / "final_frame.png", truth[-1])
        write_mp4(folder / "ground_truth.mp4", truth)
        for task, video in films(scene).items():
            write_mp4(folder / f"{task}.mp4", video)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
