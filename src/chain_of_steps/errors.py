"""The error a user can act on."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any


class UserError(Exception):
    """Something a user can put right.

    The message is one sentence: what is wrong, where, and what to write instead. The command line
    prints it without a traceback; anything else that is raised is a fault of this package.
    """


def suggestion(word: Any, known: Sequence[str], otherwise: str) -> str:
    """The known word that is meant, or else what else to say."""
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean {close[0]}?" if close else otherwise
