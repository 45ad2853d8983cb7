"""What reading every layer costs: run as `python benchmarks/bench_layers.py`."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch
from PIL import Image

from chain_of_steps.experiments.layers.energy import TokenSums
from chain_of_steps.models.wan import WanModel
from chain_of_steps.probes import hooked
from chain_of_steps.sampling import flow_sigmas, sample

MODEL = Path("models/pocket")


def layers_overhead(
    model: Path = MODEL, *, batch: int = 16, steps: int = 2, rounds: int = 75, threads: int = 1
) -> float:
    """Time of a run with hooks and all reductions on every layer, over that of the plain run.

    Plain and hooked runs alternate in one process; the answer is the median over rounds of the
    ratio within a round, so that what else the machine does hits both alike. Prints one line.
    """
    torch.set_num_threads(threads)
    loaded = WanModel.load(model, max_sequence_length=24)
    picture = Image.new("RGB", (80, 80), (244, 244, 240))
    condition = loaded.condition([picture], ["Mark the red disc."], 17).repeat(batch)
    noise = loaded.noise_batch(list(range(batch)), 17, 80, 80)
    sigmas = flow_sigmas(steps, 5.0)

    def seconds(hooks: bool) -> float:
        velocity, started = loaded.velocity(condition), time.perf_counter()
        if hooks:
            with hooked(velocity, loaded.blocks, read=TokenSums(top=4)):
                sample(velocity, noise, sigmas)
        else:
            sample(velocity, noise, sigmas)
        return time.perf_counter() - started

    seconds(True), seconds(False)  # warm up
    plain, ratios = [], []
    for n in range(rounds):
        order = (False, True) if n % 2 else (True, False)
        taken = {hooks: seconds(hooks) for hooks in order}
        plain.append(taken[False])
        ratios.append(taken[True] / taken[False])
    ratio = statistics.median(ratios)
    per_pass = 1000 * statistics.median(plain) / (steps * batch)
    print(f"layers: {ratio:.4f} times the plain run ({per_pass:.2f} ms per NFE, batch {batch})")
    return ratio


if __name__ == "__main__":
    layers_overhead()
