"""What comes with the package: its default study, and trained models. Cheap to import."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# setup.py puts them into a wheel; in a clone they lie where they are worked on
_FOLDERS = (_PACKAGE / "_shipped", _PACKAGE.parents[1])
CONFIG = "config.yaml"
MODELS = "models"


def shipped(name: str) -> Path | None:
    """The file or folder that came as `name`, such as models/depth-3, or None."""
    parts = Path(name).parts
    if name != CONFIG and (len(parts) != 2 or parts[0] != MODELS or parts[1].startswith(".")):
        return None
    return next((folder / name for folder in _FOLDERS if (folder / name).exists()), None)


def shipped_models() -> list[Path]:
    """The folders of the models that came with it, by name."""
    folder = next((one / MODELS for one in _FOLDERS if (one / MODELS).is_dir()), None)
    return [] if folder is None else sorted(p.parent for p in folder.glob("*/model_index.json"))
