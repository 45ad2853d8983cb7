"""What a reader makes of videos whose answer is known, after what decoders do to them.

Each degradation is a change of growing strength; at 0 it is none. The mild half of its strengths is
where a reader must still read, beyond it may refuse. A ghost is the share of another answer that is
blended in. Videos of nothing, and of other cases, show how often an answer is made up.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import av
import numpy as np
import pandas as pd

from chain_of_steps.tasks.drawing import DEFAULT_DRAWING, Drawing
from chain_of_steps.tasks.observe import Observation, Observer
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.restore import cut
from chain_of_steps.video import to_uint8

Change = Callable[[np.ndarray, float, int, np.random.Generator], np.ndarray]
"""Frames (K, H, W, 3) in [0, 1], strength, pixels a tile, random numbers -> changed frames."""


def blurred(frames, strength, side, rng):
    """strength: standard deviation in tiles."""
    from scipy.ndimage import gaussian_filter

    sigma = strength * side
    return gaussian_filter(frames, (0, sigma, sigma, 0), mode="nearest", truncate=3)


def compressed(frames, strength, side, rng):
    """strength: the constant quantiser of H.264, 0 to 51."""
    return _through_h264(frames, round(strength))


def offset(frames, strength, side, rng):
    """strength: what is added to red and blue and, three quarters of it, taken from green."""
    return np.clip(frames + strength * np.array([1, -0.75, 1]), 0, 1)


def gained(frames, strength, side, rng):
    """strength: how much brighter than before, as a share."""
    return np.clip(frames * (1 + strength), 0, 1)


def flattened(frames, strength, side, rng):
    """strength: the share of the contrast that is lost."""
    return 0.5 + (frames - 0.5) * (1 - strength)


def shifted(frames, strength, side, rng):
    """strength: how far in a random direction, in tiles."""
    angle = rng.uniform(0, 2 * np.pi)
    far = strength * side * np.array([np.sin(angle), np.cos(angle)])
    return np.stack([moved(frame, far, 1.0) for frame in frames])


def zoomed(frames, strength, side, rng):
    """strength: how much larger, as a share, about the middle of the frame."""
    return np.stack([moved(frame, np.zeros(2), 1 + strength) for frame in frames])


def drifted(frames, strength, side, rng):
    """strength: how far the last frame is from the first, in tiles."""
    angle = rng.uniform(0, 2 * np.pi)
    far = strength * side * np.array([np.sin(angle), np.cos(angle)])
    shares = np.linspace(0, 1, len(frames))
    return np.stack([moved(f, share * far, 1.0) for f, share in zip(frames, shares, strict=True)])


def grained(frames, strength, side, rng):
    """strength: standard deviation of a pixel and channel."""
    return np.clip(frames + rng.normal(0, strength, frames.shape), 0, 1)


def mixed(frames, strength, side, rng):
    """A little of everything; strength 1 is half of the others' ranges."""
    frames = blurred(frames, 0.06 * strength, side, rng)
    frames = shifted(frames, 0.12 * strength, side, rng)
    frames = zoomed(frames, -0.02 * strength, side, rng)
    frames = offset(gained(frames, -0.08 * strength, side, rng), 0.03 * strength, side, rng)
    return compressed(grained(frames, 0.05 * strength, side, rng), 30 * strength, side, rng)


def moved(frame: np.ndarray, far: np.ndarray, scale: float) -> np.ndarray:
    """A frame (H, W, 3) moved by `far` pixels (down, right) and `scale` times as large.

    Each pixel is the mean of what it covers; the edge goes on outside.
    """
    rows, columns = (
        cut(n, n / 2 - (n / 2 + shift) / scale, 1 / scale, n)
        for n, shift in zip(frame.shape[:2], far, strict=True)
    )
    return columns @ np.tensordot(rows, frame, 1)


