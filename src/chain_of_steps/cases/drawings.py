"""Whether puzzles can be drawn as a configuration says, and models be given them so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chain_of_steps.errors import UserError
from chain_of_steps.models.known import known_of
from chain_of_steps.settings.cases import Cases
from chain_of_steps.settings.models import Model
from chain_of_steps.settings.video import Video
from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.drawing import Drawing

LEAST_SHARE = 1 / 9  # of video.area that a frame must fill, or the area was not meant for it


def drawing_of(cases: Cases, video: Video) -> Drawing:
    """How the puzzles of a study are drawn. Raises UserError where they cannot be."""
    board = Board(**cases.board.model_dump())
    return Drawing.on(board, **cases.drawing.model_dump(), frames=video.frames)


def check_drawing(cases: Cases, video: Video, models: Mapping[str, Model]) -> None:
    """Raises UserError where board, drawing, size, length and models do not agree.

    No weights are needed: of a model the files of its directory count, or its name if it is on the
    Hub and of a known family.
    """
    board = Board(**cases.board.model_dump())
    if video.frames != board.frames and video.frames < 2 * board.frames - 1:
        raise UserError(
            f"video.frames is {video.frames}, but a movie on cases.board has {board.frames}: write "
            f"that, or {2 * board.frames - 1} or more, in which each of them is held."
        )
    drawing = drawing_of(cases, video)
    width, height = drawing.width_on(board), drawing.height_on(board)
    size = f"puzzles are drawn with {width} x {height} pixels"
    if video.area is not None and width * height > video.area:
        raise UserError(f"video.area is {video.area}, but {size}: write {width * height} or more.")
    if video.area is not None and width * height < LEAST_SHARE * video.area:
        side = int((video.area / (board.rows * board.columns)) ** 0.5) // 32 * 32
        raise UserError(
            f"video.area is {video.area}, but {size}: write cases.drawing.side: {side}, or "
            f"video.area: {width * height}."
        )
    for name, model in models.items():
        token, stride = token_of(model.path) or (None, None)
        if token is None or stride is None:
            continue
        sides = {"side": drawing.side, "width": width, "height": height}
        for field, pixels in sides.items():
            if pixels % token:
                near = max(token, pixels // token * token)
                raise UserError(
                    f"cases.drawing.{field} is {pixels}, but a token of {name} has {token} x "
                    f"{token} pixels: write {near} or {near + token}."
                )
        frames = drawing.frames_on(board)
        if (frames - 1) % stride:
            near = (frames - 1) // stride * stride + 1
            raise UserError(
                f"video.frames is {frames}, but a latent frame of {name} has {stride} frames: "
                f"write {near} or {near + stride}."
            )


def token_of(path: str) -> tuple[int, int] | None:
    """Pixels a side of a token and frames of a latent frame; None where nothing says so."""
    folder = Path(path)
    if folder.is_dir():
        return _token_of_files(folder)
    known = known_of(path)
    return None if known is None else (known.token, known.scale_factor_temporal)


def _token_of_files(folder: Path) -> tuple[int, int] | None:
    """As the configurations of a pipeline say it, under the names of Wan's classes or LTX's."""
    try:
        vae, transformer = (
            json.loads((folder / part / "config.json").read_text(encoding="utf-8"))
            for part in ("vae", "transformer")
        )
        pixels = _first(vae, "scale_factor_spatial", "spatial_compression_ratio")
        frames = _first(vae, "scale_factor_temporal", "temporal_compression_ratio")
        patch = transformer["patch_size"]
        return pixels * (patch[-1] if isinstance(patch, list) else patch), frames
    except (OSError, ValueError, LookupError, TypeError):
        return None  # what is wrong with a model is said where it loads


def _first(config: dict[str, Any], *names: str) -> int:
    """The first of these that a configuration has. Raises KeyError for none."""
    for name in names:
        if config.get(name):
            return config[name]
    raise KeyError(names[0])
