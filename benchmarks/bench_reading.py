"""Measures what one look at a run costs by the codec and by a projection that is fitted to it.

    python benchmarks/bench_reading.py --out benchmarks

The codec is AutoencoderKLWan of Wan 2.1's own size, with random weights, since time does not depend
on them; the video is small, as it runs on a CPU. Writes reading.csv: seconds of a look, of fitting
to one result and of what a reader does with its frames, and their ratios to the codec's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from diffusers import AutoencoderKLWan

from chain_of_steps.artifacts import write_table
from chain_of_steps.models.pictures import from_codec
from chain_of_steps.models.projection import Projection
from chain_of_steps.tasks import stream
from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.drawing import Drawing
from chain_of_steps.tasks.observe import Observer

DRAWING = Drawing(side=32)  # 160 x 160 pixels
STRIDE, SIDE = 4, 8


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


@torch.no_grad()
def measure(codec: AutoencoderKLWan) -> pd.DataFrame:
    """One row for each part of a look."""
    puzzle = next(stream("maze", "in-domain", "evaluation", 0))
    reader, board = Observer(puzzle, DRAWING), Board()
    height, width = DRAWING.height_on(board), DRAWING.width_on(board)
    frames = (DRAWING.frames_on(board) - 1) // STRIDE + 1
    latents = torch.randn(1, codec.config.z_dim, frames, height // SIDE, width // SIDE)
    video = from_codec(codec.decode(latents, return_dict=False)[0])

    def fit() -> Projection:
        known = [(latents[0], video[0])]
        return Projection.fit(known, reader.frames, stride=STRIDE, side=SIDE)

    decoder, shown = fit(), video[:, list(reader.frames)].numpy()
    times = {
        "a look by the codec": seconds(lambda: codec.decode(latents, return_dict=False)),
        "a projection fitted to one result": seconds(fit),
        "a look by the projection": min(
            seconds(lambda: decoder.decode(latents, reader.frames)) for _ in range(5)
        ),
        "what is read in its frames": seconds(lambda: reader.read(np.asarray(shown))),
    }
    table = pd.DataFrame({"what": times.keys(), "seconds": times.values()})
    return table.assign(ratio=table["seconds"] / table["seconds"].iloc[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for reading.csv")
    out = parser.parse_args().out
    torch.manual_seed(0)
    torch.set_num_threads(1)
    table = measure(AutoencoderKLWan().eval())
    print(table.to_string(index=False))
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "reading.csv", table.round({"seconds": 4, "ratio": 5}))


if __name__ == "__main__":
    main()
