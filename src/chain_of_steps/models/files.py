"""Which files of a pipeline's folder decide what it computes, and what is known of them.

Tens of GB take minutes to read, so what was measured of a file is remembered by its size, time and
inode. Cheap to import.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from chain_of_steps.files import MANIFEST_SUFFIX, atomic_path, digest_file, walk
from chain_of_steps.settings.models import Model

DIGESTED = re.compile(
    r".*\.(safetensors|json)|(tokenizer|spiece|vocab|merges).*\.(model|txt)", re.IGNORECASE
)
RACY = 2.0  # seconds within which a second change of a file may leave its time as it was


class Digests:
    """Digests of large files that are hashed once for each size, time and inode.

    path: where they are remembered, or None. A file that cannot be written costs hashing only.
    measure: what else is to be known of a file, as one text.
    """

    def __init__(self, path: Path | None, measure: Callable[[Path], str] = digest_file) -> None:
        self.path = path
        self.measure = measure
        self.known: dict[str, list] = {}
        if path is not None and path.is_file():
            try:
                self.known = dict(json.loads(path.read_text(encoding="utf-8")))
            except (ValueError, TypeError, OSError):
                self.known = {}

    @classmethod
    def of_results(
        cls,
        results: Path = Path("results"),
        name: str = "digests",
        measure: Callable[[Path], str] = digest_file,
    ) -> Digests:
        """Those that the studies of a folder share; without such a folder, the user's own."""
        folder = results if results.is_dir() else user_cache()
        return cls(folder / f".{name}.json", measure)

    def of(self, path: Path) -> str:
        """sha256 (hex) of a file, or what `measure` says. Raises UserError when there is none."""
        try:
            now = path.stat()
        except OSError:
            return digest_file(path)
        key = [now.st_size, now.st_mtime_ns, now.st_ino]
        name = path.absolute().as_posix()
        found = self.known.get(name)
        if isinstance(found, list) and found[:-1] == key:
            return found[-1]
        measured = self.measure(path)
        if abs(time.time() - now.st_mtime) > RACY:
            self.known[name] = [*key, measured]
            self._keep()
        return measured

    def _keep(self) -> None:
        if self.path is None:
            return
        try:
            with atomic_path(self.path) as temporary:
                temporary.write_text(json.dumps(self.known), encoding="utf-8")
        except OSError:
            self.path = None


def user_cache() -> Path:
    """The folder of this package in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "chain_of_steps"


def model_files(directory: str | Path) -> dict[str, Path]:
    """Name below `directory` -> each weight, config and tokenizer file, in linked folders too.

    They are what is digested, measured and watched. Empty where there is no such folder.
    """
    found = {path.relative_to(directory).as_posix(): path for path in walk(directory, hidden=False)}
    return {
        name: found[name]
        for name in sorted(found)
        if DIGESTED.fullmatch(found[name].name) and not name.endswith(MANIFEST_SUFFIX)
    }


def weight_files(directory: str | Path) -> list[Path]:
    """Its safetensors files."""
    return [p for p in model_files(directory).values() if p.suffix.lower() == ".safetensors"]


def not_finite(path: Path) -> str:
    """The first tensor of a safetensors file that holds nan or infinity; "" where none does."""
    import torch
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118  it is no dict
            tensor = file.get_tensor(name)
            if tensor.is_floating_point() and tensor.numel():
                # a byte wide: no arithmetic of its own. The extremes are not finite where one is
                # not, and take no memory, as a mask of a tensor of many GB would.
                wide = tensor.float() if tensor.itemsize == 1 else tensor
                if not all(map(torch.isfinite, torch.aminmax(wide))):
                    return name
    return ""


def directory_digest(directory: Path, digest: Callable[[Path], str] = digest_file) -> str:
    """sha256 hex over relative name and sha256 of each file of `model_files`.

    digest: of one file, for a caller that remembers those of large ones.
    """
    total = hashlib.sha256()
    for name, path in model_files(directory).items():
        total.update(f"{name}\0{digest(path)}\n".encode())
    return total.hexdigest()


def weights_of(model: Model, digests: Digests) -> dict[str, str]:
    """Path -> digest of a configured model's folder and LoRAs, where they are local."""
    loras = [Path(lora.path) for lora in (model.lora.high, model.lora.low) if lora]
    found = {path.as_posix(): digests.of(path) for path in loras if path.is_file()}
    folder = Path(model.path)
    if folder.is_dir():
        found[folder.as_posix()] = directory_digest(folder, digests.of)
    return found
