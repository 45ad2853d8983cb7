"""Manifests: what made an artifact, beside it, and whether it is still what was written.

Cheap to import (no torch, no pandas): the workflow does it in every job.
"""

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from chain_of_steps.errors import UserError
from chain_of_steps.files import (
    AGAIN,
    digest_file,
    existing,
    files_below,
    manifest_path,
    read_json,
    write_json,
)

VERSIONED = (
    "av",
    "chain_of_steps",
    "diffusers",
    "matplotlib",
    "numpy",
    "pandas",
    "pillow",
    "pyarrow",
    "safetensors",
    "scipy",
    "seaborn",
    "snakemake",
    "tokenizers",
    "torch",
    "transformers",
)


def write_manifest(
    path: str | Path,
    *,
    inputs: Mapping[str, str] | Iterable[str | Path] = (),
    parameters: Mapping[str, Any],
    nfe: int = 0,
    seconds: float,
) -> Path:
    """Write what made the artifact at `path` beside it, as `<name>.manifest.json`.

    inputs: files (their digests are taken here) or a mapping from name to digest.
    parameters: JSON-able. nfe: transformer forward passes spent. seconds: wall-clock time.
    Returns the manifest's path. Raises UserError when the artifact or an input is missing.
    """
    path = Path(path)
    if not isinstance(inputs, Mapping):
        inputs = {shown_path(name): digest_file(name) for name in inputs}
    manifest = manifest_path(path)
    content = {
        "artifact": path.name,
        "bytes": _size(path),
        "sha256": digest_file(path),
        "inputs": dict(sorted(inputs.items())),
        "parameters": parameters,
        "nfe": nfe,
        "seconds": round(seconds, 3),
        "versions": package_versions(),
    }
    write_json(manifest, content)
    return manifest


def check_manifest(path: str | Path) -> dict:
    """The manifest of the artifact at `path`, if the artifact is still what was written.

    Raises UserError naming an artifact that is missing, truncated or altered, or whose manifest
    is missing or lacks what this reads.
    """
    path = Path(path)
    manifest = read_json(manifest_path(path))
    if not isinstance(manifest, dict) or not {"bytes", "sha256"} <= manifest.keys():
        raise UserError(f"{manifest_path(path)} has no size and digest: {AGAIN}.")
    found, expected = _size(existing(path)), manifest["bytes"]
    if found < expected:
        raise UserError(f"{path} is truncated ({found} of {expected} bytes): {AGAIN}.")
    if digest_file(path) != manifest["sha256"]:
        raise UserError(f"{path} was altered after its manifest was written: {AGAIN}.")
    return manifest


def check_if_recorded(path: Path) -> None:
    if manifest_path(path).exists():
        check_manifest(path)


def package_versions() -> dict[str, str]:
    """Versions of Python and of what can change a number or a picture, without importing it."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _size(path: Path) -> int:
    files = files_below(path) if path.is_dir() else [existing(path)]
    return sum(file.stat().st_size for file in files)


def shown_path(path: str | Path) -> str:
    """Relative to the working directory where that is possible: no machine's paths in manifests."""
    path = Path(path)
    absolute = path.absolute()
    inside = absolute.is_relative_to(Path.cwd())
    return (absolute.relative_to(Path.cwd()) if inside else path).as_posix()
