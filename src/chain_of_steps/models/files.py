"""Which files of a pipeline's folder decide what it computes, and their digest. Cheap to import."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from chain_of_steps.files import digest_file, walk

DIGESTED = re.compile(
    r".*\.(safetensors|json)|(tokenizer|spiece|vocab|merges).*\.(model|txt)", re.IGNORECASE
)


def model_files(directory: str | Path) -> dict[str, Path]:
    """Name below `directory` -> each weight, config and tokenizer file, in linked folders too.

    They are what is digested, measured and watched. Empty where there is no such folder.
    """
    found = {path.relative_to(directory).as_posix(): path for path in walk(directory, hidden=False)}
    return {name: found[name] for name in sorted(found) if DIGESTED.fullmatch(found[name].name)}


def weight_files(directory: str | Path) -> list[Path]:
    """Its safetensors files."""
    return [p for p in model_files(directory).values() if p.suffix.lower() == ".safetensors"]


def directory_digest(directory: Path, digest: Callable[[Path], str] = digest_file) -> str:
    """sha256 hex over relative name and sha256 of each file of `model_files`.

    digest: of one file, for a caller that remembers those of large ones.
    """
    total = hashlib.sha256()
    for name, path in model_files(directory).items():
        total.update(f"{name}\0{digest(path)}\n".encode())
    return total.hexdigest()
