"""One GPU for each job on a machine with several.

Snakemake counts GPUs (`snakemake --resources gpu=4`) but does not say which one a job gets, so a
job takes a free one by locking a file that is named after the card, and holds it until it ends. A
job that finds none leaves word, for a process that holds one between its jobs.
"""

from __future__ import annotations

import atexit
import fcntl
import getpass
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from chain_of_steps.errors import UserError

PATIENCE = 600.0  # seconds


def lock_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"chain_of_steps-gpus-{getpass.getuser()}"


@contextmanager
def free_gpu(cards: Sequence[str], folder: Path, patience: float = PATIENCE) -> Iterator[int]:
    """The index of one of `cards` (unique names) that no other job holds, while the context lasts.

    A job that dies frees its card. Raises UserError if none is free for `patience` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    deadline, asked = time.monotonic() + patience, False
    with ExitStack() as stack:
        files = [stack.enter_context((folder / f"{card}.lock").open("w")) for card in cards]
        while True:
            for index, file in enumerate(files):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                _word(folder, cards[index]).unlink(missing_ok=True)
                yield index
                return
            if asked:  # not at once: a job that has just ended may take a moment
                for card in cards:
                    _word(folder, card).touch()
            asked = True
            if time.monotonic() >= deadline:
                raise UserError(
                    f"None of {len(cards)} GPUs was free for {patience:.0f} s: write snakemake "
                    f"--resources gpu={len(cards)}, or a certain one in execution.device."
                )
            time.sleep(min(1.0, patience / 10))


def device_of(name: str):
    """The torch device that execution.device names; for cuda a free GPU, held to the end.

    Raises UserError if torch cannot use it here.
    """
    import torch

    try:
        torch.empty(0, device=name)
    except (AssertionError, RuntimeError):
        raise UserError(
            f"execution.device is {name!r}, which torch cannot use here: write cpu,"
            " or cuda where there is a GPU."
        ) from None
    if name != "cuda":
        return torch.device(name)
    device = torch.device("cuda", _held()[0])
    torch.cuda.set_device(device)
    return device


@cache  # a process that loads several models has them on one card
def _held() -> tuple[int, Path]:
    """The index of a free GPU, which this process holds to its end, and where word is left."""
    import torch

    n = torch.cuda.device_count()
    cards = [str(torch.cuda.get_device_properties(i).uuid) for i in range(n)]
    stack, folder = ExitStack(), lock_folder()
    atexit.register(stack.close)
    index = stack.enter_context(free_gpu(cards, folder))
    return index, _word(folder, cards[index])


def wanted() -> bool:
    """Whether a job waits for a GPU while this process holds one."""
    return _held.cache_info().currsize > 0 and _held()[1].exists()


def _word(folder: Path, card: str) -> Path:
    return folder / f"{card}.wanted"
