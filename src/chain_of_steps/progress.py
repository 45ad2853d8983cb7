"""Progress bars that are one line on a terminal, and one line every so often in a log file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

LOG_FORMAT = (
    "{desc}: {n_fmt}/{total_fmt} {unit}, {elapsed} gone, {remaining} left, {rate_fmt}{postfix}\n"
)


def progress(iterable: Iterable | None = None, *, desc: str, unit: str, total: int | None = None):
    """A tqdm bar; where standard error is no terminal, a full line at most every 30 seconds."""
    options: dict[str, Any] = {"desc": desc, "unit": unit, "total": total}
    if not sys.stderr.isatty():
        options |= {"bar_format": LOG_FORMAT, "mininterval": 30, "maxinterval": 60}
    return tqdm(iterable, **options)
