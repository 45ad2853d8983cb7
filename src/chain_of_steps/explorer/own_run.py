"""One run of one's own picture, for people: its video, its clean estimates, and both as a grid."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from PIL import Image

from chain_of_steps import plots
from chain_of_steps.films import film_sheet, shown_steps
from chain_of_steps.models.model import VideoModel
from chain_of_steps.progress import progress
from chain_of_steps.trajectory import Trajectory
from chain_of_steps.video import to_uint8, write_mp4

LEAST_SIDE = 320  # smaller videos are enlarged for the eye
SHEET_SIDE = 240  # longer side of a picture in the grid, pixels


def write_run(
    folder: Path, model: VideoModel, trajectory: Trajectory, prompt: str, fps: int
) -> None:
    """video.mp4, steps/step-<k>.mp4 of every step, and steps.png, below `folder`.

    trajectory: of one run. In the grid, rows are steps from noise to result, columns frames.
    """
    n_steps, looks = trajectory.n_steps, []
    rows = shown_steps(n_steps)
    for k in progress(range(n_steps + 1), desc="decode", unit="videos"):
        last = k == n_steps
        latent = trajectory.x[:, -1] if last else trajectory.clean[:, k]
        video = to_uint8(model.decode(latent)[0].cpu().numpy())
        scale = max(1, LEAST_SIDE // max(video.shape[1:3]))
        path = folder / ("video.mp4" if last else f"steps/step-{k:02d}.mp4")
        write_mp4(path, video, fps=fps, scale=scale)
        if k in rows:
            looks.append(video)
    draw_grid(folder / "steps.png", np.stack(looks), rows, trajectory, prompt)


def draw_grid(
    path: Path, looks: np.ndarray, rows: list[int], trajectory: Trajectory, prompt: str
) -> None:
    """looks (len(rows), T, H, W, 3) uint8 as a labelled film sheet, a PNG at `path`."""
    import matplotlib.pyplot as plt

    frames = sorted({round(i * (looks.shape[1] - 1) / 4) for i in range(5)})
    chosen = looks[:, frames]
    height, width = chosen.shape[2:4]
    if max(height, width) > SHEET_SIDE:
        size = tuple(max(1, round(s * SHEET_SIDE / max(height, width))) for s in (width, height))
        small = [Image.fromarray(p).resize(size) for p in chosen.reshape(-1, height, width, 3)]
        chosen = np.stack([np.asarray(p) for p in small]).reshape(
            len(rows), len(frames), size[1], size[0], 3
        )
    example = {
        "sheet": film_sheet(chosen),
        "steps": rows,
        "frames": frames,
        "sigmas": [trajectory.sigmas[k].item() for k in rows],
    }
    plots.style()
    ratio = chosen.shape[2] * len(rows) / (chosen.shape[3] * len(frames))
    figure, axis = plt.subplots(figsize=(plots.PAGE, plots.PAGE * ratio * 0.85 + 0.6))
    plots.film(axis, example)
    run = trajectory.runs.iloc[0]
    axis.set_xlabel("frame", fontsize=7)
    axis.set_title(f"{run.model}, seed {run.seed}: {textwrap.shorten(prompt, 90)}", fontsize=7)
    figure.savefig(path, dpi=200, bbox_inches="tight")
    plt.close(figure)
