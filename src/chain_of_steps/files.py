"""Files that are whole or absent: atomic writes, JSON, YAML, digests. Cheap to import.

Everything is written to a temporary name in the same directory, fsynced and renamed, so that a
killed job leaves no half-written file.
"""

import errno
import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from chain_of_steps.errors import UserError

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
AGAIN = "delete it and run the command or rule that makes it again"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with its suffixes, to write a file or directory at.

    On leaving, what was written is fsynced and renamed to `path`, replacing what was there. After
    an exception (KeyboardInterrupt too) it is removed and `path` is as it was. Missing parent
    directories are made. Raises FileNotFoundError when nothing was written, and OSError naming
    `path` where there is no space or no right to write.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(4)}.tmp.{path.name}")
    try:
        yield temporary
        for written in (*temporary.rglob("*"), temporary) if temporary.is_dir() else (temporary,):
            _fsync(written)
        if path.is_dir():  # a directory cannot be renamed over one that is not empty
            old = path.with_name(f".{secrets.token_hex(4)}.tmp.{path.name}")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
        _fsync(path.parent)
    except BaseException as error:
        with suppress(OSError):  # a disk that cannot be written has nothing to remove
            _remove(temporary)
        if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# JSON


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented UTF-8 JSON in its own order of keys, atomically.

    Dataclasses, paths, numpy scalars and arrays become plain JSON; nan and infinity become null.
    """
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Content of a JSON file. Raises UserError when it is missing or not JSON."""
    try:
        return json.loads(existing(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UserError(f"{path} is not valid JSON ({where}: {error.msg}): {AGAIN}.") from None
    except (UnicodeDecodeError, OSError):
        raise UserError(f"{path} is not a readable text file: {AGAIN}.") from None


def read_yaml(path: Path, what: str) -> Any:
    """Content of a YAML file; `what` says in an error what the path should lead to."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: write the path of {what}.") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): write the path of {what}."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not valid YAML: {reason}.") from None


def plain(content: Any, null_nan: bool = True) -> Any:
    """`content` as what json can write."""
    if is_dataclass(content) and not isinstance(content, type):
        content = asdict(content)
    elif isinstance(content, Path):
        return content.as_posix()
    elif hasattr(content, "tolist"):  # numpy scalars and arrays, tensors
        content = content.tolist()
    if isinstance(content, Mapping):
        return {key: plain(value, null_nan) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value, null_nan) for value in content]
    if null_nan and isinstance(content, float) and not math.isfinite(content):
        return None
    return content


# Digests


def digest_file(path: str | Path) -> str:
    """sha256 (hex) of a file's bytes, or of a directory's file names and bytes.

    Raises UserError when there is none.
    """
    path = existing(path)
    if path.is_dir():
        return digest_files({p.relative_to(path).as_posix(): p for p in files_below(path)})
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_json(content: Any) -> str:
    """sha256 (hex) of `content` as canonical JSON: order of keys and spaces do not count.

    Takes what `write_json` takes, except that nan and infinity raise ValueError.
    """
    text = json.dumps(
        plain(content, null_nan=False), sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def files_below(directory: Path) -> list[Path]:
    """Every file below `directory` that is not a by-product of running Python."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return sorted(p for p in found if "__pycache__" not in p.parts and p.suffix != ".pyc")


def digest_files(files: Mapping[str, Path]) -> str:
    return digest_json({name: digest_file(path) for name, path in files.items()})


def existing(path: str | Path) -> Path:
    if not Path(path).exists():
        raise UserError(f"{path} does not exist: run the command or rule that makes it first.")
    return Path(path)


def inside(root: str | Path, name: str) -> Path:
    """`root` / `name`, where `name` was read from an artifact.

    Raises UserError when it leads out of `root`, through "..", as an absolute path or by a link.
    """
    path = Path(root) / name
    if not path.resolve().is_relative_to(Path(root).resolve()):
        raise UserError(f"{name!r} leads out of {root}: write a path below that folder.")
    return path
