"""The stage that writes the page of a running study, again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from chain_of_steps.errors import UserError
from chain_of_steps.settings.base import View
from chain_of_steps.stage import Option, Stage

if TYPE_CHECKING:  # a command that only says what there is needs no numpy
    import numpy as np

    Draw = Callable[[np.ndarray], np.ndarray]  # a latent frame (C, h, w) -> (H, W, 3) uint8

PAGE = "watch.html"
SHOWN = 12  # shards whose runs are shown, the newest


class Settings(View):
    """None: a study's folder says what it is."""


STAGE = Stage(
    name="watch",
    text="Follow a study while it runs: writes results/<study>/watch.html, which renews itself.",
    settings=Settings,
    options=(
        Option("results", {"type": Path, "metavar": "RESULTS", "help": "such as results/pocket"}),
        Option(
            "--every",
            {"type": float, "default": 10.0, "help": "seconds between two looks (default: 10)"},
        ),
        Option("--once", {"action": "store_true", "help": "one look, and no more"}),
        Option(
            "--decoder",
            {
                "type": Path,
                "metavar": "FILE",
                "help": "a tiny decoder, such as taew2_1.safetensors (default: rough colours)",
            },
        ),
    ),
)


def run(
    settings: Settings, *, results: Path, every: float, once: bool, decoder: Path | None = None
) -> None:
    if not every > 0:
        raise UserError(f"--every is {every:g}: write a number of seconds above 0.")
    draw = None if decoder is None else drawn_by(decoder)
    said = ""
    try:
        while True:
            done, now_said = look(results, None if once else every, draw)
            if now_said != said:
                said = now_said
                print(said, flush=True)
            if done or once:
                return
            time.sleep(every)
    except KeyboardInterrupt:
        return


def drawn_by(path: Path) -> Draw:
    """What draws a latent frame by a tiny decoder; told twice, as it looks back by a frame."""
    import torch

    from chain_of_steps.models.tiny_decoder import TinyDecoder
    from chain_of_steps.video import to_uint8

    decoder = TinyDecoder.load(path)

    def draw(latent: np.ndarray) -> np.ndarray:
        twice = torch.from_numpy(latent)[None, :, None].expand(-1, -1, 2, -1, -1)
        return to_uint8(decoder(twice)[0, -1].numpy())

    return draw


def refuse_other_page(path: Path, mark: str) -> None:
    """Raises UserError where a file has the name of the page that this command did not write."""
    if path.is_file() and mark.encode() not in path.read_bytes():
        raise UserError(f"{path} is there already, and `cos watch` did not write it: move it away.")


def look(results: Path, every: float | None, draw: Draw | None = None) -> tuple[bool, str]:
    """Write the page once; whether every shard is sampled, and a line about it."""
    from chain_of_steps.cases.sources import count_cases
    from chain_of_steps.cli import resolved_file
    from chain_of_steps.files import atomic_path
    from chain_of_steps.study.config import check_config
    from chain_of_steps.watch import page

    refuse_other_page(results / PAGE, page.MARK)
    resolved = resolved_file(results / "config.json")
    if resolved is None:
        raise UserError(f"{results} has no config.json of a study: start the study first.")
    study = check_config(resolved)
    n_shards = -(-count_cases(study.cases) // study.execution.shard)
    now = time.time()
    shards = page.shards_of(results, list(study.models), n_shards, now)
    done = [shard for shard in shards if shard.state == "done"]
    finished = len(done) == len(shards)
    pictures = {}
    at_work = [shard for shard in shards if shard.state == "at work"]
    for shard in [*at_work, *done[-SHOWN:]]:
        found = page.glances(results, shard.model, shard.number, draw)
        if found:
            name = f"{shard.model}, shard {shard.number}"
            pictures[f"{name}, so far" if shard in at_work else name] = found
    others = page.others_at_work(results, now)
    text = page.page_of(study.study, shards, others, pictures, None if finished else every)
    with atomic_path(results / PAGE) as path:
        path.write_text(text, encoding="utf-8")
    line = f"{results / PAGE}: {len(done)} of {len(shards)} shards sampled, {len(at_work)} at work"
    return finished, line