def _through_h264(frames: np.ndarray, quantiser: int) -> np.ndarray:
    if not quantiser:
        return frames
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=16)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"qp": str(quantiser), "preset": "veryfast"}
        stream.codec_context.thread_count = 1
        for pixels in to_uint8(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        seen = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(seen) / 255


@dataclass(frozen=True)
class Degradation:
    """change: what is done. strengths: how much, the mild ones first; mild: how many those are."""

    change: Change
    strengths: Sequence[float]
    mild: int


DEGRADATIONS = {
    "none": Degradation(lambda frames, *_: frames, (0.0,), 1),
    "blur": Degradation(blurred, (0.0625, 0.125, 0.1875, 0.25), 2),
    "h264": Degradation(compressed, (30, 36, 42, 48), 2),
    "offset": Degradation(offset, (0.025, 0.05, 0.075, 0.1), 2),
    "gain": Degradation(gained, (-0.05, 0.05, -0.1, 0.1, -0.15, -0.2), 3),
    "contrast": Degradation(flattened, (0.075, 0.15, 0.225, 0.3), 2),
    "shift": Degradation(shifted, (1 / 12, 1 / 6, 1 / 4, 1 / 3), 2),
    "zoom": Degradation(zoomed, (-0.025, 0.025, -0.05, 0.05), 2),
    "drift": Degradation(drifted, (1 / 16, 1 / 8, 3 / 16, 1 / 4), 2),
    "grain": Degradation(grained, (0.05, 0.1, 0.15, 0.2), 2),
    "mix": Degradation(mixed, (0.5, 1.0), 1),
}
GHOSTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
MILD_GHOSTS = 3  # of them; from .4 on no answer has more than the weight that is accepted
GHOST, NOTHING = "ghost", ("noise", "blank", "other")


def calibrate(
    puzzles: Mapping[str, Puzzle],
    drawing: Drawing,
    *,
    seed: int = 0,
    chosen: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Reads videos of these puzzles under every degradation; one row a reading.

    puzzles: by case, of one drawing. chosen: the cases to read, all where none are given; a reading
    does not hang on which. only: names of degradations, of ghost, noise, blank, other; all where
    none are given.
    Columns: degradation, strength, mild (whether it is of the milder half), task, split, case,
    answer (the accepted candidate, or -1), right (whether that is a right answer; of a ghost the
    answer that was blended less than half and of nothing none), candidates and true_candidates
    (effective numbers; those of the same look undegraded and drawn with 16 pixels), evidence (of
    the true answer), ghost_evidence (of the one that is blended in), null.
    """
    rows = []
    for number, (case, puzzle) in enumerate(puzzles.items()):
        if chosen is not None and case not in chosen:
            continue
        observer = Observer(puzzle, drawing)
        rng = np.random.default_rng([seed, number])
        truth = _frames(observer, puzzle.shown)
        names = {"task": puzzle.task, "split": puzzle.split, "case": case}
        others = [one for name, one in puzzles.items() if name != case and _alike(one, puzzle)]
        for name, strength, mild, frames, parts in _looks(observer, truth, others, rng, only):
            found = observer.read(frames[None].astype(np.float32))
            rows.append(
                {
                    "degradation": name,
                    "strength": strength,
                    "mild": mild,
                    **names,
                    **_readings(puzzle, found, parts),
                }
            )
    return pd.DataFrame(rows)


def _alike(one: Puzzle, other: Puzzle) -> bool:
    return one.task == other.task and one.board == other.board


def _looks(
    observer: Observer,
    truth: np.ndarray,
    strangers: Sequence[Puzzle],
    rng: np.random.Generator,
    only: Sequence[str] | None,
) -> Iterator[tuple[str, float, bool, np.ndarray, dict[int, float]]]:
    """Degradation, strength, whether it is mild, frames, and the share of each answer in them."""
    puzzle, side = observer.puzzle, observer.drawing.side

    def wanted(name: str) -> bool:
        return only is None or name in only

    for name, degradation in DEGRADATIONS.items():
        for n, strength in enumerate(degradation.strengths if wanted(name) else ()):
            frames = degradation.change(truth, strength, side, rng)
            yield name, strength, n < degradation.mild, frames, {puzzle.shown: 1.0}
    if wanted(GHOST):
        others = [n for n in range(len(puzzle.candidates)) if n != puzzle.shown]
        other = int(rng.choice(others))
        ghost = _frames(observer, other)
        for n, share in enumerate(GHOSTS):
            blend = (1 - share) * truth + share * ghost
            yield GHOST, share, n < MILD_GHOSTS, blend, {puzzle.shown: 1 - share, other: share}
    if wanted("noise"):
        yield "noise", 0.0, False, rng.random(truth.shape), {}
        yield "noise", 1.0, False, rng.normal(0.5, 0.5, truth.shape).clip(0, 1), {}
    if wanted("blank"):
        for level in (0.0, 0.5, 1.0):
            yield "blank", level, False, np.full_like(truth, level), {}
    if wanted("other"):
        for n, stranger in enumerate(strangers[:2]):
            frames = _frames(Observer(stranger, observer.drawing), stranger.shown)
            yield "other", float(n), False, frames, {}


def _frames(observer: Observer, candidate: int) -> np.ndarray:
    """The frames to read of a candidate's video, (1 + K, H, W, 3)."""
    puzzle, drawing = observer.puzzle, observer.drawing
    movie, shown = drawing.movie(puzzle, candidate), drawing.shown(puzzle.board)
    pictures = [drawing.picture(movie[shown[frame]], puzzle.board) for frame in observer.frames]
    return np.stack(pictures).astype(np.float64)


def _readings(puzzle: Puzzle, found: Observation, parts: dict[int, float]) -> dict[str, object]:
    answer = int(found.accepted[0])
    most = max(parts, key=lambda n: parts[n], default=None)
    ghost = next((n for n in parts if n != puzzle.shown), None)
    return {
        "answer": answer,
        "right": answer == most or (len(parts) < 2 and bool(parts) and bool(found.correct[0])),
        "candidates": float(found.n_candidates[0]),
        "true_candidates": _true_candidates(puzzle, parts),
        "evidence": float(found.evidence[0, puzzle.shown]),
        "ghost_evidence": np.nan if ghost is None else float(found.evidence[0, ghost]),
        "null": float(found.null[0]),
    }


def _true_candidates(puzzle: Puzzle, parts: dict[int, float]) -> float:
    """Of a blend that nothing was done to, drawn as the pocket models' are."""
    if not parts:
        return np.nan
    observer = Observer(puzzle, DEFAULT_DRAWING)
    blend = sum(share * _frames(observer, n) for n, share in parts.items())
    return float(observer.read(blend[None]).n_candidates[0])
